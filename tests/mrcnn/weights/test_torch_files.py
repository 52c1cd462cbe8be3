"""PyTorch's files, old and new, written here by hand: tensors come out, code does not run."""

import os
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from mrcnn.weights.torch_files import read_torch_file


@pytest.fixture(params=["write", "write_zip"])
def whole(tmp_path, torch_files, request):
    Storage, Tensor = torch_files.Storage, torch_files.Tensor
    numbers = Storage("FloatStorage", "11", np.arange(10, dtype="<f4"))
    count = Storage("LongStorage", "12", np.array([7], "<i8"))
    return getattr(torch_files, request.param)(
        tmp_path / "net.pth",
        OrderedDict(
            kernel=Tensor(numbers, 2, (2, 3), (3, 1)),
            turned=Tensor(numbers, 0, (3, 2), (1, 3)),
            count=Tensor(count, 0, (), ()),
        ),
        [numbers, count],
    )


def test_tensors_have_their_offset_shape_and_strides(whole):
    tensors = read_torch_file(whole)
    assert list(tensors) == ["kernel", "turned", "count"]
    assert (
        tensors["kernel"].tolist() == [[2, 3, 4], [5, 6, 7]]
        and tensors["kernel"].dtype == np.float32
    )
    assert tensors["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert tensors["count"] == 7


@pytest.mark.parametrize("kind", ["write", "write_zip"])
def test_a_file_that_wants_to_run_something_is_refused(tmp_path, monkeypatch, torch_files, kind):
    ran = []
    monkeypatch.setattr(os, "system", ran.append)
    write, Call = getattr(torch_files, kind), torch_files.Call
    path = write(tmp_path / "evil.pth", OrderedDict(kernel=Call("os", "system", "echo hello")))
    with pytest.raises(ValueError, match="it asks for os.system"):
        read_torch_file(path)
    with pytest.raises(ValueError, match="it asks for builtins.eval|it asks for __builtin__.eval"):
        read_torch_file(write(path, OrderedDict(kernel=Call("builtins", "eval", "1"))))
    assert not ran


@pytest.mark.parametrize("cut", [1, 4, 9, 30, 100])
def test_a_file_that_is_cut_off_is_refused(whole, cut):
    whole.write_bytes(whole.read_bytes()[:-cut])
    with pytest.raises(ValueError, match="not a state dict"):
        read_torch_file(whole)


@pytest.mark.parametrize("kind", ["write", "write_zip"])
def test_a_tensor_larger_than_its_storage_is_refused(tmp_path, torch_files, kind):
    numbers = torch_files.Storage("FloatStorage", "1", np.zeros(4, "<f4"))
    path = getattr(torch_files, kind)(
        tmp_path / "net.pth",
        OrderedDict(kernel=torch_files.Tensor(numbers, 0, (3, 2), (2, 1))),
        [numbers],
    )
    with pytest.raises(ValueError, match="larger than its storage"):
        read_torch_file(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a broken zip", b"", b"hello"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="other.pth is not a state dict as PyTorch stores it"):
        read_torch_file(path)


def test_another_zip_file_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("photo.jpg", b"")
    with pytest.raises(ValueError, match="a .zip file without a data.pkl"):
        read_torch_file(tmp_path / "photos.zip")


def test_another_magic_number_is_refused(tmp_path, torch_files):
    with pytest.raises(ValueError, match="magic"):
        read_torch_file(torch_files.write(tmp_path / "net.pth", OrderedDict(), magic=1))


@pytest.mark.parametrize("kind", ["write", "write_zip"])
@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (4,), (-1,)),
        (3, (2,), (-1,)),
        (-1, (1,), (1,)),
        (0, (5,), (1,)),
        (4, (1,), (1,)),
        (0, (4096,), (0,)),
        (0, (2, 2), (1, 0)),
        (0, (3, 3), (1, 1)),
        (0, (2,), (2**61,)),
        (2**70, (1,), (1,)),
        (0, (-1,), (1,)),
        (0, (2,), (1, 1)),
        (0, (1.5,), (1,)),
        (0, (2**40, 0), (1, 1, 1)),
        ("0", (1,), (1,)),
        (None, (1,), (1,)),
    ],
)
def test_a_tensor_that_reaches_outside_its_storage_or_repeats_it_is_refused_by_name(
    tmp_path, torch_files, kind, offset, shape, strides
):
    numbers = torch_files.Storage("FloatStorage", "1", np.zeros(4, "<f4"))
    path = getattr(torch_files, kind)(
        tmp_path / "net.pth",
        OrderedDict(fc=torch_files.Tensor(numbers, offset, shape, strides)),
        [numbers],
    )
    with pytest.raises(ValueError, match="net.pth is not a state dict .*the tensor 'fc'"):
        read_torch_file(path)


@pytest.mark.parametrize(
    ("shape", "strides"),
    [((4,), (1,)), ((1, 4), (99, 1)), ((2, 1, 2), (2, 7, 1)), ((0, 4), (4, 1)), ((), ())],
)
def test_strides_of_sides_of_one_do_not_matter(tmp_path, torch_files, shape, strides):
    numbers = torch_files.Storage("FloatStorage", "1", np.arange(4, dtype="<f4"))
    path = torch_files.write_zip(
        tmp_path / "net.pth",
        OrderedDict(fc=torch_files.Tensor(numbers, 0, shape, strides)),
        [numbers],
    )
    read = read_torch_file(path)["fc"]
    assert read.shape == shape and read.ravel().tolist() == [0.0, 1.0, 2.0, 3.0][: read.size]


def test_a_zip_that_unpacks_to_more_than_it_is_is_refused(tmp_path, torch_files):
    numbers = torch_files.Storage("FloatStorage", "1", np.zeros(1_000_000, "<f4"))
    whole = torch_files.write_zip(
        tmp_path / "net.pth", OrderedDict(fc=torch_files.Tensor(numbers, 0, (4,), (1,))), [numbers]
    )
    with (
        zipfile.ZipFile(whole) as archive,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in archive.namelist():
            bomb.writestr(name, archive.read(name))
    with pytest.raises(ValueError, match="bomb.pth .* is compressed"):
        read_torch_file(tmp_path / "bomb.pth")


def test_half_a_file_of_today_is_told_to_be_deleted(whole):
    if whole.read_bytes()[:2] != b"PK":
        pytest.skip("of the old format")
    whole.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(ValueError, match="net.pth .*is cut off; delete it and download it again"):
        read_torch_file(whole)


def test_an_entry_that_is_no_tensor_is_named(tmp_path, torch_files):
    for content, told in (
        ({"epoch": 3}, "'epoch' is not a tensor"),
        ({5: 1}, "no dict of names"),
        ([1], "no dict of names"),
    ):
        with pytest.raises(ValueError, match=told):
            read_torch_file(torch_files.write_zip(tmp_path / "net.pth", content))


def test_a_zip_with_a_broken_name_is_refused_in_our_words(tmp_path):
    path = tmp_path / "net.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/dätä.pkl", b"")  # its name is marked as UTF-8
    path.write_bytes(path.read_bytes().replace("ä".encode(), b"\x9c\x9c"))
    with pytest.raises(
        ValueError, match="net.pth .*: it is damaged, cut off, or of another format"
    ):
        read_torch_file(path)
