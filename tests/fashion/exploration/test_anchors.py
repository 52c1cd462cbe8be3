"""The fit of anchors is that of the anchors of the network, and suggested ones are no worse."""

import numpy as np
import pytest

from fashion.exploration.anchors import anchor_shapes, best_iou, suggest_anchors
from mrcnn.config import Config
from mrcnn.ops.anchors import pyramid_anchors


def iou_with_all(boxes, anchors):
    low, high = (
        np.maximum(boxes[:, None, :2], anchors[None, :, :2]),
        np.minimum(boxes[:, None, 2:], anchors[None, :, 2:]),
    )
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(part[:, 2:] - part[:, :2], axis=1) for part in (boxes, anchors)]
    return shared / (areas[0][:, None] + areas[1][None] - shared)


def random_boxes(canvas_hw, number, seed):
    rng = np.random.default_rng(seed)
    corners = rng.random((number, 2, 2)) * canvas_hw
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize(
    "settings",
    [
        {
            "IMAGE_RESIZE_MODE": "portrait",
            "IMAGE_MIN_DIM": 64,
            "IMAGE_MAX_DIM": 128,
            "RPN_ANCHOR_SCALES": (8, 16, 32, 64, 128),
        },
        {"NECK": "none", "IMAGE_MIN_DIM": 128, "IMAGE_MAX_DIM": 128, "RPN_ANCHOR_SCALES": (16, 48)},
    ],
)
def test_the_best_anchor_is_the_best_of_all(settings, step):
    config = Config.from_dict(settings)
    scales, ratios = config.anchor_shapes
    anchors = pyramid_anchors(config.image_hw, config.BACKBONE_STRIDES, scales, ratios, step)
    boxes = random_boxes(config.image_hw, 200, seed=step)
    found = best_iou(
        boxes,
        np.tile(config.image_hw, (200, 1)),
        anchor_shapes(config.BACKBONE_STRIDES, config.RPN_ANCHOR_SCALES, config.RPN_ANCHOR_RATIOS),
        step,
    )
    assert np.allclose(found, iou_with_all(boxes, anchors).max(axis=1), atol=1e-5)


def test_by_hand():
    # An anchor of 8 x 8 at (8, 8) and a box of 8 x 4 that has the same centre.
    (iou,) = best_iou([[4, 6, 12, 10]], [[16, 16]], anchor_shapes((8,), (8,), (1,)))
    assert iou == 32 / 64


def test_a_box_that_was_cut_away_fits_nothing():
    assert best_iou([[0, 3, 0, 9]], [[16, 16]], anchor_shapes((8,), (8,), (1,))).tolist() == [0]


def test_suggested_anchors_find_the_sizes_of_the_boxes():
    rng = np.random.default_rng(0)
    centres = rng.integers(8, 24, (300, 2)) * 4.0
    half = np.where(np.arange(300) % 2, 20, 6)[:, None] * np.array(
        [np.sqrt(2), np.sqrt(0.5)]
    )  # twice as high as wide
    boxes, canvas = (
        np.concatenate([centres - half, centres + half], axis=1),
        np.tile((128, 128), (300, 1)),
    )
    scales, ratios = suggest_anchors(boxes, canvas, (4, 4), (30, 90), (1,))
    assert np.allclose(scales, (12, 40), atol=1) and np.allclose(ratios, (0.5,), atol=0.03)


def test_anchors_that_fit_already_are_kept():
    boxes = np.array([[8, 8, 24, 24], [4, 12, 20, 28]], float)  # 16 x 16 at whole cells
    assert suggest_anchors(boxes, np.tile((32, 32), (2, 1)), (4,), (16,), (1,)) == ((16,), (1,))


def test_without_boxes_nothing_is_suggested():
    assert suggest_anchors(np.zeros((0, 4)), np.zeros((0, 2)), (4, 8), (16, 32), (1, 2)) == (
        (16, 32),
        (1, 2),
    )
