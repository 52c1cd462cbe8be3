"""BatchNorm in a functional model that is then trained."""

import keras
import numpy as np
import pytest

from mrcnn.legacy.batch_norm import BatchNorm
from mrcnn.modeling import batch_norm


@pytest.mark.parametrize(
    ("arguments", "learns"),
    [
        ({}, True),
        ({"training": None}, True),
        ({"training": True}, True),
        ({"training": False}, False),
    ],
)
def test_statistics_are_learned_unless_the_first_call_says_no(arguments, learns):
    layer = BatchNorm(name="bn")
    image = keras.Input((3,))
    model = keras.Model(image, layer(image, **arguments))
    model(np.full((4, 3), 5.0), training=True)
    assert np.any(np.asarray(layer.moving_mean)) == learns
    before = np.asarray(layer.moving_mean)
    model(np.full((4, 3), 9.0), training=False)  # in use nothing is learned
    np.testing.assert_array_equal(layer.moving_mean, before)


def test_it_is_the_librarys_layer():
    layer = BatchNorm(name="bn")
    assert isinstance(layer, batch_norm.BatchNorm) and layer.epsilon == 1e-3
