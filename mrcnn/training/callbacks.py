"""Callbacks that keep a run folder up to date.

`RunRecorder` scores the model before other callbacks see the epoch; `RunSaver` saves it after them,
so that a checkpoint holds what they have changed.
"""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import keras
import numpy as np

from mrcnn.training.averages import averaged_weights, has_averages
from mrcnn.training.callback_state import CallbackState
from mrcnn.training.checkpoints import restore_callbacks, save_checkpoint
from mrcnn.training.run_folder import AVERAGED, RunFolder
from mrcnn.weights.layer_files import save_weights

Logs = dict[str, Any]
log = logging.getLogger(__name__)


class RunRecorder(keras.callbacks.Callback):
    """The first callback of a training: checks that all numbers are finite, and scores the model.

    Raises FloatingPointError after the first batch whose loss is not finite, and after an epoch
    whose weights are not. Nothing of that is saved.

    Args:
        run: Where the best weights go.
        batches: Those that are trained on; their `epoch` is set here.
        stage: Name for the history; "" leaves the column out.
        evaluate: `(epoch) -> {name: number}`, or None.
        score: The number of `evaluate` that selects the best weights; None keeps none.
        every: Epochs between evaluations.
        last_epoch: Of the stage, counted from 1.
        state: What `fit` needs to resume; filled with the best score.
        metadata: JSON-able, stored with the best weights.
        patience: Epochs without a better score after which the stage ends; None for never.
    """

    # Keras may pass the logs of a batch to a thread; training need not wait for this callback.
    async_safe = True

    def __init__(
        self,
        run: RunFolder,
        batches: keras.utils.PyDataset,
        *,
        stage: str,
        evaluate: Callable[[int], Mapping[str, float]] | None,
        score: str | None,
        every: int,
        last_epoch: int,
        state: dict[str, Any],
        metadata: dict[str, Any],
        patience: int | None = None,
    ) -> None:
        super().__init__()
        self.run, self.batches, self.stage = run, batches, stage
        self.evaluate, self.score, self.every, self.last_epoch = evaluate, score, every, last_epoch
        self.state, self.metadata, self.patience = state, metadata, patience
        self.scored_epoch = -1

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.batches.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        # Logs are means over the epoch: a value that was not finite once stays so.
        logs = logs or {}
        if not math.isfinite(logs.get("loss", 0.0)):
            names = ", ".join(name for name, value in logs.items() if not math.isfinite(value))
            self._give_up(
                f"After batch {batch + 1} of epoch {self.batches.epoch + 1} the loss is not finite "
                f"(not finite: {names})"
            )

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs if logs is not None else {}
        self._check_weights(epoch)
        if self.evaluate and ((epoch + 1) % self.every == 0 or epoch + 1 == self.last_epoch):
            logs.update(self.scores(epoch))
            self._stop_without_progress(epoch, logs)

    def scores(self, epoch: int) -> dict[str, float]:
        """Evaluates the model, and saves its weights if they are the best so far.

        Where the optimiser averages weights, their average is evaluated first, and competes.

        Args:
            epoch: Counted from 0.

        Returns:
            The result of `evaluate`, and the score of the averaged weights with "ema_" before it.
        """
        assert self.evaluate is not None
        averaged: dict[str, float] = {}
        if self.score is not None and has_averages(self.model):
            with averaged_weights(self.model):
                scores = self.evaluate(epoch)
                self._save_if_best(epoch, scores, {"averaged": True})
            # Under a name of its own: `patience` takes the better of the two.
            averaged = {AVERAGED + self.score: scores[self.score]}
        # The weights themselves come last: what `evaluate` leaves, such as pictures, shows them.
        scores, self.scored_epoch = self.evaluate(epoch), epoch
        self._save_if_best(epoch, scores, {})
        return dict(scores) | averaged

    def _save_if_best(
        self, epoch: int, scores: Mapping[str, float], about: Mapping[str, Any]
    ) -> None:
        if self.score is not None and scores[self.score] > self.state["best"]:
            self.state["best"] = scores[self.score]
            about = {"epoch": epoch + 1, "score": scores[self.score], **about}
            save_weights(self.model, self.run.best, metadata=self.metadata | about)

    def _stop_without_progress(self, epoch: int, logs: Logs) -> None:
        """Ends a stage that has not improved for `patience` epochs.

        Read from the history, which checkpoints hold, so that a resumed training stops where an
        uninterrupted one does.
        """
        if self.patience is None:
            return
        best, best_epoch = -math.inf, self.state.get("stage_began", 0)
        for row in [*self.state["history"], {"epoch": epoch + 1, **logs}]:
            names = (self.score, f"{AVERAGED}{self.score}")
            score = max((row[name] for name in names if name in row), default=-math.inf)
            if row["epoch"] > self.state.get("stage_began", 0) and score > best:
                best, best_epoch = score, row["epoch"]
        if epoch + 1 - best_epoch >= self.patience:
            log.info(
                "Stage %s ends after epoch %d: %s has not risen since epoch %d (%.3f).",
                self.stage,
                epoch + 1,
                self.score,
                best_epoch,
                best,
            )
            self.model.stop_training = True

    def _check_weights(self, epoch: int) -> None:
        """The last step of an epoch may spoil weights that no loss was computed with."""
        model = self.model  # on JAX, this brings the weights back from the training step
        spoiled = [
            v.path for v in model.trainable_variables if not np.isfinite(np.asarray(v)).all()
        ]
        if spoiled:
            self._give_up(
                f"After the last batch of epoch {epoch + 1}, {len(spoiled)} weights are not "
                f"finite, for example {spoiled[0]}"
            )

    def _give_up(self, what: str) -> NoReturn:
        kept, path = self.state["epoch"], self.run.weights_of(self.state["epoch"])
        advice = (
            f"{path} still holds epoch {kept}; continue from there"
            if kept and path.exists()
            else "Nothing was saved; start again"
        )
        raise FloatingPointError(
            f"{what}. {advice} with a lower learning rate, stronger clipping (GRADIENT_CLIP_NORM) "
            "or without MIXED_PRECISION. If that does not help, look for broken images and boxes "
            "in the data."
        )


class RunSaver(keras.callbacks.Callback):
    """The last callback of a training: writes the history, then the checkpoint.

    In this order a kill at any moment leaves a pair from which training resumes.

    Args:
        recorder: The `RunRecorder` of the same training.
        others: What the callbacks in between count.
        resumed: Training continues within a stage: restore what the others had counted.
        keep: How many checkpoints of epochs to keep beside last.h5.
    """

    def __init__(
        self,
        recorder: RunRecorder,
        others: CallbackState | None = None,
        resumed: bool = False,
        keep: int = 0,
    ) -> None:
        super().__init__()
        self.keep = keep
        self.recorder, self.others, self.resumed = recorder, others or CallbackState([]), resumed
        self.ran = False
        self.others.before_stage()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.others.stage_begun()
        if self.resumed:
            restore_callbacks(self.recorder.run.last, self.others)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        recorder, state, self.ran = self.recorder, self.recorder.state, True
        row: dict[str, Any] = {"epoch": epoch + 1} | (
            {"stage": recorder.stage} if recorder.stage else {}
        )
        for name, value in (logs or {}).items():
            if np.ndim(value) == 0 and np.asarray(value).dtype.kind in "fiub":
                row[name] = float(value)
        state["history"].append(row)
        state["epoch"] = epoch + 1
        # After the last epoch of a stage callbacks may change the weights once more, so that one is
        # saved in `on_train_end`. A file of one epoch keeps the weights of that epoch.
        ends = epoch + 1 == recorder.last_epoch or getattr(self.model, "stop_training", False)
        if recorder.run.epoch_weights or not ends:
            self._save()

    def on_train_end(self, logs: Logs | None = None) -> None:
        recorder, state = self.recorder, self.recorder.state
        if not self.ran:
            return
        if state["epoch"] < recorder.last_epoch:  # a callback stopped the stage
            state.update(stage=state.get("stage", 0) + 1, stage_began=state["epoch"])
            if recorder.evaluate and recorder.scored_epoch != state["epoch"] - 1:
                scores = recorder.scores(state["epoch"] - 1)
                state["history"][-1].update({name: float(v) for name, v in scores.items()})
        if recorder.run.epoch_weights:
            recorder.run.write_history(state["history"])
        else:
            self._save()

    def _save(self) -> None:
        recorder, run = self.recorder, self.recorder.run
        if (sampler := getattr(recorder.batches, "sampler", None)) is not None:
            recorder.state["repeats"] = sampler.repeats.tolist()
        run.write_history(recorder.state["history"])
        path = run.weights_of(recorder.state["epoch"])
        if run.epoch_weights:
            save_weights(self.model, path, metadata=recorder.metadata)
        else:
            save_checkpoint(
                self.model,
                path,
                metadata=recorder.metadata,
                optimizer=self.model.optimizer,
                state=recorder.state,
                callbacks=self.others,
            )
            if self.keep:
                run.keep_checkpoint(recorder.state["epoch"], self.keep)


class SeededDropout(keras.callbacks.Callback):
    """Makes what dropout drops a function of (seed, epoch), so that a resumed run drops the same.

    Args:
        seed: Of the training.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.seed_generator.state.assign([self.seed, epoch])
