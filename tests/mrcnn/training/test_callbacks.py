"""RunRecorder and RunSaver: what a run folder holds after every epoch, and in which order it is
written."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mrcnn.data.loading.samplers import RepeatSampler
from mrcnn.training import callbacks
from mrcnn.training.callbacks import RunRecorder, RunSaver
from mrcnn.training.run_folder import RunFolder


class Batches:
    def __init__(self):
        self.epoch, self.sampler = 0, RepeatSampler(np.ones(3))


@pytest.fixture
def saved(monkeypatch):
    """Every checkpoint that is written: (name, metadata, a copy of the state)."""
    written = []

    def save(model, path, *, metadata=None, optimizer=None, state=None, callbacks=None):
        written.append((path.name, metadata, json.loads(json.dumps(state))))

    monkeypatch.setattr(callbacks, "save_weights", save)
    monkeypatch.setattr(callbacks, "save_checkpoint", save)
    return written


class Both:
    """The recorder and the saver behind it."""

    def __init__(self, recorder):
        self.recorder, self.saver = recorder, RunSaver(recorder)
        self.saver.set_model(recorder.model)

    def on_epoch_end(self, epoch, logs):
        self.recorder.on_epoch_end(epoch, logs)
        self.saver.on_epoch_end(epoch, logs)

    def __getattr__(self, name):
        return getattr(self.recorder, name)


def recorder(run, batches, scores=(), every=1, last_epoch=9, score="val_mask_ap"):
    scores = list(scores)
    made = RunRecorder(
        run,
        batches,
        stage="all",
        evaluate=(lambda epoch: {"val_mask_ap": scores[epoch]}) if scores else None,
        score=score,
        every=every,
        last_epoch=last_epoch,
        metadata={"a": 1},
        state={"epoch": 0, "best": -1.0, "history": [], "repeats": None},
    )
    made.set_model(
        SimpleNamespace(optimizer=None, trainable_variables=[keras.Variable([1.0], name="kernel")])
    )
    return Both(made)


def test_the_batches_are_told_the_epoch(tmp_path):
    batches = Batches()
    recorder(RunFolder(tmp_path), batches).on_epoch_begin(4)
    assert batches.epoch == 4


def test_the_best_weights_are_those_of_the_highest_score(tmp_path, saved):
    callback = recorder(RunFolder(tmp_path), Batches(), scores=[0.2, 0.1, 0.2, 0.3])
    for epoch in range(4):
        callback.on_epoch_end(epoch, {"loss": 1.0})
    assert [(name, metadata.get("epoch")) for name, metadata, _ in saved if name == "best.h5"] == [
        ("best.h5", 1),
        ("best.h5", 4),
    ]
    assert [state["best"] for name, _, state in saved if name == "last.h5"] == [0.2, 0.2, 0.2, 0.3]


def test_a_score_of_zero_is_better_than_none(tmp_path, saved):
    recorder(RunFolder(tmp_path), Batches(), scores=[0.0]).on_epoch_end(0, {})
    assert [name for name, *_ in saved] == ["best.h5", "last.h5"]


def test_evaluation_comes_every_so_many_epochs_and_after_the_last(tmp_path, saved):
    run = RunFolder(tmp_path)
    callback = recorder(run, Batches(), scores=[0.1] * 5, every=2, last_epoch=5)
    for epoch in range(5):
        callback.on_epoch_end(epoch, {"loss": 1.0})
    callback.saver.on_train_end()
    assert [row["epoch"] for row in run.read_history() if "val_mask_ap" in row] == [2, 4, 5]


def test_other_callbacks_see_the_scores(tmp_path, saved):
    logs = {"loss": 1.0}
    recorder(RunFolder(tmp_path), Batches(), scores=[0.7]).on_epoch_end(0, logs)
    assert logs == {"loss": 1.0, "val_mask_ap": 0.7}


def test_the_history_is_there_before_the_checkpoint_that_counts_it(tmp_path, monkeypatch):
    run, rows = RunFolder(tmp_path), []
    monkeypatch.setattr(
        callbacks, "save_checkpoint", lambda *_, **__: rows.append(len(run.read_history()))
    )
    recorder(run, Batches()).on_epoch_end(0, {"loss": 1.0})
    assert rows == [1]


def test_repeat_factors_that_fall_back_to_one_are_kept_as_such(tmp_path, saved):
    batches = Batches()
    callback = recorder(RunFolder(tmp_path), batches)
    for epoch, repeats in enumerate(([2.0, 1.0, 1.0], [1.0, 1.0, 1.0])):
        batches.sampler.repeats = np.array(repeats)
        callback.on_epoch_end(epoch, {})
    assert [state["repeats"] for *_, state in saved] == [[2, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_ends_the_training_at_its_batch(tmp_path, saved, value):
    callback = recorder(RunFolder(tmp_path), Batches())
    callback.on_epoch_begin(4)
    callback.on_train_batch_end(0, {"loss": 1e30, "rpn_class_loss": 1.0})
    with pytest.raises(
        FloatingPointError,
        match=(
            r"After batch 12 of epoch 5 .*\(not finite: loss, rpn_bbox_loss\)\. "
            r"Nothing was saved"
        ),
    ):
        callback.on_train_batch_end(
            11, {"loss": value, "rpn_class_loss": 1.0, "rpn_bbox_loss": value}
        )
    assert not saved and callback.state["epoch"] == 0


@pytest.mark.parametrize(
    ("epoch_weights", "name"), [(None, "last.h5"), ("weights_{epoch:02d}.h5", "weights_01.h5")]
)
def test_the_error_names_the_epoch_that_is_kept(tmp_path, saved, epoch_weights, name):
    callback = recorder(RunFolder(tmp_path, epoch_weights), Batches())
    callback.on_epoch_end(0, {"loss": 1.0})
    (tmp_path / name).touch()
    callback.on_epoch_begin(1)
    with pytest.raises(
        FloatingPointError,
        match=(
            f"After batch 1 of epoch 2 .*{name} still holds epoch 1; continue .* "
            f"lower learning rate"
        ),
    ):
        callback.on_train_batch_end(0, {"loss": np.nan})


def test_weights_that_the_last_batch_spoiled_are_neither_saved_nor_scored(tmp_path, saved):
    callback = recorder(RunFolder(tmp_path), Batches(), scores=[0.5])
    callback.model.trainable_variables[0].assign([np.nan])
    with pytest.raises(
        FloatingPointError,
        match="After the last batch of epoch 1, 1 weights are not finite, for example kernel",
    ):
        callback.on_epoch_end(0, {"loss": 1.0})
    assert not saved and not list(tmp_path.iterdir())


def test_a_stage_that_was_stopped_is_scored_once(tmp_path, saved):
    run = RunFolder(tmp_path)
    callback = recorder(run, Batches(), scores=[0.1, 0.2, 0.3], every=2)
    for epoch in range(3):
        callback.on_epoch_end(epoch, {"loss": 1.0})
    callback.saver.on_train_end()
    assert [row.get("val_mask_ap") for row in run.read_history()] == [None, 0.2, 0.3]
    assert [name for name, *_ in saved] == [
        "last.h5",
        "best.h5",
        "last.h5",
        "last.h5",
        "best.h5",
        "last.h5",
    ]
    assert (saved[-1][2]["stage"], saved[-1][2]["stage_began"]) == (1, 3)


def test_the_last_epoch_of_a_stage_is_saved_when_the_other_callbacks_have_ended(tmp_path, saved):
    """They may bring back better weights then; a kill before that repeats the epoch."""
    callback = recorder(RunFolder(tmp_path), Batches(), last_epoch=2)
    counts = []
    for epoch in range(2):
        callback.on_epoch_end(epoch, {"loss": 1.0})
        counts.append(len(saved))
    callback.saver.on_train_end()
    assert counts == [1, 1] and [state["epoch"] for *_, state in saved] == [1, 2]


def test_a_training_without_an_epoch_saves_nothing(tmp_path, saved):
    recorder(RunFolder(tmp_path), Batches()).saver.on_train_end()
    assert not saved and not list(tmp_path.iterdir())


def test_what_callbacks_put_into_the_logs_is_history_if_it_is_a_number(tmp_path, saved):
    run = RunFolder(tmp_path)
    recorder(run, Batches()).on_epoch_end(
        0, {"loss": 1.0, "learning_rate": np.float32(0.5), "note": "x", "list": [1]}
    )
    assert run.read_history() == [{"epoch": 1, "stage": "all", "loss": 1.0, "learning_rate": 0.5}]


def test_a_stop_leaves_the_weights_of_the_epoch_as_they_were(tmp_path, saved):
    callback = recorder(RunFolder(tmp_path, "weights_{epoch:02d}.h5"), Batches())
    callback.on_epoch_end(0, {"loss": 1.0})
    callback.saver.on_train_end()
    assert [name for name, *_ in saved] == ["weights_01.h5"]
