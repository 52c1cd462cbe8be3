"""Matterport's layers: its frames outside, the library's arithmetic inside. Values beside
Matterport's: test_parity.py."""

import keras
import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.legacy.examples import compose_image_meta
from mrcnn.legacy.layers import (
    DetectionLayer,
    DetectionTargetLayer,
    ProposalLayer,
    PyramidROIAlign,
    smooth_l1_loss,
)


@pytest.fixture(scope="module")
def config():
    return Config.from_dict(
        {
            "NUM_CLASSES": 3,
            "IMAGE_MIN_DIM": 64,
            "IMAGE_MAX_DIM": 64,
            "TRAIN_ROIS_PER_IMAGE": 8,
            "MASK_SHAPE": (4, 4),
            "MASK_POOL_SIZE": 2,
            "DETECTION_MAX_INSTANCES": 5,
            "ROI_POSITIVE_RATIO": 0.5,
            "MINI_MASK_SHAPE": (8, 8),
        }
    )


def unit(*boxes):
    """Boxes by their corner pixels in an image of 64 x 64 -> (1, n, 4), Matterport's 0..1."""
    return np.float32([boxes]) / 63


def metas(windows=((0, 0, 64, 64),)):
    return np.float32(
        [
            compose_image_meta(0, (64, 64, 3), (64, 64, 3), window, 1, np.ones(3))
            for window in windows
        ]
    )


def of(background, *objects):
    return np.float32([background, *objects])


def test_proposals_are_the_best_anchors_moved_and_padded_with_zeros(config):
    anchors = unit([0, 0, 21, 21], [0, 0, 21, 22], [40, 40, 61, 61])
    scores, deltas = (
        np.float32([[[0.1, 0.9], [0.2, 0.8], [0.7, 0.3]]]),
        np.zeros((1, 3, 4), np.float32),
    )
    deltas[0, 2, 0] = 10  # 10 * 0.1 of its height down: cut by the image's edge
    proposals = ProposalLayer(4, 0.7, config)([scores, deltas, anchors])
    np.testing.assert_allclose(
        proposals, unit([0, 0, 21, 21], [61, 40, 63, 61], [0, 0, 0, 0], [0, 0, 0, 0]), atol=1e-6
    )


def test_a_pooled_box_of_the_whole_image_has_the_corners_of_its_level(config):
    rows = np.linspace(0, 1, 16, dtype=np.float32)[:, None] + np.zeros((1, 16), np.float32)
    levels = [np.float32(rows[::step, ::step][None, :, :, None]) for step in (1, 2, 4, 8)]
    pooled = np.asarray(PyramidROIAlign([4, 4])([unit([0, 0, 63, 63]), metas(), *levels]))
    assert pooled.shape == (1, 1, 4, 4, 1)
    np.testing.assert_allclose(pooled[0, 0, :, 0, 0], rows[[0, 5, 10, 15], 0], atol=1e-6)


def test_a_sample_at_the_edge_reads_the_edge():
    """Rounding puts the last sample of some boxes outside their level; crop_and_resize reads 0
    there."""
    low = np.random.default_rng(0).uniform(0, 0.9, (1, 500, 2)).astype(np.float32)
    boxes = np.concatenate([low, np.ones_like(low)], axis=2)
    pooled = PyramidROIAlign([7, 7])(
        [boxes, metas(), *(np.ones((1, n, n, 1), np.float32) for n in (16, 8, 4, 2))]
    )
    np.testing.assert_allclose(pooled, 1, atol=1e-5)


def test_pools_are_square():
    with pytest.raises(ValueError, match=r"must be a square.*\(7, 14\)"):
        PyramidROIAlign([7, 14])


def test_a_mini_mask_and_a_full_mask_give_the_same_targets(config):
    gt, roi = unit([8, 8, 39, 39]), unit([8, 8, 39, 35], [50, 50, 60, 60], [0, 0, 0, 0])
    mini, full = np.zeros((1, 8, 8, 1), bool), np.zeros((1, 64, 64, 1), bool)
    mini[:, :4], full[:, 8:24, 8:40] = True, True
    for masks, use_mini in ((mini, True), (full, False)):
        layer = DetectionTargetLayer(
            Config.from_dict(config.to_dict() | {"USE_MINI_MASK": use_mini})
        )
        rois, class_ids, deltas, small = (
            np.asarray(t) for t in layer([roi, np.array([[2]]), gt, masks])
        )
        np.testing.assert_allclose(rois[0, :3], [*roi[0, :2], np.zeros(4)], atol=1e-6)
        assert class_ids.tolist() == [[2, 0, 0, 0, 0, 0, 0, 0]] and class_ids.dtype == np.int32
        np.testing.assert_allclose(
            deltas[0, 0], [0, 2 / 27 / 0.1, 0, np.log(31 / 27) / 0.2], atol=1e-5
        )
        assert not deltas[0, 1:].any()
        assert small[0, 0].tolist() == [[1] * 4] * 2 + [[0] * 4] * 2 and not small[0, 1:].any()


def test_no_gradient_reaches_the_proposals(config, gradient):
    """Matterport's targets let the box loss train the RPN."""
    layer, gt, mask = (
        DetectionTargetLayer(config),
        unit([8, 8, 39, 39]),
        np.ones((1, 8, 8, 1), np.float32),
    )
    found = gradient(
        lambda rois: sum(
            keras.ops.sum(keras.ops.cast(t, "float32"))
            for t in layer([rois, np.array([[2]]), gt, mask])
        ),
        unit([8, 8, 39, 35], [50, 50, 60, 60]),
    )
    assert not found.any()


def test_detections_are_moved_cut_to_the_window_and_padded_with_zeros(config):
    rois = unit([0, 0, 20, 20], [30, 30, 50, 50], [30, 30, 50, 51], [0, 0, 0, 0])
    scores = np.stack(
        [of(0.1, 0.9, 0.0), of(0.1, 0.1, 0.8), of(0.2, 0.05, 0.75), of(0.0, 0.0, 1.0)]
    )[None]
    deltas = np.zeros((1, 4, 3, 4), np.float32)
    deltas[0, 0, 1, 1] = 10  # 10 * 0.1 of its width to the right
    found = DetectionLayer(config)([rois, scores, deltas, metas([(4, 0, 60, 64)])])
    expected = [
        [4 / 63, 20 / 63, 20 / 63, 40 / 63, 1, 0.9],
        [30 / 63, 30 / 63, 50 / 63, 50 / 63, 2, 0.8],
    ]
    np.testing.assert_allclose(found[0], expected + [[0] * 6] * 3, atol=1e-5)


@pytest.mark.slow
def test_layers_fit_into_a_functional_model_for_any_number_of_images(config):
    def given(*shape):
        return keras.Input(shape)

    anchors, ground_truth = (
        [given(30, 2), given(30, 4), given(30, 4)],
        [given(2), given(2, 4), given(8, 8, 2)],
    )
    meta, levels, heads = (
        given(15),
        [given(n, n, 3) for n in (16, 8, 4, 2)],
        [given(10, 3), given(10, 3, 4)],
    )
    rois = ProposalLayer(10, 0.7, config, name="ROI")(anchors)
    outputs = [
        PyramidROIAlign([7, 7], name="roi_align")([rois, meta, *levels]),
        *DetectionTargetLayer(config, name="proposal_targets")([rois, *ground_truth]),
        DetectionLayer(config, name="mrcnn_detection")([rois, *heads, meta]),
    ]
    shapes = [(10, 7, 7, 3), (8, 4), (8,), (8, 4), (8, 4, 4), (5, 6)]
    assert [o.shape for o in outputs] == [(None, *shape) for shape in shapes]
    model = keras.Model([*anchors, *ground_truth, meta, *levels, *heads], outputs)
    zeros = [np.zeros((3, *i.shape[1:]), np.float32) for i in model.inputs]
    zeros[6] = np.tile(metas(), (3, 1))
    found = model.predict(zeros, verbose=0)
    assert [f.shape for f in found] == [(3, *shape) for shape in shapes] and all(
        np.isfinite(f).all() for f in found
    )


@pytest.mark.parametrize("make", [lambda: ProposalLayer(10, 0.7), DetectionLayer])
def test_a_config_is_asked_for(make):
    with pytest.raises(ValueError, match="needs a config"):
        make()


def test_small_errors_are_squared_and_large_ones_are_not():
    loss = smooth_l1_loss(np.zeros((2, 2)), np.array([[0.5, 1.0], [-3.0, 0.0]]))
    np.testing.assert_allclose(loss, [[0.125, 0.5], [2.5, 0.0]])


def test_whole_numbers_are_allowed():
    np.testing.assert_allclose(smooth_l1_loss(np.array([1, 4]), np.array([1, 1])), [0, 2.5])
