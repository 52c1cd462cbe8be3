"""PyTorch's old files, written here by hand: tensors come out, code does not run."""
import io
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from mrcnn.training.torch_file import MAGIC, PROTOCOL, read_torch_file


class Named:
    """Pickled as module.name, whatever that is."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Storage:
    def __init__(self, kind, key, values):
        self.kind, self.key, self.values = kind, key, values


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.content = storage, offset, shape, strides


class Call:
    """Unpickles by calling module.name(*arguments)."""

    def __init__(self, module, name, *arguments):
        self.function, self.arguments = Named(module, name), arguments


class Writer(pickle._Pickler):
    def persistent_id(self, item):
        if isinstance(item, Storage):
            return ("storage", Named("torch", item.kind), item.key, "cpu", len(item.values), None)

    def save(self, item, save_persistent_id=True):
        if isinstance(item, Named):
            self.write(pickle.GLOBAL + f"{item.module}\n{item.name}\n".encode())
        elif isinstance(item, Tensor):
            self.save_reduce(Named("torch._utils", "_rebuild_tensor_v2"), (*item.content, False, OrderedDict()))
        elif isinstance(item, Call):
            self.save_reduce(item.function, item.arguments)
        else:
            super().save(item, save_persistent_id)

    def save_reduce(self, function, arguments, *rest, **options):
        if not isinstance(function, Named):
            return super().save_reduce(function, arguments, *rest, **options)
        self.save(function)
        self.save(arguments)
        self.write(pickle.REDUCE)


def write(path, state, storages=(), magic=MAGIC):
    file = io.BytesIO()
    for part in (magic, PROTOCOL, {"little_endian": True}, state, [s.key for s in storages]):
        Writer(file, 2).dump(part)
    for storage in storages:
        file.write(len(storage.values).to_bytes(8, "little") + storage.values.tobytes())
    path.write_bytes(file.getvalue())
    return path


@pytest.fixture
def whole(tmp_path):
    numbers = Storage("FloatStorage", "11", np.arange(10, dtype="<f4"))
    count = Storage("LongStorage", "12", np.array([7], "<i8"))
    return write(tmp_path / "net.pth", OrderedDict(
        kernel=Tensor(numbers, 2, (2, 3), (3, 1)), turned=Tensor(numbers, 0, (3, 2), (1, 3)), count=Tensor(count, 0, (), ())),
        [numbers, count])


def test_tensors_have_their_offset_shape_and_strides(whole):
    tensors = read_torch_file(whole)
    assert list(tensors) == ["kernel", "turned", "count"]
    assert tensors["kernel"].tolist() == [[2, 3, 4], [5, 6, 7]] and tensors["kernel"].dtype == np.float32
    assert tensors["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert tensors["count"] == 7


def test_a_file_that_wants_to_run_something_is_refused(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(os, "system", ran.append)
    path = write(tmp_path / "evil.pth", OrderedDict(kernel=Call("os", "system", "echo hello")))
    with pytest.raises(ValueError, match="it wants os.system"):
        read_torch_file(path)
    with pytest.raises(ValueError, match="it wants builtins.eval|it wants __builtin__.eval"):
        read_torch_file(write(path, OrderedDict(kernel=Call("builtins", "eval", "1"))))
    assert not ran


@pytest.mark.parametrize("cut", [1, 4, 9, 30, 100])
def test_a_file_that_is_cut_off_is_refused(whole, cut):
    whole.write_bytes(whole.read_bytes()[:-cut])
    with pytest.raises(ValueError, match="not a state dict"):
        read_torch_file(whole)


def test_a_tensor_larger_than_its_storage_is_refused(tmp_path):
    numbers = Storage("FloatStorage", "1", np.zeros(4, "<f4"))
    path = write(tmp_path / "net.pth", OrderedDict(kernel=Tensor(numbers, 0, (3, 2), (2, 1))), [numbers])
    with pytest.raises(ValueError, match="larger than its storage"):
        read_torch_file(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a zip, as PyTorch writes since 1.6", b"", b"hello"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="other.pth is not a state dict in PyTorch's old file format"):
        read_torch_file(path)


def test_another_magic_number_is_refused(tmp_path):
    with pytest.raises(ValueError, match="magic"):
        read_torch_file(write(tmp_path / "net.pth", OrderedDict(), magic=1))
