"""Polygons along the edges of pixels."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mrcnn.data.masks.outlines import joined, trace


def filled(polygon, size_hw):
    return coco_mask.decode(
        coco_mask.merge(coco_mask.frPyObjects([polygon.ravel().astype(float).tolist()], *size_hw))
    ).astype(bool)


def test_a_rectangle_has_its_four_corners():
    mask = np.zeros((5, 6), bool)
    mask[1:4, 2:5] = True
    (loop,) = trace(mask)
    assert sorted(map(tuple, loop.tolist())) == [(2, 1), (2, 4), (5, 1), (5, 4)]


def test_a_hole_is_a_loop_of_its_own():
    mask = np.ones((5, 5), bool)
    mask[2, 2] = False
    assert sorted(len(loop) for loop in trace(mask)) == [4, 4]
    np.testing.assert_array_equal(filled(joined(trace(mask)), mask.shape), mask)


def test_an_empty_mask_has_no_outline():
    assert trace(np.zeros((3, 3), bool)) == []


@pytest.mark.parametrize("seed", range(20))
def test_any_mask_comes_back_from_one_polygon(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 14, 2)) < rng.uniform(0.2, 0.95)
    loops = trace(mask)
    if mask.any():
        np.testing.assert_array_equal(filled(joined(loops), mask.shape), mask)


def test_parts_that_touch_in_a_corner_stay_apart_from_the_rest():
    mask = np.array([[1, 0], [0, 1]], bool)
    np.testing.assert_array_equal(filled(joined(trace(mask)), mask.shape), mask)
