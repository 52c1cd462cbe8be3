"""Gates: nothing changes at first; afterwards they compute what their papers define."""

import keras
import numpy as np
import pytest

from mrcnn.modeling.gates import CBAM, GATES, SqueezeExcitation


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


@pytest.mark.parametrize("name", GATES)
def test_a_fresh_gate_changes_nothing(name, features):
    np.testing.assert_array_equal(GATES[name](32)(features), features)


@pytest.mark.parametrize("name", GATES)
def test_a_fresh_gate_learns_from_the_first_step_on(name, features):
    """Its last layers start at zeros, but their gradients do not."""
    gate = GATES[name](32, name="gate")
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
    """Mean 3 of one channel, hidden 3 * 1 - 1 = 2, logit 2 * ln(3) / 2 = ln 3: the factor is 2 * 3/4."""
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
