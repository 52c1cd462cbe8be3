"""fit: run the stages of a training, in a run folder, from the start or from where it broke off."""

import logging
import sys

import keras
import numpy as np

from mrcnn.data.loading.prefetch import closing_batches
from mrcnn.locks import locked
from mrcnn.modeling.devices import devices_of
from mrcnn.training.callback_state import CallbackState
from mrcnn.training.callbacks import RunRecorder, RunSaver
from mrcnn.training.checkpoints import load_state, rate_of, read_state, restore_callbacks
from mrcnn.training.optimizers import make_optimizer
from mrcnn.training.stages import set_trainable
from mrcnn.weights.layer_files import load_weights

log = logging.getLogger(__name__)


def fit(
    model,
    config,
    batches,
    stages,
    run,
    *,
    validation=None,
    evaluate=None,
    score="val_mask_ap",
    every=1,
    resume=False,
    first_epoch=0,
    metadata=None,
    callbacks=(),
    state=None,
):
    """Train `model` stage by stage; every epoch leaves `run` complete.

    model: a Detector; batches, validation: TrainingBatches, closed at the end; stages: list of Stage; run: RunFolder
    evaluate: callable (epoch) -> dict of scores such as {"val_mask_ap": 0.4}, called every `every` epochs and after the last one of a
    stage; score: which of them decides about best.h5; resume: go on after the last whole epoch of `run`, with the batches the broken run
    would have seen; first_epoch: how many epochs the model has behind it; metadata: JSON-able, kept in every checkpoint
    callbacks: of Keras; one that stops the training ends its stage, and the next one begins, with all of its epochs. They see the scores
    of the epoch, and checkpoints are saved after them: with the learning rate they set, the weights they bring back, and what they have
    counted (their public attributes that are numbers, text or lists of arrays), so that a resumed training ends as an unbroken one
    state: a dict to be filled with what checkpoints hold; its "epoch" counts the whole epochs, also where an exception ends the training
    Returns: the history, a list of one dict an epoch.
    Raises FileNotFoundError if there is nothing to resume, FloatingPointError as soon as the loss is not finite, before that is saved,
    FolderInUse if another training writes into the run folder.
    """
    state = {} if state is None else state
    with locked(run.path, "a training"):
        run.remove_leftovers()
        return _fit(
            model,
            config,
            batches,
            stages,
            run,
            validation,
            evaluate,
            score,
            every,
            resume,
            first_epoch,
            metadata,
            callbacks,
            state,
        )


def _fit(
    model,
    config,
    batches,
    stages,
    run,
    validation,
    evaluate,
    score,
    every,
    resume,
    first_epoch,
    metadata,
    callbacks,
    state,
):
    counted = CallbackState(callbacks)
    state.update(
        _resumable(run, stages, first_epoch, batches) if resume else _fresh(run, first_epoch)
    )
    with closing_batches(batches, validation):
        for index, stage in enumerate(stages[state["stage"] :], start=state["stage"]):
            if index != state["stage"]:
                state.update(stage=index, stage_began=state["epoch"])
            last = state["stage_began"] + stage.epochs
            if state["epoch"] >= last:
                continue
            set_trainable(model, config, stage.layers)
            with devices_of(model):
                optimizer = make_optimizer(config, stage.learning_rate, len(batches) * stage.epochs)
                model.compile(optimizer, jit_compile=use_xla(config))
                optimizer.build(
                    model.trainable_variables
                )  # in the first step it would be, and TensorFlow trace that step twice
                state["learning_rate"] = rate_of(optimizer)
                within = resume and state["epoch"] > state["stage_began"]
                if resume:
                    load_weights(model, run.last)
                    if within:  # at a stage's border the optimiser starts anew, as it does unbroken
                        load_state(run.last, optimizer)
                    else:
                        restore_callbacks(run.last, counted)
                    resume = False
            log.info(
                "Stage %s: epochs %d to %d, layers %r",
                stage.name,
                state["epoch"] + 1,
                last,
                stage.layers,
            )
            recorder = RunRecorder(
                run,
                batches,
                stage=stage.name,
                evaluate=evaluate,
                score=score,
                every=every,
                last_epoch=last,
                state=state,
                metadata=metadata or {},
            )
            # The batches are shuffled already; Keras would shuffle them again with a state that no checkpoint keeps.
            saver = RunSaver(recorder, counted, resumed=within)
            model.fit(
                batches,
                validation_data=validation,
                initial_epoch=state["epoch"],
                epochs=last,
                shuffle=False,
                callbacks=[recorder, *_tensorboard(run), *callbacks, saver],
                verbose="auto" if _interactive() else 2,
            )
            if state["epoch"] < last:
                log.info(
                    "Stage %s was stopped after epoch %d, of %d.", stage.name, state["epoch"], last
                )
    if resume:
        load_weights(model, run.last)  # nothing was left to do: hand back the finished weights
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


def _fresh(run, first_epoch):
    history = [row for row in run.read_history() if row["epoch"] <= first_epoch]
    return {
        "epoch": first_epoch,
        "best": -1.0,
        "history": history,
        "repeats": None,
        "stage": 0,
        "stage_began": first_epoch,
    }


def _resumable(run, stages, first_epoch, batches):
    """The state in last.h5; `batches` get the repeat factors that it holds."""
    state = read_state(run.last) if run.last.exists() else None
    if state is None or not {"epoch", "history"} <= set(state):
        raise FileNotFoundError(
            f"There is nothing to resume in {run.path}: it has no last.h5 with a training state. "
            "Leave --resume out to start anew."
        )
    if state.get("repeats"):
        if len(state["repeats"]) != len(batches.sampler.repeats):
            raise ValueError(
                f"The run was begun with {len(state['repeats'])} images, and now there are "
                f"{len(batches.sampler.repeats)}. Bring the data back as they were, or start anew."
            )
        batches.sampler.repeats = np.array(state["repeats"])
    return (
        {"best": -1.0, "repeats": None}
        | _stage_by_epochs(state["epoch"], stages, first_epoch)
        | state
    )


def _stage_by_epochs(epoch, stages, first_epoch):
    """Which stage is under way after `epoch` epochs, where a checkpoint is too old to say: the one that lasts so long by its plan."""
    index, began = 0, first_epoch
    while index + 1 < len(stages) and epoch >= began + stages[index].epochs:
        index, began = index + 1, began + stages[index].epochs
    return {"stage": index, "stage_began": began}


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
