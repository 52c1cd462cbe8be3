"""fit, stage by stage: stages that callbacks stop, and what callbacks count, resumed where they
broke off.
"""

import sys
import threading

import keras
import numpy as np
import pytest

from mrcnn.locks import FolderInUse, locked
from mrcnn.training import fit as fit_module
from mrcnn.training.checkpoints import read_state
from mrcnn.training.fit import fit
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage

STAGES = [Stage("heads", "heads", 2, 1e-3), Stage("all", "all", 2, 1e-3)]


class Noise(keras.utils.PyDataset):
    """Two batches an epoch, drawn anew for every position."""

    def __init__(self):
        super().__init__()
        self.epoch = 0

    def __len__(self):
        return 2

    def __getitem__(self, index):
        rng = np.random.default_rng([self.epoch, index])
        return rng.normal(size=(4, 5)).astype(np.float32), rng.integers(0, 3, 4)

    def close(self):
        pass


def network():
    keras.utils.set_random_seed(0)
    numbers = keras.Input((5,), name="numbers")
    x = keras.layers.Dense(4, "relu", name="trunk")(numbers)
    return keras.Model(numbers, keras.layers.Dense(3, name="logits")(x))


def train(run, stages=STAGES, watch=None, **options):
    """A training from the same weights each time; returns the history."""
    model = network()

    def compile_stage(stage, steps):
        model.get_layer("trunk").trainable = stage.layers == "all"
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        # Tracing the graph of a step takes longer than all these steps.
        model.compile(keras.optimizers.Adam(stage.learning_rate), loss, run_eagerly=True)

    if watch is not None:
        options["callbacks"] = [watch]
    options = {"tensorboard": False, "quiet": True, "score": "val_mask_ap"} | options
    return fit(model, Noise(), stages, run, compile_stage, **options)


class Watch(keras.callbacks.Callback):
    """Notes the learning rates, and breaks off where it is told to."""

    def __init__(self, break_at=None):
        super().__init__()
        self.break_at, self.rates = break_at, {}

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.rates.setdefault(self.epoch, []).append(float(self.model.optimizer.learning_rate))
        if (self.epoch, batch) == self.break_at:
            raise KeyboardInterrupt


class Stop(keras.callbacks.Callback):
    """Stops the training after one epoch, once."""

    stopped = False

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training, self.stopped = not self.stopped, True


@pytest.mark.slow
def test_a_stopped_stage_is_scored_and_the_next_one_lasts_as_long_as_it_should(tmp_path):
    """And so it is after a kill at the border, and after one within the next stage."""
    run, stages, scored = (
        RunFolder(tmp_path),
        [Stage("a", "heads", 3, 1e-3), Stage("b", "all", 2, 1e-3)],
        [],
    )
    options = {
        "evaluate": lambda epoch: scored.append(epoch + 1) or {"val_mask_ap": 0.5},
        "every": 10,
    }
    with pytest.raises(KeyboardInterrupt):
        train(run, stages, callbacks=[Stop(), Watch((1, 0))], **options)
    assert scored == [1] and run.read_history()[0]["val_mask_ap"] == 0.5
    assert (read_state(run.last)["stage"], read_state(run.last)["stage_began"]) == (1, 1)
    with pytest.raises(KeyboardInterrupt):
        train(run, stages, watch=Watch((2, 1)), resume=True, **options)
    state = {}
    history = train(run, stages, resume=True, state=state, **options)
    assert [(row["epoch"], row["stage"]) for row in history] == [
        (1, "a"),
        (2, "b"),
        (3, "b"),
    ] and scored == [1, 3]
    assert state == read_state(run.last) and state["epoch"] == 3


def test_a_training_that_was_stopped_in_its_last_stage_is_over(tmp_path):
    run, stages = RunFolder(tmp_path), [Stage("a", "heads", 3, 1e-3)]
    history = train(run, stages, callbacks=[Stop()])
    assert len(history) == 1 and train(run, stages, resume=True) == history


def test_checkpoints_that_do_not_name_their_stage_are_placed_by_their_epochs():
    stages = [Stage("a", "heads", 3, 1e-3), Stage("b", "all", 2, 1e-3)]
    found = {
        epoch: tuple(fit_module._stage_by_epochs(epoch, stages, 10).values())
        for epoch in range(10, 17)
    }
    assert found == {
        10: (0, 10),
        12: (0, 10),
        11: (0, 10),
        13: (1, 13),
        14: (1, 13),
        15: (1, 13),
        16: (1, 13),
    }


def test_a_rate_asked_for_anew_applies_and_one_that_was_lowered_stays(tmp_path):
    run, lower = (
        RunFolder(tmp_path),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: 2e-4),
    )
    with pytest.raises(KeyboardInterrupt):
        train(run, callbacks=[lower, Watch((1, 0))])
    for asked, wanted in ((1e-3, 2e-4), (5e-4, 5e-4)):
        watch = Watch((1, 0))
        with pytest.raises(KeyboardInterrupt):
            train(run, [Stage("heads", "heads", 2, asked)], watch=watch, resume=True)
        assert watch.rates[1] == [pytest.approx(wanted)]


class BreakBetween(keras.callbacks.Callback):
    """Breaks off as the stage after `epoch` epochs begins."""

    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.at:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_a_resumed_training_goes_on_with_the_rate_and_the_counts_of_its_callbacks(tmp_path):
    """ReduceLROnPlateau that lowers the rate after every epoch: its change, its best value and its
    waiting are in the checkpoint."""
    stages = [Stage("heads", "heads", 4, 1e-3)]

    def plateau():
        return keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=2, min_delta=100.0)

    watch = Watch()
    whole = train(RunFolder(tmp_path / "whole"), stages, callbacks=[plateau(), watch])
    assert watch.rates[3][0] == pytest.approx(1e-4)
    run = RunFolder(tmp_path / "broken")
    for broken in (1, 2, 3):
        with pytest.raises(KeyboardInterrupt):
            train(run, stages, callbacks=[plateau(), Watch((broken, 1))], resume=broken > 1)
    watch = Watch()
    assert train(run, stages, callbacks=[plateau(), watch], resume=True) == whole
    assert watch.rates[3][0] == pytest.approx(1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("broken", [1, 2])
def test_best_weights_that_a_callback_brings_back_are_those_that_a_resumed_training_has(
    tmp_path, broken
):
    """Killed within the first stage and between the stages; the first epoch is the best by
    construction, so its weights come back."""

    def stopping():
        return keras.callbacks.EarlyStopping(
            "loss", min_delta=100.0, patience=9, restore_best_weights=True
        )

    stages = [Stage("a", "heads", 2, 1e-2), Stage("b", "heads", 1, 1e-3)]
    whole = train(RunFolder(tmp_path / "whole"), stages, callbacks=[stopping()])
    run = RunFolder(tmp_path / "broken")
    with pytest.raises(KeyboardInterrupt):
        train(run, stages, callbacks=[stopping(), BreakBetween(broken)])
    assert train(run, stages, callbacks=[stopping()], resume=True) == whole


def test_two_trainings_in_one_folder_are_refused(tmp_path):
    with locked(tmp_path, "another training"):
        refused = []
        thread = threading.Thread(
            target=lambda: refused.append(pytest.raises(FolderInUse, train, RunFolder(tmp_path)))
        )
        thread.start()
        thread.join()
    assert "in use by another training" in str(refused[0].value) and not list(tmp_path.iterdir())


def test_without_a_checkpoint_there_is_nothing_to_resume(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing to resume.*Start a new training"):
        train(RunFolder(tmp_path), resume=True)


def test_tensorboard_is_left_out_where_it_is_not_installed(tmp_path, monkeypatch):
    assert len(fit_module._tensorboard(RunFolder(tmp_path))) == 1
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert fit_module._tensorboard(RunFolder(tmp_path)) == []
