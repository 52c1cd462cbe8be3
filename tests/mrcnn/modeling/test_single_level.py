"""A detector without a pyramid: one level, every anchor on it."""

import keras
import numpy as np
import pytest

from mrcnn.modeling.build import build_detector
from mrcnn.modeling.fpn import FPN
from mrcnn.modeling.single_level import SingleLevel
from mrcnn.utils import generate_pyramid_anchors
from mrcnn.weights.layer_files import load_weights, save_weights, weight_layers


@pytest.fixture(scope="module")
def config(plain_config):
    return plain_config(NECK="none")


@pytest.fixture(scope="module")
def detector(config):
    keras.utils.set_random_seed(0)
    return build_detector(config)


def test_the_level_is_the_fpns_fourth_without_what_comes_from_above(rng):
    features = [
        rng.normal(size=(1, 64 // stride, 64 // stride, 4)).astype(np.float32)
        for stride in (4, 8, 16, 32)
    ]
    features[3][:] = 0
    fpn, single = FPN(8), SingleLevel(8)
    pyramid = fpn(features)
    assert [tuple(p.shape) for p in single(features[:3])] == [(1, 4, 4, 8)]
    single.lateral.set_weights(fpn.lateral["p4"].get_weights())
    single.smooth.set_weights(fpn.smooth["p4"].get_weights())
    np.testing.assert_allclose(single(features[:3])[0], pyramid[2], atol=1e-6)


def test_the_level_may_pass_through_a_gate(rng):
    """A fresh gate changes nothing; one whose bias is 1 multiplies by 2 / (1 + exp(-1))."""
    features = [None, None, rng.normal(size=(1, 4, 4, 4)).astype(np.float32)]
    single = SingleLevel(8, "se")
    fresh = np.asarray(single(features)[0])
    single.gate.expand.bias.assign(np.ones(8))
    np.testing.assert_allclose(single(features)[0], fresh * 2 / (1 + np.exp(-1)), rtol=1e-5)


def test_there_is_one_level_with_every_anchor_in_matterports_order(config, detector):
    anchors = np.asarray(detector.anchors((64, 64)))
    expected = generate_pyramid_anchors(
        [config.RPN_ANCHOR_SCALES], config.RPN_ANCHOR_RATIOS, [(4, 4)], [16], 1
    )
    assert anchors.shape == (4 * 4 * 15, 4)
    np.testing.assert_allclose(anchors, expected, rtol=1e-6)


def test_the_last_stage_of_the_backbone_is_not_built(detector):
    assert [shape[-1] for shape in detector.backbone.output_shape] == [8, 12, 16]
    assert "res4a_branch2a" in weight_layers(detector) and "res5a_branch2a" not in weight_layers(
        detector
    )


def test_it_detects(config, detector, rng):
    found = detector(
        {
            "images": rng.normal(size=(2, 64, 64, 3)).astype(np.float32),
            "windows": np.float32([[0, 0, 64, 64]] * 2),
        }
    )
    assert (
        found["boxes"].shape == (2, config.DETECTION_MAX_INSTANCES, 4)
        and np.asarray(found["valid"]).any()
    )
    assert np.isfinite(np.asarray(found["mask_probabilities"])).all()


@pytest.mark.slow
def test_every_layer_learns(config, detector, batch_of):
    detector.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    detector.optimizer.build(detector.trainable_variables)  # else TensorFlow traces the step twice
    before = {
        name: [np.asarray(w) for w in layer.trainable_weights]
        for name, layer in weight_layers(detector).items()
    }
    losses = detector.train_on_batch(batch_of(config), return_dict=True)
    assert np.isfinite(list(losses.values())).all()
    still = [
        name
        for name, layer in weight_layers(detector).items()
        if all(np.array_equal(w, old) for w, old in zip(layer.trainable_weights, before[name]))
    ]
    assert not still


def test_its_levels_are_traced_by_their_names(detector, rng):
    traced = detector.trace(
        rng.normal(size=(1, 64, 64, 3)).astype(np.float32), np.float32([[0, 0, 64, 64]])
    )
    assert {"C2", "C3", "C4", "P4"} <= set(traced) and not {"C5", "P2", "P3", "P5"} & set(traced)


def test_weights_of_a_pyramid_fit_where_the_layers_are_shared(
    plain_detector, config, detector, tmp_path
):
    save_weights(plain_detector, tmp_path / "fpn.h5")
    report = load_weights(
        detector, tmp_path / "fpn.h5", exclude=["rpn_class_raw", "rpn_bbox_pred"]
    )  # 15 anchors a cell, not 3
    assert (
        "fpn_p4" in report.loaded and "fpn_p5" in report.only_in_file and not report.only_in_model
    )
