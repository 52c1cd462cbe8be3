"""Polygons: what pycocotools can fill is filled as it does, and nothing else reaches it."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mrcnn.data.masks.polygons import max_coordinate, polygons_to_rle


def area(*polygons, size_hw=(100, 120)):
    return int(coco_mask.area(polygons_to_rle(list(polygons), size_hw)))


def test_polygons_are_filled_and_united():
    assert area([10, 10, 20, 10, 20, 30, 10, 30]) == 200
    assert (
        area(
            [0, 0, 10, 0, 10, 10, 0, 10],
            (5, 0, 15, 0, 15, 10, 5, 10),
            np.array([50, 50, 51, 50, 51, 51, 50, 51.0]),
        )
        == 151
    )


def test_what_leaves_the_image_is_cut_off():
    assert area([-5, -5, 130, -5, 130, 110, -5, 110]) == 100 * 120
    assert area([-900, -900, -800, -900, -800, -800]) == 0


def test_the_farthest_coordinate_grows_with_the_image_and_fits_32_bits():
    assert max_coordinate((100, 120)) == 10_000 and max_coordinate((3000, 4000)) == 40_000
    assert 5 * max_coordinate((1, 2**28)) < 2**31


@pytest.mark.parametrize(
    ("polygons", "reason"),
    [
        ([], "there are no polygons"),
        ([[]], "at least three points"),
        ([[1, 2, 3, 4]], "at least three points"),
        ([[1, 2, 3, 4, 5, 6, 7]], "at least three points"),
        ([1, 2, 3, 4, 5, 6], "1 is not a polygon"),
        ([None], "null is not a polygon"),
        ([[[1, 2], [3, 4], [5, 6], [7, 8], [9, 9], [8, 7]]], "expected numbers"),
        ([["1"] * 6], "expected numbers"),
        ([[True] * 6], "expected numbers"),
        ([[None] * 6], "expected numbers"),
        ([[2, 2, float("nan"), 2, 12, 12]], "expected numbers"),
        ([[2, 2, float("inf"), 2, 12, 12]], "expected numbers"),
        ([[1, 1, 10**400, 2, 3, 3]], "expected numbers"),
        (
            [[1, 1, 3e8, 3e8, 5, 7]],
            "the coordinate 3e\\+08, far outside an image 100 high and 120 wide",
        ),
        ([[1, 1, -(2**31), 1, 5, 7]], "far outside"),
        ([[1, 1, 2**63, 1, 5, 7]], "far outside"),
        ([[1, 1, 1e308, 1, 5, 7]], "far outside"),
        ([[1, 1, 10_001, 1, 5, 7]], "far outside"),
    ],
)
def test_what_would_crash_pycocotools_is_refused(polygons, reason):
    with pytest.raises(ValueError, match=reason):
        polygons_to_rle(polygons, (100, 120))


def test_an_outline_that_takes_gigabytes_is_refused():
    to_and_fro = [edge for i in range(4000) for edge in ((0, 0) if i % 2 else (3999, 2999))]
    with pytest.raises(ValueError, match="its outline is 15996000 pixels long"):
        polygons_to_rle([to_and_fro], (3000, 4000))
