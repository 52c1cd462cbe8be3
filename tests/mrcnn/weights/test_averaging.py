"""The mean of weights, by layer name."""

import keras
import numpy as np
import pytest

from mrcnn.weights.averaging import average_weights
from mrcnn.weights.layer_files import WeightShapeError, save_weights


def network(units=3, name="second"):
    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(units, name="first")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, name=name)(hidden))


def saved(path, value, **kwargs):
    model = network(**kwargs)
    for weight in model.weights:
        weight.assign(np.full(weight.shape, value))
    save_weights(model, path)
    return path


def test_each_weight_is_the_mean_of_its_values(tmp_path):
    files = [saved(tmp_path / f"{value}.h5", value) for value in (1, 2, 6)]
    model, read = network(), []
    average_weights(model, files, on_file=lambda: read.append(len(read)))
    for weight in model.weights:
        np.testing.assert_array_equal(np.asarray(weight), 3)
    assert read == [0, 1, 2]


def test_the_sum_is_of_double_precision(tmp_path):
    files = [saved(tmp_path / f"{i}.h5", value) for i, value in enumerate((1e8, 1, -1e8))]
    model = network()
    average_weights(model, files)
    np.testing.assert_allclose(np.asarray(model.weights[0]), 1 / 3, rtol=1e-6)


def test_other_shapes_and_other_layers_are_refused(tmp_path):
    first = saved(tmp_path / "first.h5", 1)
    with pytest.raises(WeightShapeError):
        average_weights(network(), [first, saved(tmp_path / "wide.h5", 1, units=4)])
    with pytest.raises(ValueError, match="other.h5 has other layers"):
        average_weights(network(), [first, saved(tmp_path / "other.h5", 1, name="third")])
