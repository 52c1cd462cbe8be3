import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.modeling.batch_norm import BatchNorm


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
    """Keras' own layer is the oracle of outputs, statistics and gradients, down to a batch of one cell."""
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
        np.asarray(part(rows, training=True, used=used))[used.ravel()], wanted, atol=1e-5
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
    assert np.isfinite(norm(pixels, training=True, used=np.zeros(2, bool))).all()
    np.testing.assert_array_equal(norm.moving_mean, before[0])
    np.testing.assert_array_equal(norm.moving_variance, before[1])


def test_frozen_statistics_ask_not_which_rows_are_used(pixels):
    norm = BatchNorm()
    np.testing.assert_array_equal(
        norm(pixels, training=True, used=np.array([True, False])), norm(pixels)
    )
    np.testing.assert_array_equal(norm.moving_mean, np.zeros(4))
