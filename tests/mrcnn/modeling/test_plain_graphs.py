"""Plain graphs: what they do otherwise than XLA changes no number."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from mrcnn.modeling import plain_graphs
from mrcnn.modeling.build import build_detector
from mrcnn.modeling.plain_graphs import PlainConv2D, convolve, in_plain_graph, plain_graph

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow's graphs"
)


def graph_of(function, *arguments):
    import tensorflow as tf

    return tf.function(function, autograph=False)(*arguments)


def test_only_a_graph_that_says_so_is_plain():
    assert not in_plain_graph()
    with plain_graph(True):
        assert not in_plain_graph()  # eager
        assert graph_of(lambda: ops.convert_to_tensor(in_plain_graph()))
    assert not graph_of(lambda: ops.convert_to_tensor(in_plain_graph()))


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Conv2D(5, 3, padding="same"),
        lambda: layers.Conv2D(5, 1, 2),
        lambda: layers.Conv2D(5, 1, 2, "same"),
        lambda: layers.Conv2D(5, (3, 5), padding="same"),
        lambda: layers.Conv2D(5, 3, 2, "same"),
        lambda: PlainConv2D(5, 3, padding="same", use_bias=False),
    ],
)
def test_gradients_without_onednn_are_those_of_tensorflow(monkeypatch, rng, layer):
    import tensorflow as tf

    layer, inputs = layer(), tf.constant(rng.normal(size=(2, 8, 6, 3)).astype(np.float32))
    layer(inputs)
    weights = [w.value for w in layer.weights]

    def gradients(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            bias = layer.bias if layer.use_bias else None
            outputs = convolve(layer, inputs, ops.convert_to_tensor(layer.kernel), bias)
            loss = ops.sum(ops.sin(outputs) * ops.cast(ops.arange(outputs.shape[-1]), "float32"))
        return outputs, tape.gradient(loss, [inputs, *weights])

    results = []
    for onednn in (True, False):
        monkeypatch.setattr(plain_graphs, "_onednn", lambda onednn=onednn: onednn)
        with plain_graph(True):
            results.append(tf.nest.flatten(graph_of(gradients, inputs)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "onednn",
    [pytest.param(True, marks=pytest.mark.slow), pytest.param(False, marks=pytest.mark.full)],
)
def test_a_step_in_a_plain_graph_is_the_eager_step(monkeypatch, plain_config, batch_of, onednn):
    """The eager step trains the mask head on all rows that may be positive; the graph on those that
    are, and there may be none.
    """
    monkeypatch.setattr(plain_graphs, "_onednn", lambda: onednn)
    batch, results = batch_of(plain_config(), objects=(2, 1)), []
    for eager in (True, False):
        keras.utils.set_random_seed(3)
        detector = build_detector(plain_config())
        detector.compile(keras.optimizers.SGD(0.01), run_eagerly=eager, jit_compile=False)
        logs = [detector.train_on_batch(batch, return_dict=True) for _ in range(2)]
        results.append((logs, [w.numpy() for w in detector.trainable_weights]))
    (eager_logs, eager_weights), (logs, weights) = results
    for one, other in zip(logs, eager_logs, strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-6)
    for one, other in zip(weights, eager_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    detector.reset_metrics()
    logs = detector.train_on_batch(batch_of(plain_config(), objects=(0, 0)), return_dict=True)
    assert np.isfinite(list(logs.values())).all() and logs["mrcnn_mask_loss"] == 0
