"""Run lengths of Label Studio's brush; the bytes below are what its own encoder makes."""

import hashlib

import numpy as np
import pytest

from fashion.formats.brush_rle import decode, encode

SMALL = np.zeros((3, 4), bool)
SMALL[1, 1:3] = True
Y, X = np.ogrid[:300, :400]
ELLIPSE = (Y - 150) ** 2 / 4 + (X - 200) ** 2 < 9000


def test_the_bytes_are_those_of_label_studio():
    assert encode(SMALL) == [0, 0, 0, 48, 57, 27, 254, 19, 0, 159, 255, 9, 128, 0]
    assert encode(np.ones((2, 2), bool)) == [0, 0, 0, 16, 57, 27, 253, 255, 240]
    data = encode(ELLIPSE)
    assert len(data) == 2036
    assert hashlib.sha256(bytes(data)).hexdigest()[:16] == "10f64fe2df57e38a"


def test_a_run_that_is_too_long_is_cut():
    empty = [58, 151, 248, 0]
    assert encode(np.zeros((300, 400), bool))[-4:] == empty


@pytest.mark.parametrize("seed", range(10))
def test_masks_come_back(seed):
    rng = np.random.default_rng(seed)
    mask = np.repeat(rng.random(rng.integers(1, 30, 2)) < 0.5, rng.integers(1, 9), axis=1)
    np.testing.assert_array_equal(decode(encode(mask), mask.shape), mask)


def test_other_bytes_are_refused():
    with pytest.raises(ValueError, match="Expected 5 x 5"):
        decode(encode(SMALL), (5, 5))
    with pytest.raises(ValueError, match="cut off"):
        decode(encode(ELLIPSE)[:50], ELLIPSE.shape)
