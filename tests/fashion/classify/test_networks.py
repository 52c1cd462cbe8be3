"""Networks: the report's numbers of parameters, from pixels to logits."""

import math

import numpy as np
import pytest

from fashion.classify.networks import NETWORKS, PARAMETERS, build, multiply_adds


@pytest.fixture(scope="module")
def models():
    return {network: build(network) for network in NETWORKS}


@pytest.mark.parametrize(
    ("network", "parameters"), [("one", 173_738), ("two", 515_146), ("three", 1_421_194)]
)
def test_parameters_are_exactly_those_of_the_report(models, network, parameters):
    assert (
        sum(math.prod(v.shape) for v in models[network].trainable_variables)
        == models[network].count_params()
        == parameters
    )
    assert PARAMETERS[network] == parameters


def test_the_largest_by_hand():
    """28 - 2 = 26, pooled 13, 11, 9: the hidden layer reads 9 * 9 * 128 numbers."""
    convolutions = (9 * 1 + 1) * 32 + (9 * 32 + 1) * 64 + (9 * 64 + 1) * 128
    assert convolutions + (9 * 9 * 128 + 1) * 128 + (128 + 1) * 10 == PARAMETERS["three"]


def test_multiply_adds_by_hand(models):
    """One convolution: 9 at 26 x 26 places for 32 filters; 13 * 13 * 32 numbers into 32; 32 into
    10.
    """
    assert multiply_adds(models["one"]) == 9 * 26 * 26 * 32 + 13 * 13 * 32 * 32 + 32 * 10


@pytest.mark.parametrize("network", NETWORKS)
def test_bytes_in_and_ten_logits_out(models, network):
    logits = models[network](np.full((2, 28, 28), 200, np.uint8))
    assert tuple(logits.shape) == (2, 10) and np.isfinite(np.asarray(logits)).all()


def test_pixels_are_scaled_to_1(models):
    scaled = models["one"].get_layer("rescale")(
        models["one"].get_layer("channel")(np.full((1, 28, 28), 255, np.uint8))
    )
    assert np.asarray(scaled) == pytest.approx(1.0)


@pytest.mark.parametrize("network", list(NETWORKS))
def test_channels_come_last_whatever_keras_is_told(network, channels_first):
    assert build(network)(np.zeros((2, 28, 28), np.uint8)).shape == (2, 10)
