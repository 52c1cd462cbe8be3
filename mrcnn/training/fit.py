"""fit: run the stages of a training, in a run folder, from the start or from where it broke off."""
import contextlib
import logging
import sys

import keras
import numpy as np

from mrcnn.modeling.weight_files import load_weights
from mrcnn.training.callbacks import RunRecorder
from mrcnn.training.checkpoints import load_state, read_state
from mrcnn.training.layer_groups import set_trainable
from mrcnn.training.optimizers import make_optimizer

log = logging.getLogger(__name__)


def fit(model, config, batches, stages, run, *, validation=None, evaluate=None, score="val_mask_ap", every=1, resume=False,
        first_epoch=0, metadata=None, callbacks=()):
    """Train `model` stage by stage; every epoch leaves `run` complete.

    model: a Detector; batches, validation: TrainingBatches; stages: list of Stage; run: RunFolder
    evaluate: callable (epoch) -> dict of scores such as {"val_mask_ap": 0.4}, called every `every` epochs and after the last one;
    score: which of them decides about best.h5; resume: go on after the last whole epoch of `run`, with the batches the broken run
    would have seen; first_epoch: how many epochs the model has behind it; metadata: JSON-able, kept in every checkpoint
    Returns: the history, a list of one dict an epoch. Raises FileNotFoundError if there is nothing to resume.
    """
    history = [row for row in run.read_history() if row["epoch"] <= first_epoch]
    state = {"epoch": first_epoch, "best": -1.0, "history": history, "repeats": None}
    if resume:
        state = _resumable(run)
        if state["repeats"]:
            if len(state["repeats"]) != len(batches.sampler.repeats):
                raise ValueError(f"The run was begun with {len(state['repeats'])} images, and now there are "
                                 f"{len(batches.sampler.repeats)}. Bring the data back as they were, or start anew.")
            batches.sampler.repeats = np.array(state["repeats"])
    first = first_epoch
    for stage in stages:
        last = first + stage.epochs
        if state["epoch"] < last:
            set_trainable(model, config, stage.layers)
            with devices_of(model):
                optimizer = make_optimizer(config, stage.learning_rate, len(batches) * stage.epochs)
                model.compile(optimizer, jit_compile=use_xla(config))
                optimizer.build(model.trainable_variables)  # in the first step it would be, and TensorFlow trace that step twice
                if resume and state["epoch"]:
                    load_weights(model, run.last)
                    if state["epoch"] > first:              # at a stage's border the optimiser starts anew, as it does unbroken
                        load_state(run.last, optimizer)
                    resume = False
            log.info("Stage %s: epochs %d to %d, layers %r", stage.name, state["epoch"] + 1, last, stage.layers)
            recorder = RunRecorder(run, batches, stage=stage.name, evaluate=evaluate, score=score, every=every,
                                   last_epoch=last, state=state,
                                   metadata=metadata or {})
            # The batches are shuffled already; Keras would shuffle them again with a state that no checkpoint keeps.
            model.fit(batches, validation_data=validation, initial_epoch=state["epoch"], epochs=last, shuffle=False,
                      callbacks=[recorder, *_tensorboard(run), *callbacks], verbose="auto" if _interactive() else 2)
        first = last
    if resume and state["epoch"]:
        load_weights(model, run.last)                       # nothing was left to do: hand back the finished weights
    return state["history"]


def use_xla(config):
    """Whether to compile with XLA: as JIT_COMPILE says; "auto" on one accelerator only: plain graphs train
    faster on a CPU, and several GPUs cannot share one XLA program in TensorFlow."""
    if config.JIT_COMPILE != "auto":
        return bool(config.JIT_COMPILE)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf
        return config.GPU_COUNT == 1 and bool(tf.config.list_physical_devices("GPU"))
    return keras.backend.backend() == "jax"


def devices_of(model):
    """A context in which to make what belongs to the model, its optimiser for instance, where it lies on several devices."""
    strategy = getattr(model, "distribute_strategy", None)      # TensorFlow's
    return strategy.scope() if strategy else contextlib.nullcontext()


def _resumable(run):
    state = read_state(run.last) if run.last.exists() else None
    if state is None:
        raise FileNotFoundError(f"There is nothing to resume in {run.path}: it has no last.h5 with a training state. "
                                "Leave --resume out to start anew.")
    return state


def _tensorboard(run):
    """Keras' TensorBoard callback in a list, which is empty where TensorFlow or TensorBoard is not installed (on JAX, say)."""
    try:
        import tensorboard  # noqa: F401
        import tensorflow  # noqa: F401
    except ImportError:
        log.info("No TensorBoard logs: they need tensorflow and tensorboard.")
        return []
    return [keras.callbacks.TensorBoard(str(run.tensorboard), write_graph=False)]


def _interactive():
    return sys.stdout.isatty() or "ipykernel" in sys.modules
