"""COCO's run lengths: counts, characters and runs, by hand and as pycocotools has them."""
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mrcnn.data.coco_runs import counts_of, counts_of_runs, pack, runs_of_counts, unpack


def numbers(values):
    return np.array(values, np.int64)


def test_counts_are_zeros_and_ones_in_turn_by_hand():
    # 5 zeros, 3 ones, 1 zero, 3 ones, 8 zeros
    starts, lengths = runs_of_counts(numbers([5, 3, 1, 3, 8]))
    assert starts.tolist() == [5, 9] and lengths.tolist() == [3, 3]
    assert counts_of_runs(starts, lengths, 20).tolist() == [5, 3, 1, 3, 8]


@pytest.mark.parametrize(("counts", "starts", "lengths"), [
    ([], [], []), ([20], [], []), ([0, 20], [0], [20]), ([2, 18], [2], [18]), ([2, 0, 3, 4, 11], [5], [4]), ([20, 0], [], [])])
def test_runs_have_a_pixel_each(counts, starts, lengths):
    assert [values.tolist() for values in runs_of_counts(numbers(counts))] == [starts, lengths]


def test_counts_of_a_mask_that_is_empty_or_full():
    assert counts_of_runs(numbers([]), numbers([]), 6).tolist() == [6]
    assert counts_of_runs(numbers([0]), numbers([6]), 6).tolist() == [0, 6, 0]


def test_unpack_undoes_pack_and_takes_a_list_as_it_is():
    rng = np.random.default_rng(0)
    for most in (2, 40, 10**7):
        counts = rng.integers(1, most, 50)
        for packed in (pack(counts), pack(counts).encode(), counts.tolist()):
            assert unpack(packed).tolist() == counts.tolist()
    assert unpack([]).dtype == unpack("").dtype == np.int64 and len(unpack("")) == 0


def test_every_kind_of_segmentation_has_the_counts_of_pycocotools():
    plain = {"size": [4, 5], "counts": [5, 3, 1, 3, 8]}
    packed = coco_mask.frPyObjects(plain, 4, 5)
    for segmentation in (plain, packed, [[1, 1, 3, 1, 3, 4, 1, 4]]):
        assert counts_of(segmentation, (4, 5)).tolist() == plain["counts"]
    assert pack(numbers(plain["counts"])).encode() == packed["counts"]
