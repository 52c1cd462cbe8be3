"""Convolutions as matrix products: Keras' own layers with the same weights are the oracle."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from mrcnn.modeling.matrix_convs import BlockConv2DTranspose, CoveringConv2D, merge_blocks


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
