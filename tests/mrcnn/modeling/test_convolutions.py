"""Convolutions for CPUs: Keras' own layers with the same weights are the oracle."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from mrcnn.modeling import convolutions
from mrcnn.modeling.convolutions import (
    BlockConv2DTranspose,
    CoveringConv2D,
    GroupedConv2D,
    merge_blocks,
)


def with_weights_of(layer, oracle, inputs):
    expected = oracle(inputs)
    layer(inputs)
    layer.set_weights(oracle.get_weights())
    return expected


@pytest.mark.parametrize(("kernel", "cells"), [(7, (7, 7)), (1, (1, 1)), ((3, 2), (3, 2))])
def test_a_covering_convolution_is_a_convolution(gradient, rng, kernel, cells):
    inputs = rng.normal(size=(5, *cells, 6)).astype(np.float32)
    layer, oracle = CoveringConv2D(4, kernel), layers.Conv2D(4, kernel, bias_initializer="normal")
    expected = with_weights_of(layer, oracle, inputs)
    assert [w.shape for w in layer.weights] == [w.shape for w in oracle.weights]
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-5, atol=1e-6)
    one, other = (
        gradient(lambda x, f=f: ops.sum(ops.square(f(x))), inputs) for f in (layer, oracle)
    )
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_kernel_that_does_not_cover_its_input_is_refused():
    with pytest.raises(ValueError, match=r"must cover its input. Got inputs of \(8, 8\)"):
        CoveringConv2D(4, 7)(np.zeros((1, 8, 8, 2), np.float32))


@pytest.mark.parametrize("size", [2, 3])
def test_a_transposed_convolution_in_blocks_is_one(gradient, rng, size):
    inputs = rng.normal(size=(2, 5, 4, 6)).astype(np.float32)
    layer = BlockConv2DTranspose(3, size, activation="relu")
    oracle = layers.Conv2DTranspose(3, size, size, activation="relu", bias_initializer="normal")
    expected = with_weights_of(layer, oracle, inputs)
    assert layer(inputs).shape == (2, 5, 4, size, size, 3)
    np.testing.assert_allclose(merge_blocks(layer(inputs)), expected, rtol=1e-5, atol=1e-6)
    one = gradient(lambda x: ops.sum(ops.square(merge_blocks(layer(x)))), inputs)
    other = gradient(lambda x: ops.sum(ops.square(oracle(x))), inputs)
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: CoveringConv2D(4, 3, name="a"),
        lambda: BlockConv2DTranspose(4, 2, activation="relu", name="b"),
    ],
)
def test_a_layer_comes_back_from_its_config(make):
    layer = make()
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_shapes_are_known_before_anything_runs():
    blocks = BlockConv2DTranspose(4, 2)(keras.KerasTensor((2, 7, 7, 6)))
    assert blocks.shape == (2, 7, 7, 2, 2, 4)
    assert CoveringConv2D(4, 7)(keras.KerasTensor((None, 7, 7, 6))).shape == (None, 1, 1, 4)


def test_a_channel_reads_its_own_group_only():
    """2 groups of 2 channels, a 1x1 kernel that adds up a group: filters 1 and 2 see channels 1 and
    2, filters 3 and 4 the others.
    """
    layer = GroupedConv2D(4, 1, groups=2, use_bias=False, kernel_initializer="ones")
    assert np.asarray(layer(np.float32([1, 2, 10, 20]).reshape(1, 1, 1, 4))).ravel().tolist() == [
        3,
        3,
        30,
        30,
    ]


@pytest.mark.slow
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
        return ops.sum(convolutions._grouped_conv(image, kernel, (2, 2), 2) * weights)

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
    monkeypatch.setattr(convolutions, "_grouped_conv", None)
    np.testing.assert_allclose(layer(image), on_cpu, atol=1e-5)


def test_it_survives_its_config():
    layer = GroupedConv2D.from_config(GroupedConv2D(8, 3, 2, groups=4, name="mine").get_config())
    assert (layer.name, layer.groups, layer.strides, layer.padding) == ("mine", 4, (2, 2), "valid")
