"""Detectron's pickled arrays: they come out by name, code does not run."""

import os
import pickle

import numpy as np
import pytest

from mrcnn.weights.detectron_files import read_detectron_file

ARRAYS = {"conv1_w": np.arange(6, dtype=np.float32).reshape(2, 3), "scale": np.float64([1, 2])}


def write(path, content, old_numpy=False):
    """By protocol 2, as Python 2 writes; old_numpy: by the names from before NumPy 2."""
    data = pickle.dumps(content, protocol=2)
    path.write_bytes(data.replace(b"numpy._core", b"numpy.core") if old_numpy else data)
    return path


@pytest.mark.parametrize(
    "content",
    [
        ARRAYS,
        {"model": ARRAYS, "__author__": "Detectron2"},
        {"blobs": ARRAYS | {"lr": 0.1}, "cfg": "…"},
    ],
)
@pytest.mark.parametrize("old_numpy", [False, True])
def test_arrays_lie_at_the_top_or_under_their_key(tmp_path, content, old_numpy):
    read = read_detectron_file(write(tmp_path / "net.pkl", content, old_numpy))
    assert list(read) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


class Evil:
    def __reduce__(self):
        return os.system, ("echo hello",)


def test_a_file_that_wants_to_run_something_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path / "evil.pkl", {"model": Evil()})
    ran = []
    monkeypatch.setattr(os, "system", ran.append)
    with pytest.raises(
        ValueError,
        match="evil.pkl is not a pickled dict of arrays: it asks for (posix|nt|os).system",
    ):
        read_detectron_file(path)
    assert not ran


@pytest.mark.parametrize("content", [b"", b"hello", pickle.dumps([1, 2])])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="other.pkl is not a pickled dict of arrays"):
        read_detectron_file(path)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3), np.float32),
        np.float64([[1, 2], [3, 4]]).T,
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.array([True, False]),
        np.float16(2) * np.ones((1, 1, 1, 2), np.float16),
    ],
)
def test_every_kind_of_numbers_comes_out_with_its_shape(tmp_path, protocol, array):
    (tmp_path / "net.pkl").write_bytes(pickle.dumps({"model": {"w": array}}, protocol))
    read = read_detectron_file(tmp_path / "net.pkl")["w"]
    assert read.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    "array",
    [
        np.array([object()]),
        np.array(["text"]),
        np.array([b"bytes"]),
        np.array([1j]),
        np.zeros(2, [("a", "f4")]),
        np.array(["2020-01-01"], "M8[D]"),
    ],
)
def test_an_array_of_anything_but_numbers_is_refused_by_name(tmp_path, array):
    content = {"res2_0_w": np.array([None]) if array.dtype == object else array}
    with pytest.raises(ValueError, match="net.pkl .*'res2_0_w' .*only arrays of numbers"):
        read_detectron_file(write(tmp_path / "net.pkl", content))


class Forged:
    """Pickles as an array of `dtype` and `shape` over `data`, whatever they are."""

    def __init__(self, shape=(1,), dtype="f4", data=b"AAAA"):
        self.content = shape, dtype, data

    def __reduce__(self):
        shape, dtype, data = self.content
        return (
            np.zeros(0).__reduce__()[0],
            (np.ndarray, (0,), b"b"),
            (1, shape, np.dtype(dtype), False, data),
        )


@pytest.mark.parametrize(
    "forged",
    [
        Forged(dtype="O", data=b"A" * 8),
        Forged(shape=(2,)),
        Forged(shape=(-1,)),
        Forged(shape=(2**62, 4)),
        Forged(shape=2),
        Forged(data=5),
        Forged(shape=(1,) * 40),
        Forged(shape=(True,)),
        Forged(data=["a"]),
        Forged(data=None),
    ],
)
def test_an_array_whose_bytes_do_not_fit_is_refused_by_name(tmp_path, forged):
    with pytest.raises(ValueError, match="net.pkl .*the array 'conv1_w'"):
        read_detectron_file(write(tmp_path / "net.pkl", {"model": {"conv1_w": forged}}))


class OddType:
    def __reduce__(self):
        return np.dtype, ("f4",), {0: 0}


class OddArray:
    def __reduce__(self):
        rebuild, arguments, _ = np.zeros(2, np.float32).__reduce__()
        return rebuild, arguments, (1, (2,), OddType(), False, bytes(8))


def test_an_array_whose_type_has_a_state_of_another_form_is_refused(tmp_path):
    with pytest.raises(ValueError, match="the array 'w' is incomplete"):
        read_detectron_file(write(tmp_path / "net.pkl", {"w": OddArray()}))
