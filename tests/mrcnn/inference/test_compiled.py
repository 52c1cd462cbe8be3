"""compiled: one compilation for each shape, and the weights of today."""

import logging

import keras
import numpy as np
import pytest

from mrcnn.inference.compiled import compiled, without_retracing_warnings

RETRACED = "5 out of the last 7 calls to {} triggered tf.function retracing. Tracing is expensive"


@pytest.fixture
def said(caplog, monkeypatch):
    log = logging.getLogger("tensorflow")
    monkeypatch.setattr(log, "propagate", True)
    monkeypatch.setattr(log, "disabled", False)

    def say(function):
        caplog.clear()
        log.warning(RETRACED.format(function))
        return bool(caplog.records)

    return say


def test_retracing_is_not_warned_of_where_it_is_meant(said):
    if keras.backend.backend() == "tensorflow":
        compiled(lambda x: x, None, xla=False)
        assert not said("<bound method Predictor._first_step of ...>") and said(
            "<function of_the_user>"
        )
    with without_retracing_warnings():
        assert not said(
            "<function TensorFlowTrainer.make_train_function.<locals>.one_step_on_iterator>"
        )
    assert said("<function TensorFlowTrainer.make_train_function.<locals>.one_step_on_iterator>")


def test_it_is_traced_once_for_each_shape_and_reads_the_weights_anew():
    layer = keras.layers.Dense(2, kernel_initializer="ones", bias_initializer="zeros")
    model = keras.Sequential([keras.Input((3,)), layer])
    traced = []

    def function(x):
        traced.append(x.shape)
        return model(keras.ops.convert_to_tensor(x))

    run = compiled(function, model, xla=False)
    ones = np.ones((1, 3), np.float32)
    assert np.asarray(run(ones)).tolist() == [[3, 3]]
    layer.kernel.assign(np.full((3, 2), 2.0))
    assert np.asarray(run(ones)).tolist() == [[6, 6]]
    assert np.asarray(run(np.ones((4, 3), np.float32))).shape == (4, 2)
    assert len(traced) == 2 or keras.backend.backend() == "torch"


def test_dicts_of_arrays_come_out():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    run = compiled(lambda x: {"double": keras.ops.convert_to_tensor(x) * 2}, model, xla=False)
    assert np.asarray(run(np.float32([1, 2]))["double"]).tolist() == [2, 4]
