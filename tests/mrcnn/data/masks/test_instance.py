"""Boxes and mini-masks, by hand, and that shrinking, cropping and pasting agree on where a mask
lies."""

import numpy as np
import pytest
from keras import ops
from pycocotools import mask as coco_mask

from mrcnn.data.masks.instance import boxes_of_masks, expand, minimise
from mrcnn.inference.pasting import paste
from mrcnn.ops.masks import crop


def ellipse(size_hw, centre, radii):
    y, x = np.indices(size_hw) + 0.5
    return ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 <= 1


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_a_box_holds_its_mask_tightly_and_ends_outside_it():
    masks = np.zeros((6, 8, 4), bool)
    masks[2, 3, 0] = True
    masks[1:4, 2:7, 1] = True
    masks[[0, 5], [0, 7], 2] = True
    assert boxes_of_masks(masks).tolist() == [
        [2, 3, 3, 4],
        [1, 2, 4, 7],
        [0, 0, 6, 8],
        [0, 0, 0, 0],
    ]


def test_no_masks_have_no_boxes():
    assert boxes_of_masks(np.zeros((6, 8, 0), bool)).shape == (0, 4)


def test_boxes_agree_with_pycocotools(rng):
    masks = rng.random((20, 30, 12)) < 0.02
    x, y, w, h = coco_mask.toBbox(coco_mask.encode(np.asfortranarray(masks.astype(np.uint8)))).T
    np.testing.assert_array_equal(boxes_of_masks(masks), np.stack([y, x, y + h, x + w], axis=1))


def test_a_mini_mask_of_the_boxs_own_size_is_a_copy(rng):
    masks = np.zeros((40, 40, 1), bool)
    masks[5:33, 8:36, 0] = rng.random((28, 28)) < 0.5
    masks[[5, 32], [8, 35], 0] = True
    np.testing.assert_array_equal(
        minimise(masks, boxes_of_masks(masks), (28, 28))[0], masks[5:33, 8:36, 0]
    )


def test_a_full_box_and_an_empty_one():
    masks = np.zeros((9, 9, 2), bool)
    masks[:, :, 0] = True
    small = minimise(masks, boxes_of_masks(masks), (4, 6))
    assert (
        small.shape == (2, 4, 6)
        and small.dtype == np.uint8
        and small[0].all()
        and not small[1].any()
    )


@pytest.mark.parametrize(
    ("centre", "radii"),
    [((50, 60), (30, 45)), ((40.3, 30.7), (9.2, 21.1)), ((50, 50), (3, 2)), ((10, 95), (25, 30))],
)
def test_a_mini_mask_pasted_back_is_the_mask(centre, radii):
    mask = ellipse((100, 120), centre, radii)
    boxes = boxes_of_masks(mask[..., None])
    pasted = paste(
        minimise(mask[..., None], boxes, (56, 56))[0].astype(np.float32), boxes[0], mask.shape
    )
    assert iou(pasted, mask) > 0.97


def test_a_mini_mask_is_not_shifted():
    """Half a cell of shift would show in the centre of mass long before it shows in the overlap."""
    mask = ellipse((200, 200), (101.3, 96.2), (70, 55))
    boxes = boxes_of_masks(mask[..., None])
    pasted = paste(
        minimise(mask[..., None], boxes, (28, 28))[0].astype(np.float32), boxes[0], mask.shape
    )
    np.testing.assert_allclose(
        np.argwhere(pasted).mean(axis=0), np.argwhere(mask).mean(axis=0), atol=0.25
    )


def test_a_target_cropped_to_a_roi_and_pasted_there_is_the_mask_in_the_roi():
    mask, roi = ellipse((100, 120), (50, 60), (30, 45)), np.float32([25.5, 33.2, 90.1, 99.9])
    boxes = boxes_of_masks(mask[..., None])
    mini = minimise(mask[..., None], boxes, (56, 56)).astype(np.float32)
    target = crop(
        *(ops.convert_to_tensor(a) for a in (mini[None], boxes[None], roi[None, None])), (28, 28)
    )
    y, x = np.indices(mask.shape) + 0.5
    inside = (y >= roi[0]) & (y < roi[2]) & (x >= roi[1]) & (x < roi[3])
    assert iou(paste(np.asarray(target)[0, 0], roi, mask.shape), mask & inside) > 0.98


@pytest.mark.parametrize("size_hw", [(40, 30), (56, 56)])
def test_expanding_undoes_minimising(size_hw):
    masks = np.stack(
        [ellipse((100, 120), (50, 60), (30, 45)), ellipse((100, 120), (20, 30), (15, 25))], axis=2
    )
    boxes = boxes_of_masks(masks)
    full = expand(minimise(masks, boxes, size_hw), boxes, (100, 120))
    assert full.shape == masks.shape and full.dtype == bool
    assert iou(full[..., 0], masks[..., 0]) > 0.97 and iou(full[..., 1], masks[..., 1]) > 0.97


def test_expanding_agrees_with_pasting(rng):
    mini = rng.random((1, 9, 7)).astype(np.float32)
    for box in ([5, 6, 30, 40], [-4, 6, 30, 70], [0, 0, 9, 7]):
        np.testing.assert_array_equal(
            expand(mini, np.array([box]), (50, 60))[..., 0], paste(mini[0], box, (50, 60))
        )


@pytest.mark.parametrize("box", [(3, 3, 3, 9), (-9, 3, -2, 9), (3, 60, 9, 70), (70, 70, 80, 80)])
def test_a_box_that_covers_nothing_of_the_image_expands_to_nothing(box):
    assert not expand(np.ones((1, 4, 4)), np.array([box]), (20, 60)).any()


def test_no_mini_masks_expand_to_no_masks():
    assert expand(np.zeros((0, 28, 28)), np.zeros((0, 4)), (20, 60)).shape == (20, 60, 0)


def test_a_resampler_of_ones_own_decides_both_ways(rng):
    masks, boxes = rng.random((20, 20, 1)) < 0.5, np.array([[2, 3, 12, 17]])
    sizes = []

    def half(mask, size_hw):
        sizes.append((mask.shape, size_hw))
        return np.full(size_hw, 0.5)

    assert minimise(masks, boxes, (4, 5), resample=half).all()
    assert expand(np.zeros((1, 4, 5)), boxes, (20, 20), resample=half).sum() == 10 * 14
    assert sizes == [((10, 14), (4, 5)), ((4, 5), (10, 14))]
