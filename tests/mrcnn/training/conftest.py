"""One tiny detector for the tests of this folder; each test that changes its weights starts from the same ones. And PyTorch's files,
written here by hand."""

import io
import pickle
import zipfile
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn.training.torch_file import MAGIC, PROTOCOL


@pytest.fixture(scope="module")
def detector(plain_config):
    """Freshly built with seed 0 for every test file."""
    import keras

    from mrcnn.modeling.build import build_detector

    keras.utils.set_random_seed(0)
    return build_detector(plain_config())


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
            self.save_reduce(
                Named("torch._utils", "_rebuild_tensor_v2"), (*item.content, False, OrderedDict())
            )
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


def write_zip(path, state, storages=()):
    """As PyTorch has written since 1.6."""
    pickled = io.BytesIO()
    Writer(pickled, 2).dump(state)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", pickled.getvalue())
        archive.writestr("net/version", "3\n")
        for storage in storages:
            archive.writestr(f"net/data/{storage.key}", storage.values.tobytes())
    return path


def write_arrays(path, arrays, writer=write):
    """{name: float32 array}, each in a storage of its own."""
    storages = [
        Storage("FloatStorage", str(i), array.astype("<f4").ravel())
        for i, array in enumerate(arrays.values())
    ]
    tensors = [
        Tensor(storage, 0, array.shape, tuple(n // 4 for n in np.zeros(array.shape, "<f4").strides))
        for storage, array in zip(storages, arrays.values(), strict=True)
    ]
    return writer(path, OrderedDict(zip(arrays, tensors, strict=True)), storages)


@pytest.fixture(scope="session")
def torch_files():
    """What writes such files: write(path, state, storages), write_zip, write_arrays(path, arrays); and what a state consists of."""
    return SimpleNamespace(
        write=write,
        write_zip=write_zip,
        write_arrays=write_arrays,
        Storage=Storage,
        Tensor=Tensor,
        Call=Call,
    )
