"""COCO's run lengths: counts, characters and runs, by hand and as pycocotools has them."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mrcnn.data.masks.coco_rle import (
    as_rle,
    counts_from_runs,
    pack,
    runs_from_counts,
    segmentation_counts,
    unpack,
)


def numbers(values):
    return np.array(values, np.int64)


def test_counts_are_zeros_and_ones_in_turn_by_hand():
    # 5 zeros, 3 ones, 1 zero, 3 ones, 8 zeros
    starts, lengths = runs_from_counts(numbers([5, 3, 1, 3, 8]))
    assert starts.tolist() == [5, 9] and lengths.tolist() == [3, 3]
    assert counts_from_runs(starts, lengths, 20).tolist() == [5, 3, 1, 3, 8]


@pytest.mark.parametrize(
    ("counts", "starts", "lengths"),
    [
        ([], [], []),
        ([20], [], []),
        ([0, 20], [0], [20]),
        ([2, 18], [2], [18]),
        ([2, 0, 3, 4, 11], [5], [4]),
        ([20, 0], [], []),
    ],
)
def test_runs_have_a_pixel_each(counts, starts, lengths):
    assert [values.tolist() for values in runs_from_counts(numbers(counts))] == [starts, lengths]


def test_counts_of_a_mask_that_is_empty_or_full():
    assert counts_from_runs(numbers([]), numbers([]), 6).tolist() == [6]
    assert counts_from_runs(numbers([0]), numbers([6]), 6).tolist() == [0, 6, 0]


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
        assert segmentation_counts(segmentation, (4, 5)).tolist() == plain["counts"]
    assert pack(numbers(plain["counts"])).encode() == packed["counts"]


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        (
            None,
            "Annotation 5 has a segmentation that cannot be read: it is null. Expected polygons, "
            "or run lengths",
        ),
        ("abc", "it is 'abc'"),
        ({"counts": [20]}, "it has no size"),
        ({"size": [4, 5]}, "it has no counts"),
        ({"size": 4, "counts": [20]}, "its size is 4"),
        ({"size": [4, "5"], "counts": [20]}, "its size is"),
        ({"size": [4, 5], "counts": [20, None]}, "not all whole numbers"),
        ({"size": [4, 5], "counts": [1.5, 18.5]}, "not all whole numbers"),
        ({"size": [4, 5], "counts": 7}, "its counts are 7"),
        ({"size": [4, 5], "counts": "é"}, "its counts are"),
        (
            {"size": [4, 4], "counts": [16]},
            "Annotation 5 has a mask of 4x4, but its photo is 4 high and 5 wide",
        ),
        *(
            (
                {"size": [4, 5], "counts": counts},
                "Annotation 5 has run lengths that cannot be: those of an image 4 high and 5 wide",
            )
            for counts in (
                [21],
                [19],
                [-1, 21],
                [0, 2**80],
                [],
                "",
                "0",
                "!",
                "P",
                "oooooooooooo0",
                b"\x00",
            )
        ),
        (
            [[1, 1, 3e8, 1, 5, 7]],
            "Annotation 5 has a segmentation that cannot be read: a polygon has the coordinate 3e",
        ),
    ],
)
def test_what_is_no_mask_of_the_image_is_refused_by_name(segmentation, message):
    with pytest.raises(ValueError, match=message):
        segmentation_counts(segmentation, (4, 5), "Annotation 5")


def test_whole_floats_and_numpys_arrays_are_run_lengths():
    assert as_rle({"size": [4.0, 5.0], "counts": [5.0, 3.0, 12.0]}, (4, 5)) == as_rle(
        {"size": np.array([4, 5]), "counts": np.array([5, 3, 12])}, (4, 5)
    )


def test_a_huge_size_is_refused_where_no_image_says_otherwise():
    with pytest.raises(ValueError, match="pixels are the most"):
        as_rle({"size": [2**20, 2**20], "counts": [2**40]}, None)
    with pytest.raises(ValueError, match="need the height and width"):
        as_rle([[1, 1, 3, 1, 3, 4]], None)
