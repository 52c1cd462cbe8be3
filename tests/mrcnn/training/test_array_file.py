"""Detectron's pickled arrays: they come out by name, code does not run."""
import os
import pickle

import numpy as np
import pytest

from mrcnn.training.array_file import read_array_file

ARRAYS = {"conv1_w": np.arange(6, dtype=np.float32).reshape(2, 3), "scale": np.float64([1, 2])}


def write(path, content, old_numpy=False):
    """By protocol 2, as Python 2 writes; old_numpy: by the names from before NumPy 2."""
    data = pickle.dumps(content, protocol=2)
    path.write_bytes(data.replace(b"numpy._core", b"numpy.core") if old_numpy else data)
    return path


@pytest.mark.parametrize("content", [ARRAYS, {"model": ARRAYS, "__author__": "Detectron2"}, {"blobs": ARRAYS | {"lr": 0.1}, "cfg": "…"}])
@pytest.mark.parametrize("old_numpy", [False, True])
def test_arrays_lie_at_the_top_or_under_their_key(tmp_path, content, old_numpy):
    read = read_array_file(write(tmp_path / "net.pkl", content, old_numpy))
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
    with pytest.raises(ValueError, match="evil.pkl is not a pickled dict of arrays: it wants (posix|nt|os).system"):
        read_array_file(path)
    assert not ran


@pytest.mark.parametrize("content", [b"", b"hello", pickle.dumps([1, 2])])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="other.pkl is not a pickled dict of arrays"):
        read_array_file(path)
