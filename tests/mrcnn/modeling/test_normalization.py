"""Normalisation: Keras' own layers, one after the other, are the oracle."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from mrcnn.modeling.convolutions import GroupedConv2D
from mrcnn.modeling.normalization import BatchNorm, ConvNorm, FoldedGraph

CONVS = {
    "plain": lambda: layers.Conv2D(8, 3, padding="same", name="conv"),
    "strided": lambda: layers.Conv2D(8, 3, 2, name="conv"),
    "pointwise": lambda: layers.Conv2D(8, 1, 2, use_bias=False, name="conv"),
    "depthwise": lambda: layers.DepthwiseConv2D(3, 2, "same", depth_multiplier=2, name="conv"),
    "grouped": lambda: GroupedConv2D(8, 3, groups=2, name="conv"),
}


@pytest.fixture(params=CONVS)
def pair(request, rng):
    """(conv, norm, inputs), with weights and statistics that change the numbers."""
    conv, norm = CONVS[request.param](), BatchNorm(name="norm")
    inputs = rng.normal(size=(2, 9, 9, 4)).astype(np.float32)
    norm(conv(inputs))
    for layer in (conv, norm):
        layer.set_weights([rng.uniform(0.3, 2, w.shape).astype(np.float32) for w in layer.weights])
    return conv, norm, inputs


@pytest.mark.parametrize("training", [False, True])
def test_frozen_statistics_are_folded_into_the_kernel(pair, training):
    conv, norm, inputs = pair
    expected = norm(conv(inputs), training=training)
    np.testing.assert_allclose(
        ConvNorm(conv, norm)(inputs, training=training), expected, rtol=1e-5, atol=1e-5
    )


def test_every_weight_gets_the_same_gradient(pair):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients of weights are taken with TensorFlow here")
    import tensorflow as tf

    conv, norm, inputs = pair
    folded, found = ConvNorm(conv, norm), []
    for function in (folded, lambda x: norm(conv(x))):
        with tf.GradientTape() as tape:
            loss = ops.sum(ops.square(function(inputs)))
        found.append(tape.gradient(loss, [w.value for w in (*conv.weights, norm.gamma, norm.beta)]))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(
            one, other, rtol=1e-4, atol=1e-4 * float(ops.max(ops.abs(other)))
        )


def test_statistics_that_are_updated_are_those_of_the_batch(rng):
    conv, norm, inputs = (
        layers.Conv2D(8, 3),
        BatchNorm(True),
        rng.normal(size=(2, 9, 9, 4)).astype(np.float32),
    )
    folded = ConvNorm(conv, norm)
    outputs = np.asarray(folded(inputs, training=True))
    np.testing.assert_allclose(outputs.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    assert (np.asarray(norm.moving_mean) != 0).all()
    np.testing.assert_allclose(folded(inputs), norm(conv(inputs)), rtol=1e-5, atol=1e-6)


def test_a_kernel_is_rounded_once(rng):
    """In half precision the fold is float32: gamma of 1 + 2^-10 is 1 in bfloat16."""
    policy = keras.DTypePolicy("mixed_bfloat16")
    conv, norm = (
        layers.Conv2D(1, 1, use_bias=False, dtype=policy),
        BatchNorm(epsilon=0.0, dtype=policy),
    )
    folded, inputs = ConvNorm(conv, norm), np.ones((1, 1, 1, 1), np.float32)
    folded(inputs)
    conv.set_weights([np.full((1, 1, 1, 1), 256.0, np.float32)])
    norm.set_weights(
        [np.float32([1 + 2**-7 + 2**-10]), np.float32([0]), np.float32([0]), np.float32([1])]
    )
    outputs = folded(inputs)
    assert outputs.dtype == "bfloat16" and float(ops.cast(outputs, "float32")[0, 0, 0, 0]) == 258


def graph(**ways):
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, padding="same", name="conv1")(image)
    y = layers.BatchNormalization(name="bn1")(x)
    y = layers.Conv2D(4, 3, padding="same", name="conv2")(layers.ReLU()(y))
    z = layers.BatchNormalization(name="bn2")(y)
    outputs = [z, layers.Add()([y, z])] if ways.get("read_twice") else [z]
    return keras.Model(image, outputs, name="graph")


def randomise(model, rng):
    model.set_weights([rng.uniform(0.3, 2, w.shape).astype(np.float32) for w in model.weights])


def test_a_graph_runs_folded_and_stays_as_it_is(rng):
    model, images = graph(), rng.normal(size=(2, 8, 8, 3)).astype(np.float32)
    randomise(model, rng)
    names = [layer.name for layer in model.layers]
    folded = FoldedGraph(model)
    assert len(folded._pairs) == 2
    np.testing.assert_allclose(folded(images)[0], model(images), rtol=1e-4)
    assert [layer.name for layer in model.layers] == names and len(model.weights) == 12


def test_a_convolution_that_something_else_reads_is_not_folded(rng):
    model, images = graph(read_twice=True), rng.normal(size=(2, 8, 8, 3)).astype(np.float32)
    randomise(model, rng)
    folded = FoldedGraph(model)
    assert [pair.conv.name for pair in folded._pairs.values()] == ["conv1"]
    for one, other in zip(folded(images), model(images), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)


def test_keras_own_norms_learn_in_training(rng):
    model, images = graph(), rng.normal(size=(2, 8, 8, 3)).astype(np.float32)
    FoldedGraph(model)(images, training=True)
    assert (np.asarray(model.get_layer("bn1").moving_mean) != 0).all()
    model.get_layer("bn1").trainable = False
    before = np.asarray(model.get_layer("bn1").moving_mean)
    FoldedGraph(model)(images, training=True)
    np.testing.assert_array_equal(model.get_layer("bn1").moving_mean, before)


@pytest.fixture
def pixels(rng):
    return rng.normal(3, 2, (2, 8, 8, 4)).astype(np.float32)


def test_frozen_statistics_normalise_alike_in_training_and_inference(pixels):
    norm = BatchNorm()
    np.testing.assert_array_equal(norm(pixels, training=True), norm(pixels, training=False))
    np.testing.assert_array_equal(norm.moving_mean, np.zeros(4))


def test_frozen_statistics_leave_gamma_and_beta_to_be_trained():
    norm = BatchNorm()
    norm.build((None, None, None, 4))
    assert [w.name for w in norm.trainable_weights] == ["gamma", "beta"]


def test_statistics_are_updated_when_asked(pixels):
    norm = BatchNorm(update_statistics=True)
    trained = np.asarray(norm(pixels, training=True))
    np.testing.assert_allclose(trained.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(norm.moving_mean, 0.01 * pixels.mean((0, 1, 2)), rtol=1e-4)


@pytest.mark.parametrize("shape", [(2, 8, 8, 4), (1, 1, 1, 4), (1, 1, 2, 4)])
def test_the_batch_is_normalised_as_keras_does(rng, gradient, shape):
    """Keras' own layer is the oracle of outputs, statistics and gradients, down to a batch of one
    cell.
    """
    pixels, weight = (rng.normal(3, 2, shape).astype(np.float32) for _ in range(2))
    ours, keras_own = (
        BatchNorm(update_statistics=True, momentum=0.5),
        keras.layers.BatchNormalization(epsilon=1e-3, momentum=0.5),
    )
    for layer in (ours, keras_own):
        layer.build(shape)
        layer.set_weights(
            [
                np.float32([1, 2, 3, 4]),
                np.float32([4, 3, 2, 1]),
                np.float32([1, 0, 0, 1]),
                np.float32([1, 2, 2, 1]),
            ]
        )
    np.testing.assert_allclose(
        ours(pixels, training=True), keras_own(pixels, training=True), rtol=1e-5, atol=1e-5
    )
    for one, other in zip(ours.weights, keras_own.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    one, other = (
        gradient(lambda x, f=f: ops.sum(f(x, training=True) * weight), pixels)
        for f in (ours, keras_own)
    )
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_epsilon_is_that_of_the_published_weights():
    assert BatchNorm().epsilon == 1e-3


@pytest.mark.parametrize("shape", [(6, 4), (6, 5, 5, 4)])
def test_statistics_are_those_of_the_rows_that_are_used(rng, shape):
    rows, used = (
        rng.normal(3, 2, shape).astype(np.float32),
        np.array([[True, False, True], [True, True, False]]),
    )
    part, whole = (BatchNorm(update_statistics=True, momentum=0.5) for _ in range(2))
    wanted = np.asarray(whole(rows[used.ravel()], training=True))
    np.testing.assert_allclose(
        np.asarray(part(rows, training=True, valid=used))[used.ravel()], wanted, atol=1e-5
    )
    for one, other in (
        (part.moving_mean, whole.moving_mean),
        (part.moving_variance, whole.moving_variance),
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_without_a_used_row_the_statistics_stay(pixels):
    norm = BatchNorm(update_statistics=True)
    norm(pixels, training=True)
    before = np.asarray(norm.moving_mean), np.asarray(norm.moving_variance)
    assert np.isfinite(norm(pixels, training=True, valid=np.zeros(2, bool))).all()
    np.testing.assert_array_equal(norm.moving_mean, before[0])
    np.testing.assert_array_equal(norm.moving_variance, before[1])


def test_frozen_statistics_ask_not_which_rows_are_used(pixels):
    norm = BatchNorm()
    np.testing.assert_array_equal(
        norm(pixels, training=True, valid=np.array([True, False])), norm(pixels)
    )
    np.testing.assert_array_equal(norm.moving_mean, np.zeros(4))
