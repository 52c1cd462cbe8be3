"""fit_detector: layers and rates of each stage, batches in order, resumed where they broke off,
with and without TensorFlow. test_fit_stages.py has what is true of any network."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from mrcnn.data.batches import TrainingBatches, training_batches
from mrcnn.modeling.devices import use_xla
from mrcnn.training import fit as fit_module
from mrcnn.training.checkpoints import read_state
from mrcnn.training.fit_detector import fit_detector
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage

ROOT = Path(__file__).parents[3]
# Of `simple_losses`, which depend on few layers.
pytestmark = pytest.mark.filterwarnings("ignore:Gradients do not exist:UserWarning")
STAGES = [Stage("heads", "heads", 2, 1e-3), Stage("all", "all", 2, 1e-3)]


@pytest.fixture(scope="module")
def config(plain_config):
    return plain_config(OPTIMIZER="adamw", LR_SCHEDULE="cosine")


@pytest.fixture
def train(uncompiled, simple_losses, config, shapes, detector):
    """train(run, stages, **options) -> history; a training from the same weights each time."""
    start = [np.asarray(v).copy() for v in detector.variables]

    def make(run, stages=STAGES, watch=None, **options):
        for variable, value in zip(detector.variables, start):
            variable.assign(value)
        batches = training_batches(shapes(10), config)
        if watch is not None:
            options["callbacks"] = [watch]
        return fit_detector(detector, config, batches, stages, run, **options)

    yield make
    for variable, value in zip(detector.variables, start):
        variable.assign(value)


class Watch(keras.callbacks.Callback):
    """Notes who learns, the batches asked for, and breaks off where it is told to."""

    def __init__(self, break_at=None):
        super().__init__()
        self.break_at, self.learning, self.rates = break_at, {}, {}

    def on_epoch_begin(self, epoch, logs=None):
        self.learning[epoch] = len(self.model.trainable_variables)
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.rates.setdefault(self.epoch, []).append(float(self.model.optimizer.learning_rate))
        if (self.epoch, batch) == self.break_at:
            raise KeyboardInterrupt


def same(history, other):
    assert [list(row) for row in history] == [list(row) for row in other]
    for row, wanted in zip(history, other, strict=True):
        for name, value in row.items():
            assert value == wanted[name] or value == pytest.approx(
                wanted[name], rel=2e-3, abs=1e-4
            ), (name, row["epoch"])


@pytest.mark.slow
def test_stages_follow_each_other_and_a_broken_training_goes_on_as_if_it_were_whole(
    train, tmp_path
):
    watch = Watch()
    whole = train(RunFolder(tmp_path / "whole"), watch=watch)
    assert [(row["epoch"], row["stage"]) for row in whole] == [
        (1, "heads"),
        (2, "heads"),
        (3, "all"),
        (4, "all"),
    ]
    assert watch.learning[0] == watch.learning[1] < watch.learning[2] == watch.learning[3]
    assert (
        watch.rates[2][0] == pytest.approx(1e-3, rel=0.3) and watch.rates[1][-1] < 3e-4
    )  # a cosine for each stage
    run = RunFolder(tmp_path / "broken")
    for break_at, resume in (
        ((1, 1), False),
        ((2, 0), True),
        ((3, 1), True),
    ):  # within a stage, at a border, in the last epoch
        with pytest.raises(KeyboardInterrupt):
            train(run, watch=Watch(break_at), resume=resume)
    same(train(run, resume=True), whole)
    same(run.read_history(), whole)
    assert (
        train(run, resume=True) == run.read_history()
    )  # and once more, when nothing is left to do


@pytest.mark.slow
def test_a_loss_that_is_not_finite_keeps_the_last_good_epoch(train, tmp_path):
    run, state = RunFolder(tmp_path), {}

    def spoil(epoch, logs=None):
        if epoch == 1:
            variable = next(
                v for v in spoiler.model.trainable_variables if "rpn_bbox_pred" in v.path
            )
            variable.assign(np.full(variable.shape, np.nan))

    spoiler = keras.callbacks.LambdaCallback(on_epoch_begin=spoil)
    with pytest.raises(
        FloatingPointError,
        match=r"After batch 1 of epoch 2 .*rpn_bbox_loss.*last\.h5 still holds epoch 1",
    ):
        train(run, callbacks=[spoiler, keras.callbacks.TerminateOnNaN()], state=state)
    assert read_state(run.last)["epoch"] == state["epoch"] == len(run.read_history()) == 1
    with h5py.File(run.last) as file:
        values = []
        file.visititems(
            lambda name, item: (
                values.append(np.isfinite(item[()]).all())
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    assert len(values) > 20 and all(values)


@pytest.mark.slow
def test_batches_come_in_the_order_they_have(train, tmp_path, monkeypatch):
    """Keras would shuffle them once more, differently after a resume."""
    asked, original = [], TrainingBatches.__getitem__

    def getitem(self, index):
        asked.append((self.epoch, index))
        return original(self, index)

    monkeypatch.setattr(TrainingBatches, "__getitem__", getitem)
    monkeypatch.setattr(fit_module, "_tensorboard", lambda run: [])
    monkeypatch.setattr(TrainingBatches, "__len__", lambda self: 4)
    train(RunFolder(tmp_path), [Stage("heads", "heads", 2, 1e-3)])
    assert asked[-8:] == [(epoch, index) for epoch in (0, 1) for index in range(4)]


def test_xla_is_for_accelerators_unless_the_config_says_otherwise(plain_config):
    assert (
        use_xla(plain_config(JIT_COMPILE=True)) is True
        and use_xla(plain_config(JIT_COMPILE=False)) is False
    )
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        assert use_xla(plain_config()) == bool(tf.config.list_physical_devices("GPU"))


@pytest.mark.slow
def test_jax_trains_scores_and_detects_without_tensorflow(tmp_path):
    """In a process of its own, in which TensorFlow cannot be imported; the scores come without
    validation data."""
    pytest.importorskip("jax")
    code = textwrap.dedent(f"""
        import sys
        sys.modules["tensorflow"] = sys.modules["tensorboard"] = None
        sys.path.insert(0, {str(ROOT)!r})
        import runpy
        import numpy as np
        tools = runpy.run_path({str(ROOT / "tests" / "conftest.py")!r})
        tools["register_plain_backbone"]()
        from mrcnn.config import Config
        from mrcnn.data.batches import training_batches
        from mrcnn.inference.predict import Predictor
        from mrcnn.modeling.build import build_detector
        from mrcnn.modeling.devices import use_xla
        from mrcnn.training.fit_detector import fit_detector
        from mrcnn.training.run_folder import RunFolder
        from mrcnn.training.stages import Stage
        settings = {{"DETECTION_MIN_CONFIDENCE": 0.0, "DETECTION_ALL_CLASSES": True}}
        config = Config.from_dict(tools["TINY"] | {{"NUM_CLASSES": 3}} | settings)
        dataset = tools["shapes"].__wrapped__()(4)
        import keras
        keras.utils.set_random_seed(0)          # what untrained weights find is left to chance
        model = build_detector(config)
        predictor = Predictor(model, config, xla=use_xla(config))
        photos = [dataset.load_image(i) for i in range(3)]
        found = []

        def evaluate(epoch):
            found.append([len(result["scores"]) for result in predictor(photos)])
            return {{"val_mask_ap": 0.5}}

        run = RunFolder({str(tmp_path)!r})
        stages = [Stage("all", "all", 2, 1e-3)]
        batches = training_batches(dataset, config)
        history = fit_detector(model, config, batches, stages, run, evaluate=evaluate)
        assert [np.isfinite(row["loss"]) for row in history] == [True, True], history
        assert [len(f) for f in found] == [3, 3] and max(found[0]) > 0, found
        assert run.best.exists() and run.last.exists()
        """)
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
