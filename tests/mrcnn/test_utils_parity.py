"""The door `mrcnn.utils` beside numbers recorded from Matterport's own functions.

The numbers lie in ../shared/reference/legacy/golden_components.npz. Their inputs are drawn again
here, from the seeds below; every
recorded array of this file has been traced to its inputs.
"""

import hashlib

import numpy as np
import pytest

from mrcnn import utils
from mrcnn.data.resize import make_placement

PYRAMID = {
    "scales": (32, 64, 128, 256, 512),
    "ratios": [0.5, 1, 2],
    "feature_strides": [4, 8, 16, 32, 64],
    "feature_shapes": [(512 // stride, 512 // stride) for stride in (4, 8, 16, 32, 64)],
}


@pytest.fixture(scope="module")
def drawn(script):
    """The scene all masks come from, (512, 512, 6) bool, (6, 4) boxes, (6,) class ids; and the
    photo of resize_image, (300, 410, 3)."""
    return *script("fixtures").objects(21, 6), script("make_weights").image(31)[:300, :410]


@pytest.fixture(scope="module")
def evaluated(components, drawn):
    """Arguments of compute_ap: the scene's objects, one of them called class 1, and 18 predictions
    whose masks are full boxes."""
    masks, boxes, class_ids, _ = drawn
    gt_class_ids = class_ids.copy()
    gt_class_ids[4] = 1
    pred_masks = np.zeros((512, 512, 18), bool)
    for i, (y1, x1, y2, x2) in enumerate(components["ap_in_boxes"]):
        pred_masks[y1:y2, x1:x2, i] = True
    return (
        boxes,
        gt_class_ids,
        masks,
        components["ap_in_boxes"],
        components["ap_in_ids"],
        components["ap_in_scores"],
        pred_masks,
    )


def same_bits(mask, packed):
    return np.array_equal(np.packbits(mask), packed)


# Boxes


def test_overlaps(components):
    overlaps = utils.compute_overlaps(components["u_boxes"], components["u_boxes"])
    assert overlaps.dtype == components["u_overlaps"].dtype
    np.testing.assert_allclose(
        overlaps, components["u_overlaps"], atol=1e-7
    )  # JAX reckons in float32; TensorFlow's are equal


def test_iou_of_one_box(components):
    boxes = components["u_boxes"]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    np.testing.assert_allclose(
        utils.compute_iou(boxes[7], boxes, areas[7], areas), components["u_overlaps"][7], atol=1e-7
    )


def test_overlaps_of_masks(components, drawn):
    overlaps = utils.compute_overlaps_masks(drawn[0], drawn[0][:, :, ::-1])
    assert overlaps.dtype == np.float32
    np.testing.assert_array_equal(overlaps, components["u_overlaps_masks"])


def test_boxes_of_masks(components, drawn):
    boxes = utils.extract_bboxes(drawn[0])
    assert boxes.dtype == np.int32
    np.testing.assert_array_equal(boxes, components["u_extract_bboxes"])


def test_suppression(components):
    kept = utils.non_max_suppression(
        components["u_boxes"], np.random.default_rng(3).random(26), 0.5
    )
    assert kept.dtype == np.int32
    np.testing.assert_array_equal(kept, components["u_nms"])


def test_deltas_applied(components):
    moved = utils.apply_box_deltas(
        components["u_boxes"], np.random.default_rng(4).normal(0, 0.3, (26, 4))
    )
    assert moved.dtype == np.float32
    np.testing.assert_allclose(
        moved, components["u_apply_deltas"], atol=1e-4
    )  # a float32 of 512 is known to 6e-5


def test_deltas_found(components):
    deltas = utils.box_refinement(components["u_boxes"][:10], components["u_boxes"][10:20])
    assert deltas.dtype == np.float32
    np.testing.assert_allclose(deltas, components["u_box_refinement"], atol=1e-6)


# Anchors. `mrcnn.ops.anchors` answers in float32, Matterport in float64: 3e-5 pixels.


def test_anchors_of_a_pyramid(components):
    anchors = utils.generate_pyramid_anchors(**PYRAMID, anchor_stride=1)
    assert anchors.dtype == np.float64 and len(anchors) == components["anchors_n"]
    np.testing.assert_allclose(anchors[::331], components["anchors_px_sample"], atol=3.1e-5)


def test_anchors_at_every_other_cell(components):
    anchors = utils.generate_pyramid_anchors(**PYRAMID, anchor_stride=2)
    assert len(anchors) == components["anchors_stride2_n"]
    np.testing.assert_allclose(anchors[::101], components["anchors_stride2_sample"], atol=3.1e-5)


def test_normalised_anchors(components):
    anchors = utils.norm_boxes(
        utils.generate_pyramid_anchors(**PYRAMID, anchor_stride=1), (512, 512)
    )
    assert anchors.dtype == np.float32
    np.testing.assert_allclose(anchors[::331], components["anchors_norm_sample"], atol=1.2e-7)


def test_normalising_itself_is_exact(components):
    """From float64 pixels computed here, all 65472 anchors hash to the recorded value."""
    levels = []
    for scale, stride, (rows, _) in zip(
        PYRAMID["scales"], PYRAMID["feature_strides"], PYRAMID["feature_shapes"]
    ):
        half = (
            np.stack(
                [scale / np.sqrt(PYRAMID["ratios"]), scale * np.sqrt(PYRAMID["ratios"])], axis=1
            )
            * 0.5
        )
        centres = np.stack(
            np.meshgrid(np.arange(rows) * stride, np.arange(rows) * stride, indexing="ij"), axis=-1
        ).reshape(-1, 1, 2)
        levels.append(np.concatenate([centres - half, centres + half], axis=2).reshape(-1, 4))
    pixels = np.concatenate(levels)
    assert hashlib.sha256(pixels.tobytes()).digest() == components["anchors_px_sha_f64"].tobytes()
    assert (
        hashlib.sha256(utils.norm_boxes(pixels, (512, 512)).tobytes()).digest()
        == components["anchors_norm_sha_f32"].tobytes()
    )


# Images and masks

RESIZED = {
    "square": {"min_dim": 400, "max_dim": 512},
    "square_up": {"min_dim": 512, "max_dim": 512},
    "pad64": {"min_dim": 320, "mode": "pad64"},
    "none": {"mode": "none"},
    "minscale": {"min_dim": 256, "max_dim": 1024, "min_scale": 1.5},
}


@pytest.mark.parametrize("case", RESIZED)
def test_a_resized_image(components, drawn, case):
    image, window, scale, padding, crop = utils.resize_image(drawn[3], **RESIZED[case])
    assert image.shape == tuple(components[f"rs_{case}_shape"]) and image.dtype == np.uint8
    assert (
        window == tuple(components[f"rs_{case}_window"])
        and scale == components[f"rs_{case}_scale"]
        and crop is None
    )
    np.testing.assert_array_equal(padding, components[f"rs_{case}_padding"])
    np.testing.assert_array_equal(image[::8, ::8], components[f"rs_{case}_sub"])


@pytest.mark.parametrize("case", RESIZED)
def test_masks_resized_after_it(components, drawn, case):
    masks = utils.resize_mask(
        drawn[0][:300, :410],
        components[f"rs_{case}_scale"].item(),
        components[f"rs_{case}_padding"].tolist(),
    )
    assert masks.dtype == bool and same_bits(masks[::4, ::4], components[f"rs_{case}_mask_packed"])


def test_a_cropped_image(components, drawn):
    """Only where it is cut differs, by the generator; given the recorded place, all of it is
    equal."""
    recorded = iter(components["rs_crop_crop"][:2])
    rng = type("Recorded", (), {"integers": lambda self, end: next(recorded)})()
    placement = make_placement((300, 410), mode="crop", min_dim=256, rng=rng)
    assert (
        placement.crop == tuple(components["rs_crop_crop"])
        and placement.scale == components["rs_crop_scale"]
    )
    assert placement.window.tolist() == components["rs_crop_window"].tolist()
    np.testing.assert_array_equal(placement.image(drawn[3])[::8, ::8], components["rs_crop_sub"])


def test_mini_masks(components, drawn):
    masks, boxes, *_ = drawn
    mini = utils.minimize_mask(boxes, masks, (56, 56))
    assert (
        mini.shape == (56, 56, 6)
        and mini.dtype == bool
        and same_bits(mini, components["u_minimask_packed"])
    )


def test_mini_masks_expanded(components, drawn):
    masks, boxes, *_ = drawn
    full = utils.expand_mask(boxes, utils.minimize_mask(boxes, masks, (56, 56)), (512, 512, 3))
    assert full.dtype == bool and same_bits(full, components["u_expand_packed"])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_unmolded_mask(components, dtype):
    noise = np.random.default_rng(6).random((28, 28))
    mask = ((noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)) / 3).astype(dtype)
    full = utils.unmold_mask(mask, np.array([30, 40, 131, 187]), (200, 256, 3))
    assert full.dtype == bool and same_bits(full, components["u_unmold_mask_packed"])


# Evaluation


def test_matches(components, evaluated):
    gt_match, pred_match, overlaps = utils.compute_matches(*evaluated)
    assert gt_match.dtype == pred_match.dtype == np.float64 and overlaps.dtype == np.float32
    np.testing.assert_array_equal(gt_match, components["ap_gt_match"])
    np.testing.assert_array_equal(pred_match, components["ap_pred_match"])
    np.testing.assert_array_equal(overlaps, components["ap_ov"])


def test_average_precision(components, evaluated):
    ap, precisions, recalls, overlaps = utils.compute_ap(*evaluated)
    np.testing.assert_allclose(
        ap, components["ap50"], atol=1e-7
    )  # Matterport's recalls are float32 inside
    np.testing.assert_allclose(precisions, components["ap_prec"], atol=1e-15)
    np.testing.assert_allclose(recalls, components["ap_rec"], atol=1e-7)
    np.testing.assert_array_equal(overlaps, components["ap_ov"])


def test_average_precision_over_thresholds(components, evaluated):
    np.testing.assert_allclose(
        utils.compute_ap_range(*evaluated, verbose=0), components["ap_range"], atol=1e-7
    )


def test_recall(components, evaluated):
    share, found = utils.compute_recall(evaluated[3], evaluated[0], 0.5)
    assert share == components["recall"] and found.dtype == np.int64
