import numpy as np
import pytest

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


def test_epsilon_is_that_of_the_published_weights():
    assert BatchNorm().epsilon == 1e-3
