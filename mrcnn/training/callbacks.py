"""RunRecorder: after every epoch, score the model, write the history, and save what is needed to go on."""
import logging

import keras

from mrcnn.modeling.weight_files import save_weights
from mrcnn.training.checkpoints import save_checkpoint

log = logging.getLogger(__name__)


class RunRecorder(keras.callbacks.Callback):
    """Keeps a run folder up to date, in an order that survives a kill at any moment: history first, then the checkpoint.

    batches: the TrainingBatches being fitted; evaluate: callable (epoch) -> dict of scores, or None; score: the key of `evaluate`
    that decides which weights are best; every: epochs between evaluations; state: what `fit` wants back on resuming.
    """

    def __init__(self, run, batches, *, stage, evaluate, score, every, last_epoch, state, metadata):
        super().__init__()
        self.run, self.batches, self.stage = run, batches, stage
        self.evaluate, self.score, self.every, self.last_epoch = evaluate, score, every, last_epoch
        self.state, self.metadata = state, metadata

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        logs = logs if logs is not None else {}
        model = self.model                      # on JAX, asking for it brings the weights back from the training step
        if self.evaluate and ((epoch + 1) % self.every == 0 or epoch + 1 == self.last_epoch):
            logs.update(self.evaluate(epoch))
            if logs[self.score] > self.state["best"]:
                self.state["best"] = logs[self.score]
                save_weights(model, self.run.best, metadata=self.metadata | {"epoch": epoch + 1, "score": logs[self.score]})
        row = {"epoch": epoch + 1, "stage": self.stage, **{k: float(v) for k, v in logs.items()}}
        self.state["history"].append(row)
        self.state["epoch"] = epoch + 1
        self.state["repeats"] = self.batches.sampler.repeats.tolist()
        self.run.write_history(self.state["history"])
        if self.run.epoch_weights:
            save_weights(model, self.run.path / self.run.epoch_weights.format(epoch=epoch + 1), metadata=self.metadata)
        else:
            save_checkpoint(model, self.run.last, metadata=self.metadata, optimizer=model.optimizer, state=self.state)
