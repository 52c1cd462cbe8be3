"""RunRecorder: after every epoch, score the model, write the history, and save what is needed to go on."""
import math

import keras
import numpy as np

from mrcnn.modeling.weight_files import save_weights
from mrcnn.training.checkpoints import save_checkpoint


class RunRecorder(keras.callbacks.Callback):
    """Keeps a run folder up to date, in an order that survives a kill at any moment: history first, then the checkpoint.

    batches: the TrainingBatches being fitted; evaluate: callable (epoch) -> dict of scores, or None; score: the key of `evaluate`
    that decides which weights are best; every: epochs between evaluations; state: what `fit` wants back on resuming.
    Raises FloatingPointError after the first batch whose loss is not finite, or where weights are not: nothing of that is saved.
    """

    async_safe = True           # where Keras hands the logs of batches over in a thread, it need not wait for them here

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
            self._give_up(f"After batch {batch + 1} of epoch {self.batches.epoch + 1} the loss is no finite number (not finite: {names})")

    def on_epoch_end(self, epoch, logs=None):
        logs = logs if logs is not None else {}
        self._check_weights(epoch)
        if self.evaluate and ((epoch + 1) % self.every == 0 or epoch + 1 == self.last_epoch):
            logs.update(self._scores(epoch))
        row = {"epoch": epoch + 1, "stage": self.stage, **{k: float(v) for k, v in logs.items()}}
        self.state["history"].append(row)
        self.state["epoch"] = epoch + 1
        self._save()

    def end_early(self):
        """After a training that a callback stopped: score what it leaves, if its last epoch has no score, and save that it is over."""
        row = self.state["history"][-1]
        if self.evaluate and self.score not in row:
            row.update({k: float(v) for k, v in self._scores(self.state["epoch"] - 1).items()})
        if self.run.epoch_weights:              # those of the epoch stay, even where the callback has brought back better ones
            self.run.write_history(self.state["history"])
        else:
            self._save()

    def _check_weights(self, epoch):
        """The last step of an epoch may spoil weights that no loss has been computed with."""
        model = self.model                      # on JAX, asking for it brings the weights back from the training step
        spoiled = [v.path for v in model.trainable_variables if not np.isfinite(np.asarray(v)).all()]
        if spoiled:
            self._give_up(f"After the last batch of epoch {epoch + 1} {len(spoiled)} weights are not finite, {spoiled[0]} for one")

    def _give_up(self, what):
        kept, path = self.state["epoch"], self.run.weights_of(self.state["epoch"])
        go_on = f"{path} still holds epoch {kept}; go on from there" if kept and path.exists() else "Nothing was saved; start anew"
        raise FloatingPointError(f"{what}. {go_on} with a lower learning rate, harder clipping (GRADIENT_CLIP_NORM) or without "
                                 "MIXED_PRECISION. If that does not help, look for broken photos and boxes in the data.")

    def _scores(self, epoch):
        """The scores of the model as it is, which is kept if they are the best."""
        scores = self.evaluate(epoch)
        if scores[self.score] > self.state["best"]:
            self.state["best"] = scores[self.score]
            save_weights(self.model, self.run.best, metadata=self.metadata | {"epoch": epoch + 1, "score": scores[self.score]})
        return scores

    def _save(self):
        self.state["repeats"] = self.batches.sampler.repeats.tolist()
        self.run.write_history(self.state["history"])
        path = self.run.weights_of(self.state["epoch"])
        if self.run.epoch_weights:
            save_weights(self.model, path, metadata=self.metadata)
        else:
            save_checkpoint(self.model, path, metadata=self.metadata, optimizer=self.model.optimizer, state=self.state)
