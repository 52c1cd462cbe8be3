"""idx files: read byte by byte, refused where they are not whole."""

import gzip

import numpy as np
import pytest

from fashion.classify.idx import read_idx

TWO_BY_THREE = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes([1, 2, 3, 4, 5, 255])


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_rows_follow_each_other_whatever_the_name(tmp_path, pack):
    (tmp_path / "file").write_bytes(pack(TWO_BY_THREE))
    array = read_idx(tmp_path / "file")
    assert array.dtype == np.uint8 and array.tolist() == [[1, 2, 3], [4, 5, 255]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (TWO_BY_THREE[:-1], "should hold 18 bytes, as its head says, and holds 17"),
        (TWO_BY_THREE + b"x", "should hold 18 bytes, as its head says, and holds 19"),
        (TWO_BY_THREE[:7], "should hold 12 bytes.* holds 7"),
        (b"<html>", "no idx file of bytes"),
        (b"", "no idx file of bytes"),
        (bytes([0, 0, 13, 1, 0, 0, 0, 0]), "no idx file of bytes"),  # floats
        (gzip.compress(TWO_BY_THREE, mtime=0)[:-9], "cannot be unpacked"),
    ],
)
def test_what_is_not_whole_is_told(tmp_path, data, message):
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_idx(tmp_path / "file")
