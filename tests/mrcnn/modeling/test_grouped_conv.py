"""GroupedConv2D is Keras' grouped convolution, with a gradient that a CPU has."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.modeling import grouped_conv
from mrcnn.modeling.grouped_conv import GroupedConv2D


def test_a_channel_reads_its_own_group_only():
    """2 groups of 2 channels, a 1x1 kernel that adds up a group: filters 1 and 2 see channels 1 and 2, filters 3 and 4 the others."""
    layer = GroupedConv2D(4, 1, groups=2, use_bias=False, kernel_initializer="ones")
    assert np.asarray(layer(np.float32([1, 2, 10, 20]).reshape(1, 1, 1, 4))).ravel().tolist() == [
        3,
        3,
        30,
        30,
    ]


@pytest.mark.parametrize("strides", [1, 2, (2, 1)])
@pytest.mark.parametrize("size", [3, (1, 2)])
@pytest.mark.parametrize("hw", [(8, 6), (7, 9)])
def test_it_computes_what_keras_computes(rng, strides, size, hw):
    layer = GroupedConv2D(12, size, strides, groups=4, bias_initializer="ones", activation="relu")
    keras_layer = keras.layers.Conv2D(12, size, strides, groups=4, activation="relu")
    image = rng.normal(size=(2, *hw, 8)).astype(np.float32)
    ours = layer(image)
    keras_layer.build(image.shape)
    keras_layer.set_weights(layer.get_weights())
    np.testing.assert_allclose(ours, keras_layer(image), atol=1e-5)
    assert layer.compute_output_shape(image.shape) == ours.shape


def test_the_gradient_is_that_of_one_convolution_for_each_group(rng, gradient):
    kernel, image = (
        rng.normal(size=(3, 3, 2, 6)).astype(np.float32),
        rng.normal(size=(1, 7, 7, 4)).astype(np.float32),
    )
    weights = rng.normal(size=(1, 3, 3, 6)).astype(np.float32)

    def by_group(image, kernel):
        parts = [
            ops.conv(image[..., 2 * g : 2 * g + 2], kernel[..., 3 * g : 3 * g + 3], 2)
            for g in range(2)
        ]
        return ops.sum(ops.concatenate(parts, axis=-1) * weights)

    def ours(image, kernel):
        return ops.sum(grouped_conv._grouped_conv(image, kernel, (2, 2), 2) * weights)

    expected = (
        gradient(lambda x: by_group(x, kernel), image),
        gradient(lambda x: by_group(image, x), kernel),
    )
    assert min(np.abs(e).max() for e in expected) > 1
    np.testing.assert_allclose(gradient(lambda x: ours(x, kernel), image), expected[0], atol=1e-4)
    np.testing.assert_allclose(gradient(lambda x: ours(image, x), kernel), expected[1], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_training_step_is_that_of_keras_layer(rng, jit_compile):
    image, wanted = (
        rng.normal(size=(2, 7, 7, 8)).astype(np.float32),
        rng.normal(size=(2, 3, 3, 16)).astype(np.float32),
    )
    layers, start = (
        (GroupedConv2D(16, 3, 2, groups=4), keras.layers.Conv2D(16, 3, 2, groups=4)),
        rng.normal(size=(3, 3, 2, 16)),
    )
    for layer in layers:
        model = keras.Sequential([keras.Input((7, 7, 8)), layer])
        layer.kernel.assign(start)
        model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=jit_compile)
        model.train_on_batch(image, wanted)
    np.testing.assert_allclose(layers[0].kernel, layers[1].kernel, atol=1e-4)
    assert np.abs(np.asarray(layers[0].kernel) - start).max() > 0.05


def test_an_accelerator_runs_keras_own(rng, monkeypatch):
    layer, image = GroupedConv2D(8, 3, groups=4), rng.normal(size=(1, 6, 6, 8)).astype(np.float32)
    on_cpu = layer(image)
    monkeypatch.setattr(keras.distribution, "list_devices", lambda *_: ["gpu:0"])
    monkeypatch.setattr(grouped_conv, "_grouped_conv", None)
    np.testing.assert_allclose(layer(image), on_cpu, atol=1e-5)


def test_it_survives_its_config():
    layer = GroupedConv2D.from_config(GroupedConv2D(8, 3, 2, groups=4, name="mine").get_config())
    assert (layer.name, layer.groups, layer.strides, layer.padding) == ("mine", 4, (2, 2), "valid")
