"""Masks as small windows: the same masks as those that fill a canvas each."""

import numpy as np
import pytest

from mrcnn.data.masks.cropped import CroppedMasks
from mrcnn.data.masks.instance import boxes_of_masks, minimise


@pytest.fixture
def masks():
    """(30, 40, 11) bool: ellipses of every size, some cut off by the border, and one that
    is empty."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:30, :40][..., None]
    centre_y, centre_x, size = (
        rng.uniform(0, 30, 11),
        rng.uniform(0, 40, 11),
        rng.uniform(2, 12, 11),
    )
    masks = (y - centre_y) ** 2 + 2 * (x - centre_x) ** 2 < size**2
    masks[:, :, 4] = False
    return masks


def test_a_window_by_hand():
    masks = CroppedMasks([np.array([[1, 0], [1, 1]], bool)], [(1, 2)], (4, 5))
    assert masks.dense()[:, :, 0].astype(int).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0],
    ]
    assert masks.boxes.tolist() == [[1, 2, 3, 4]] and masks.areas.tolist() == [3]
    assert masks.slices == [(slice(1, 3), slice(2, 4))]


def test_dense_undoes_from_dense(masks):
    small = CroppedMasks.from_dense(masks)
    np.testing.assert_array_equal(small.dense(), masks)
    np.testing.assert_array_equal(small.boxes, boxes_of_masks(masks))
    np.testing.assert_array_equal(small.areas, masks.sum(axis=(0, 1)))


@pytest.mark.parametrize("count", [0, 1, 8, 9, 11])
def test_eight_masks_share_a_plane(masks, count):
    small = CroppedMasks.from_dense(masks[:, :, :count])
    planes = small.planes()
    assert planes.shape == (30, 40, max(1, -(-count // 8))) and planes.dtype == np.uint8
    np.testing.assert_array_equal(
        CroppedMasks.from_planes(planes, count).dense(), masks[:, :, :count]
    )
    if count == 9:
        np.testing.assert_array_equal(planes[:, :, 0] >> 3 & 1, masks[:, :, 3])
        np.testing.assert_array_equal(planes[:, :, 1], masks[:, :, 8])


@pytest.mark.parametrize("count", [0, 1, 11])
def test_planes_that_are_not_packed_are_the_masks_and_there_is_always_one(masks, count):
    small = CroppedMasks.from_dense(masks[:, :, :count])
    planes = small.planes(packed=False)
    assert (
        planes.shape == (30, 40, max(1, count))
        and planes.dtype == bool
        and (planes[:, :, :count] == masks[:, :, :count]).all()
    )
    np.testing.assert_array_equal(
        CroppedMasks.from_planes(planes, count, packed=False).dense(), masks[:, :, :count]
    )


def test_mini_masks_are_those_of_the_dense_masks(masks):
    small = CroppedMasks.from_dense(masks)
    np.testing.assert_array_equal(
        small.minimise((14, 28)), minimise(masks, boxes_of_masks(masks), (14, 28))
    )


def test_what_is_covered_is_taken_away_and_boxes_shrink():
    masks = CroppedMasks([np.ones((3, 3), bool), np.ones((1, 1), bool)], [(0, 0), (2, 2)], (4, 4))
    covered = np.zeros((4, 4), bool)
    covered[2:] = True
    left = masks.without(covered)
    assert left.boxes.tolist() == [[0, 0, 2, 3], [0, 0, 0, 0]] and left.areas.tolist() == [6, 0]


def test_rows_are_kept_and_joined_in_order(masks):
    small = CroppedMasks.from_dense(masks)
    both = small.keep(np.array([7, 2])).concatenate(small.keep(np.array([0])))
    np.testing.assert_array_equal(both.dense(), masks[:, :, [7, 2, 0]])
    np.testing.assert_array_equal(small.union(), masks.any(axis=2))
