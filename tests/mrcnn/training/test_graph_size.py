"""What a step costs before it computes anything: traces, operations, and convolutions that are
matrix products. No clocks."""

import functools

import keras
import pytest

from mrcnn.modeling.build import build_detector
from mrcnn.modeling.detector import Detector
from mrcnn.training.fit_detector import fit_detector
from mrcnn.training.optimizers import make_optimizer
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's graphs"),
    pytest.mark.filterwarnings("ignore:Gradients do not exist:UserWarning"),  # of simple_losses
]


@pytest.fixture
def traces(monkeypatch):
    """A list that grows with every time that a training step is traced."""
    found, step = [], Detector.train_step
    monkeypatch.setattr(
        Detector,
        "train_step",
        lambda self, *args, **kwargs: found.append(self) or step(self, *args, **kwargs),
    )
    return found


@pytest.fixture(scope="module")
def graph_of_a_step(plain_config, batch_of):
    """graph_of_a_step(**settings) -> a detector and the operations of its step, traced once.

    At 128 pixels no map has but one cell.
    """
    import tensorflow as tf

    @functools.cache
    def graph_of(**settings):
        config = plain_config(IMAGE_MIN_DIM=128, IMAGE_MAX_DIM=128, **settings)
        detector = build_detector(config)
        detector.compile(make_optimizer(config, 1e-3, 10), jit_compile=False)
        detector.optimizer.build(detector.trainable_variables)
        inputs = {name: tf.constant(column) for name, column in batch_of(config).items()}
        step = tf.function(lambda x: detector.train_step((x,)), autograph=False)
        return detector, step.get_concrete_function(inputs).graph.get_operations()

    return graph_of


def test_a_training_of_one_stage_is_traced_once(
    traces, simple_losses, plain_config, shapes, tmp_path
):
    from mrcnn.data.batches import training_batches

    config = plain_config(STEPS_PER_EPOCH=2)
    batches = training_batches(shapes(4), config)
    fit_detector(
        build_detector(config),
        config,
        batches,
        [Stage("all", "all", 2, 1e-3)],
        RunFolder(tmp_path / "run"),
        score="loss",
    )
    assert len(traces) == 1


def test_a_model_that_keras_compiles_is_traced_once(traces, simple_losses, plain_config, batch_of):
    """Without `optimizer.build`, as scripts do it."""
    detector = build_detector(plain_config())
    detector.compile(keras.optimizers.SGD(0.01, momentum=0.9), jit_compile=False)
    for _ in range(2):
        detector.train_on_batch(batch_of(plain_config()))
    assert len(traces) == 1


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_variable_costs_an_update_of_a_few_operations(graph_of_a_step, optimizer):
    """6 and 7 for each variable when this was written; Keras' own are 17 and 45."""
    detector, operations = graph_of_a_step(OPTIMIZER=optimizer)
    updates = [o for o in operations if o.name.startswith(f"{detector.optimizer.name}/")]
    assert updates and len(updates) <= 8 * len(detector.trainable_variables) + 40


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_step_has_no_more_operations_than_it_had(graph_of_a_step, optimizer):
    """6,381 and 6,464 when this was written, of a network of ten layers; with Keras' own updates
    7,200 and 9,272."""
    _, operations = graph_of_a_step(OPTIMIZER=optimizer)
    assert len(operations) <= 6900


@pytest.mark.parametrize("settings", [{}, {"NECK_GATE": "se"}])
def test_no_convolution_covers_its_input(graph_of_a_step, settings):
    """Such a one is a matrix product, and its gradient 20 times as slow as the product's."""
    _, operations = graph_of_a_step(OPTIMIZER="sgd", **settings)
    sizes = {
        (tuple(o.inputs[0].shape[1:3]), tuple(o.inputs[1].shape[:2]))
        for o in operations
        if o.type == "Conv2D"
    }
    assert len(sizes) > 5 and not [size for size in sizes if size[0] == size[1]], sizes
    assert not [
        o
        for o in operations
        if o.type == "Conv2DBackpropInput" and tuple(o.outputs[0].shape[1:3]) in ((1, 1), (7, 7))
    ]
