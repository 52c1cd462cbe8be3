"""Necks: the pyramid, the single level, and the attention that either may end in."""

import keras
import numpy as np
import pytest

from mrcnn.modeling.build import build_detector
from mrcnn.modeling.necks import ATTENTION, CBAM, FPN, C4Neck, SqueezeExcitation
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
    fpn, single = FPN(8), C4Neck(8)
    pyramid = fpn(features)
    assert [tuple(p.shape) for p in single(features[:3])] == [(1, 4, 4, 8)]
    single.lateral.set_weights(fpn.lateral["p4"].get_weights())
    single.smooth.set_weights(fpn.smooth["p4"].get_weights())
    np.testing.assert_allclose(single(features[:3])[0], pyramid[2], atol=1e-6)


def test_the_level_may_pass_through_a_gate(rng):
    """A fresh gate changes nothing; one whose bias is 1 multiplies by 2 / (1 + exp(-1))."""
    features = [None, None, rng.normal(size=(1, 4, 4, 4)).astype(np.float32)]
    single = C4Neck(8, "se")
    fresh = np.asarray(single(features)[0])
    single.attention.expand.bias.assign(np.ones(8))
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


@pytest.mark.slow
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


@pytest.fixture
def backbone_features(rng):
    return [
        rng.normal(size=(1, 64 // stride, 64 // stride, channels)).astype(np.float32)
        for stride, channels in ((4, 3), (8, 4), (16, 5), (32, 6))
    ]


def test_five_levels_of_equal_channels_halve_in_size(backbone_features):
    pyramid = FPN(8)(backbone_features)
    assert [tuple(p.shape) for p in pyramid] == [(1, n, n, 8) for n in (16, 8, 4, 2, 1)]


def test_p6_is_every_other_cell_of_p5(backbone_features):
    *_, p5, p6 = FPN(8)(backbone_features)
    np.testing.assert_array_equal(p6, np.asarray(p5)[:, ::2, ::2])


@pytest.mark.parametrize("source", range(4))
def test_information_flows_from_coarse_to_fine_only(backbone_features, source):
    fpn = FPN(8)
    before = [np.asarray(p) for p in fpn(backbone_features)[:4]]
    backbone_features[source] = backbone_features[source] + 1
    changed = [not np.array_equal(b, p) for b, p in zip(before, fpn(backbone_features)[:4])]
    assert changed == [level <= source for level in range(4)]


@pytest.mark.slow
@pytest.mark.parametrize("gate", ATTENTION)
def test_each_level_passes_through_a_gate_of_its_own(backbone_features, gate):
    """A gate that is turned on at P3 changes P3 alone; at P5, P6 follows."""
    fpn = FPN(8, gate)
    before = [np.asarray(p) for p in fpn(backbone_features)]
    for level, changed in ((3, [1]), (5, [3, 4])):
        fpn.attention[f"p{level}"].expand.bias.assign(np.ones(8))
        after = [np.asarray(p) for p in fpn(backbone_features)]
        assert [
            i for i, (a, b) in enumerate(zip(after, before)) if not np.array_equal(a, b)
        ] == changed
        before = after


@pytest.fixture
def features(rng):
    return rng.normal(size=(2, 5, 4, 32)).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def channel_logits(gate, pooled):
    hidden = np.maximum(pooled @ np.asarray(gate.reduce.kernel) + np.asarray(gate.reduce.bias), 0)
    return hidden @ np.asarray(gate.expand.kernel) + np.asarray(gate.expand.bias)


def randomise(gate, features, rng):
    gate(features)
    gate.set_weights([rng.normal(0, 0.3, w.shape) for w in gate.weights])


@pytest.mark.parametrize("name", ATTENTION)
def test_a_fresh_gate_changes_nothing(name, features):
    np.testing.assert_array_equal(ATTENTION[name](32)(features), features)


@pytest.mark.parametrize("name", ATTENTION)
def test_a_fresh_gate_learns_from_the_first_step_on(name, features):
    """Its last layers start at zeros, but their gradients do not."""
    gate = ATTENTION[name](32, name="gate")
    model = keras.Sequential([keras.Input((5, 4, 32)), gate])
    model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=False)
    model.train_on_batch(features, np.tanh(features))
    last = [gate.expand, gate.place] if name == "cbam" else [gate.expand]
    assert all(np.abs(layer.kernel).max() > 0 for layer in last)


def test_squeeze_and_excitation_scales_each_channel_by_what_its_mean_says(features, rng):
    gate = SqueezeExcitation(32)
    randomise(gate, features, rng)
    expected = features * 2 * sigmoid(channel_logits(gate, features.mean((1, 2), keepdims=True)))
    np.testing.assert_allclose(gate(features), expected, atol=1e-5)


def test_squeeze_and_excitation_by_hand():
    """Mean 3 of one channel, hidden 3 * 1 - 1 = 2, logit 2 * ln(3) / 2 = ln 3: the factor is 2 *
    3/4.
    """
    gate = SqueezeExcitation(1)
    gate(np.zeros((1, 1, 2, 1), np.float32))
    gate.set_weights(
        [np.float32([[1]]), np.float32([-1]), np.float32([[np.log(3) / 2]]), np.float32([0])]
    )
    np.testing.assert_allclose(
        np.asarray(gate(np.float32([2, 4]).reshape(1, 1, 2, 1))).ravel(), [3, 6], rtol=1e-6
    )


def test_cbam_weighs_channels_then_places(features, rng):
    gate = CBAM(32)
    randomise(gate, features, rng)
    mean, maximum = features.mean((1, 2), keepdims=True), features.max((1, 2), keepdims=True)
    x = features * 2 * sigmoid(channel_logits(gate, mean) + channel_logits(gate, maximum))
    seen = np.pad(np.stack([x.mean(-1), x.max(-1)], axis=-1), [(0, 0), (3, 3), (3, 3), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(seen, (7, 7), axis=(1, 2))
    logits = np.einsum("bhwckl,klcd->bhwd", windows, np.asarray(gate.place.kernel)) + np.asarray(
        gate.place.bias
    )
    np.testing.assert_allclose(gate(features), x * 2 * sigmoid(logits), atol=1e-5)


def test_a_sixteenth_of_the_channels_is_left_between_but_never_none():
    assert SqueezeExcitation(256).reduce.units == 16 and SqueezeExcitation(8).reduce.units == 1
