"""Mask targets: pencil cases, and SciPy's interpolation as the oracle."""

import numpy as np
import pytest
import scipy.ndimage

from mrcnn.ops.masks import crop
from mrcnn.ops.pixel_convention import CORNERS


def crop_one(run, mask, frame, roi, size):
    return run(
        crop, np.float32(mask)[None, None], np.float32([[frame]]), np.float32([[roi]]), size=size
    )[0, 0]


def crop_by_scipy(mask, frame, roi, size):
    at = []
    for axis in (0, 1):
        centres = (
            roi[axis] + (roi[axis + 2] - roi[axis]) * (np.arange(size[axis]) + 0.5) / size[axis]
        )
        at.append(
            (centres - frame[axis]) / (frame[axis + 2] - frame[axis]) * mask.shape[axis] - 0.5
        )
    cut = scipy.ndimage.map_coordinates(
        mask, np.meshgrid(*at, indexing="ij"), order=1, mode="nearest"
    )
    inside = [(a >= -0.5) & (a <= n - 0.5) for a, n in zip(at, mask.shape)]
    return cut * inside[0][:, None] * inside[1]


def test_a_roi_on_the_frame_copies_the_mask(run, rng):
    mask = rng.random((5, 7))
    np.testing.assert_allclose(
        crop_one(run, mask, (3, 4, 40, 50), (3, 4, 40, 50), (5, 7)), mask, atol=1e-5
    )


def test_the_left_half_of_the_frame_is_the_left_half_of_the_mask(run):
    mask = np.tile([1.0, 2, 3, 4], (2, 1))
    np.testing.assert_allclose(
        crop_one(run, mask, (0, 0, 8, 8), (0, 0, 8, 4), (2, 2)), [[1, 2]] * 2, atol=1e-6
    )


def test_outside_its_frame_a_mask_is_0(run):
    cut = crop_one(run, np.ones((4, 4)), (10, 10, 20, 20), (0, 10, 20, 30), (4, 4))
    np.testing.assert_array_equal(cut, [[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]])


def test_a_roi_beside_the_frame_is_empty(run):
    assert crop_one(run, np.ones((4, 4)), (10, 10, 20, 20), (30, 30, 40, 40), (4, 4)).sum() == 0


def test_a_mini_mask_and_the_full_mask_give_the_same_target(run):
    full = np.zeros((64, 64), np.float32)
    full[16:48, 8:40][np.tri(32, dtype=bool)] = 1
    mini, frame, roi = full[16:48, 8:40], (16, 8, 48, 40), (12, 12, 44, 44)
    np.testing.assert_allclose(
        crop_one(run, mini, frame, roi, (16, 16)),
        crop_one(run, full, (0, 0, 64, 64), roi, (16, 16)),
        atol=1e-5,
    )


@pytest.mark.parametrize("size", [(28, 28), (3, 9)])
def test_cropping_agrees_with_scipy(run, rng, random_boxes, size):
    masks, frames = rng.random((2, 6, 9, 11)).astype(np.float32), random_boxes(2, 6)
    rois = frames + rng.normal(0, 6, (2, 6, 4)).astype(np.float32)
    cut = run(crop, masks, frames, rois, size=size)
    for b, n in np.ndindex(2, 6):
        np.testing.assert_allclose(
            cut[b, n], crop_by_scipy(masks[b, n], frames[b, n], rois[b, n], size), atol=2e-4
        )


def test_padding_is_finite(run):
    assert np.isfinite(crop_one(run, np.zeros((4, 4)), (0, 0, 0, 0), (0, 0, 0, 0), (4, 4))).all()
    assert np.isfinite(
        crop_one(run, np.zeros((4, 4)), (0, 0, 0, 0), (0, 0, 1024, 1024), (4, 4))
    ).all()


def test_corners_crop_as_crop_and_resize(run, rng):
    """The convention of Matterport's weights: the outer cells lie on the edges of the frame."""
    tensorflow = pytest.importorskip("tensorflow")
    mask, frame = rng.random((56, 56)).astype(np.float32), np.float32([10, 20, 109, 141])
    for roi in np.float32([[10.25, 20.5, 108, 140], [30.5, 40, 80, 99], [0, 5, 120, 90]]):
        cut = run(
            crop,
            mask[None, None],
            frame[None, None],
            roi[None, None],
            size=(28, 28),
            convention=CORNERS,
        )[0, 0]
        unit = (roi - np.tile(frame[:2], 2)) / np.tile(frame[2:] - frame[:2], 2)
        wanted = tensorflow.image.crop_and_resize(
            mask[None, ..., None], unit[None], [0], (28, 28)
        ).numpy()[0, ..., 0]
        np.testing.assert_allclose(cut, wanted, atol=1e-4)
