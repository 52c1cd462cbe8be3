"""Keeping a run folder up to date: `RunRecorder` scores the model before the user's callbacks see the epoch, `RunSaver` saves it after
them, so that a checkpoint holds what they have changed."""

import math

import keras
import numpy as np

from mrcnn.training.callback_state import CallbackState
from mrcnn.training.checkpoints import restore_callbacks, save_checkpoint
from mrcnn.weights.layer_files import save_weights


class RunRecorder(keras.callbacks.Callback):
    """The first callback of a training: watches that all is finite, and scores the model.

    batches: the TrainingBatches being fitted; evaluate: callable (epoch) -> dict of scores, or None; score: the key of `evaluate`
    that decides which weights are best; every: epochs between evaluations; state: what `fit` wants back on resuming.
    Raises FloatingPointError after the first batch whose loss is not finite, or where weights are not: nothing of that is saved.
    """

    async_safe = True  # where Keras hands the logs of batches over in a thread, it need not wait for them here

    def __init__(self, run, batches, *, stage, evaluate, score, every, last_epoch, state, metadata):
        super().__init__()
        self.run, self.batches, self.stage = run, batches, stage
        self.evaluate, self.score, self.every, self.last_epoch = evaluate, score, every, last_epoch
        self.state, self.metadata = state, metadata

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        # The logs are means over the epoch, so what was not finite once remains so.
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            names = ", ".join(name for name, value in logs.items() if not math.isfinite(value))
            self._give_up(
                f"After batch {batch + 1} of epoch {self.batches.epoch + 1} the loss is no finite number (not finite: {names})"
            )

    def on_epoch_end(self, epoch, logs=None):
        logs = logs if logs is not None else {}
        self._check_weights(epoch)
        if self.evaluate and ((epoch + 1) % self.every == 0 or epoch + 1 == self.last_epoch):
            logs.update(self.scores(epoch))

    def _check_weights(self, epoch):
        """The last step of an epoch may spoil weights that no loss has been computed with."""
        model = self.model  # on JAX, asking for it brings the weights back from the training step
        spoiled = [
            v.path for v in model.trainable_variables if not np.isfinite(np.asarray(v)).all()
        ]
        if spoiled:
            self._give_up(
                f"After the last batch of epoch {epoch + 1} {len(spoiled)} weights are not finite, {spoiled[0]} for one"
            )

    def _give_up(self, what):
        kept, path = self.state["epoch"], self.run.weights_of(self.state["epoch"])
        go_on = (
            f"{path} still holds epoch {kept}; go on from there"
            if kept and path.exists()
            else "Nothing was saved; start anew"
        )
        raise FloatingPointError(
            f"{what}. {go_on} with a lower learning rate, harder clipping (GRADIENT_CLIP_NORM) or without "
            "MIXED_PRECISION. If that does not help, look for broken photos and boxes in the data."
        )

    def scores(self, epoch):
        """The scores of the model as it is, which is kept if they are the best."""
        scores = self.evaluate(epoch)
        if scores[self.score] > self.state["best"]:
            self.state["best"] = scores[self.score]
            save_weights(
                self.model,
                self.run.best,
                metadata=self.metadata | {"epoch": epoch + 1, "score": scores[self.score]},
            )
        return scores


class RunSaver(keras.callbacks.Callback):
    """The last callback of a training: writes the history, then the checkpoint, an order that survives a kill at any moment.

    recorder: the `RunRecorder` of the same training; others: a `CallbackState` of the callbacks in between; resumed: give them back what
    they had counted, as the training goes on within a stage.
    """

    def __init__(self, recorder, others=None, resumed=False):
        super().__init__()
        self.recorder, self.others, self.resumed, self.ran = (
            recorder,
            others or CallbackState([]),
            resumed,
            False,
        )
        self.others.before_stage()

    def on_train_begin(self, logs=None):
        self.others.stage_begun()
        if self.resumed:
            restore_callbacks(self.recorder.run.last, self.others)

    def on_epoch_end(self, epoch, logs=None):
        recorder, state, self.ran = self.recorder, self.recorder.state, True
        numbers = {
            k: float(v)
            for k, v in (logs or {}).items()
            if np.ndim(v) == 0 and np.asarray(v).dtype.kind in "fiub"
        }
        state["history"].append({"epoch": epoch + 1, "stage": recorder.stage, **numbers})
        state["epoch"] = epoch + 1
        # After the last epoch of a stage, callbacks may change the weights once more; those of an epoch's own file stay as they are.
        ends = epoch + 1 == recorder.last_epoch or getattr(self.model, "stop_training", False)
        if recorder.run.epoch_weights or not ends:
            self._save()

    def on_train_end(self, logs=None):
        """Saves the end of the stage. One that a callback stopped is over; it is scored, if its last epoch has no score."""
        recorder, state = self.recorder, self.recorder.state
        if not self.ran:
            return
        if state["epoch"] < recorder.last_epoch:
            state.update(stage=state.get("stage", 0) + 1, stage_began=state["epoch"])
            row = state["history"][-1]
            if recorder.evaluate and recorder.score not in row:
                row.update({k: float(v) for k, v in recorder.scores(state["epoch"] - 1).items()})
        if recorder.run.epoch_weights:
            recorder.run.write_history(state["history"])
        else:
            self._save()

    def _save(self):
        recorder, run = self.recorder, self.recorder.run
        recorder.state["repeats"] = recorder.batches.sampler.repeats.tolist()
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
