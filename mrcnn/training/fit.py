"""`fit`: runs the stages of a training in a run folder, from the start or from a checkpoint.

One loop for the detector (see `fit_detector`), semantic networks and classifiers.
"""

import functools
import importlib.util
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from mrcnn.data.loading.prefetch import closing_batches
from mrcnn.locks import locked
from mrcnn.modeling.devices import devices_of
from mrcnn.training.callback_state import CallbackState
from mrcnn.training.callbacks import RunRecorder, RunSaver
from mrcnn.training.checkpoints import learning_rate_of, load_state, read_state, restore_callbacks
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage
from mrcnn.typing import PathLike
from mrcnn.weights.layer_files import load_weights

log = logging.getLogger(__name__)


def fit(
    model: keras.Model,
    batches: keras.utils.PyDataset,
    stages: Sequence[Stage],
    run: RunFolder,
    compile_stage: Callable[[Stage, int], None],
    *,
    validation: keras.utils.PyDataset | None = None,
    evaluate: Callable[[int], Mapping[str, float]] | None = None,
    score: str | None = None,
    every: int = 1,
    patience: int | None = None,
    keep: int = 0,
    resume: bool = False,
    first_epoch: int = 0,
    metadata: Mapping[str, Any] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    state: dict[str, Any] | None = None,
    load: Callable[[PathLike], object] | None = None,
    tensorboard: bool = True,
    quiet: bool = False,
) -> list[dict[str, Any]]:
    """Trains a model stage by stage; every epoch leaves the run folder complete.

    A resumed training ends as an uninterrupted one: batches, learning rate, optimiser and what
    callbacks counted (public attributes that are numbers, text or lists of arrays) are restored.

    Args:
        model: Any Keras model.
        batches: A function of its attribute `epoch`, which is set here; closed at the end. May have
            a `sampler`, a `RepeatSampler` whose repeat factors are then part of the checkpoint.
        stages: In order.
        run: Where checkpoints and the history go.
        compile_stage: `(stage, steps) -> None`, called before each stage with its number of steps.
            Freezes layers and compiles the model with a new optimiser.
        validation: For Keras' validation losses; closed at the end.
        evaluate: `(epoch) -> {"val_mask_ap": 0.4, ...}`, called at the end of epochs, which are
            counted from 0; its numbers join the history.
        score: Which number of `evaluate` selects the weights in best.h5; None writes no best.h5.
        every: Epochs between evaluations; the last epoch of a stage is evaluated in any case.
        patience: A stage ends after an evaluation if `score` has not risen for so many epochs of
            it. The next stage begins, with all of its epochs. None for never.
        keep: How many checkpoints to keep as epoch_0001.h5 and so on, beside last.h5.
        resume: Continue after the last complete epoch of `run`.
        first_epoch: Epochs that the model was trained for before.
        metadata: JSON-able, stored in every checkpoint.
        callbacks: They see the scores of an epoch, and checkpoints are saved after them. One that
            stops the training ends its stage; the next one begins, with all of its epochs.
        state: Filled with what checkpoints hold; `state["epoch"]` counts complete epochs, also
            where an exception ends the training.
        load: Loads the weights of a checkpoint; by default `weights.layer_files.load_weights`.
        tensorboard: Write TensorBoard logs, if it is installed.
        quiet: Print no progress.

    Returns:
        The history: a dict for each epoch, as in history.csv.

    Raises:
        FileNotFoundError: There is nothing to resume.
        FloatingPointError: The loss is not finite. What was saved before stays.
        FolderInUse: Another training writes into the run folder.
        ValueError: `patience` without a score.
    """
    if patience is not None and (evaluate is None or score is None):
        raise ValueError("patience needs `evaluate` and the name of a `score` that should rise.")
    state = {} if state is None else state
    load = load or functools.partial(load_weights, model)
    with locked(run.path, "a training"):
        run.remove_leftovers()
        counters = CallbackState(callbacks)
        state.update(
            _resumed_state(run, stages, first_epoch, batches)
            if resume
            else _first_state(run, first_epoch)
        )
        recorder_of = functools.partial(
            RunRecorder,
            run,
            batches,
            evaluate=evaluate,
            score=score,
            every=every,
            state=state,
            metadata=dict(metadata or {}),
            patience=patience,
        )
        with closing_batches(batches, validation):
            if resume and keep:  # the process may have been killed before it did
                run.keep_checkpoint(state["epoch"], keep)
            for index, stage in enumerate(stages[state["stage"] :], start=state["stage"]):
                if index != state["stage"]:
                    state.update(stage=index, stage_began=state["epoch"])
                last = state["stage_began"] + stage.epochs
                if state["epoch"] >= last:
                    continue
                with devices_of(model):
                    compile_stage(stage, len(batches) * stage.epochs)
                    _build_optimizer(model, state)
                    within = resume and _restore(model, run, state, counters, load)
                resume = False
                recorder = recorder_of(stage=stage.name, last_epoch=last)
                saver = RunSaver(recorder, counters, resumed=within, keep=keep)
                boards = _tensorboard(run) if tensorboard else []
                _run_stage(model, stage, validation, quiet, recorder, [*boards, *callbacks, saver])
        if resume:
            load(run.last)  # nothing was left to do: hand back the finished weights
    return state["history"]


def _build_optimizer(model: keras.Model, state: dict[str, Any]) -> None:
    """Makes the optimiser's variables; in the first step TensorFlow would trace that step twice."""
    model.optimizer.build(model.trainable_variables)
    state["learning_rate"] = learning_rate_of(model.optimizer)


def _restore(model, run, state, counters, load) -> bool:
    """Loads run.last into the model; returns whether the training continues within a stage."""
    load(run.last)
    if state["epoch"] > state["stage_began"]:
        load_state(run.last, model.optimizer)
        return True
    restore_callbacks(run.last, counters)  # a new stage has a new optimiser
    return False


def _run_stage(model, stage, validation, quiet, recorder, others) -> None:
    state, last = recorder.state, recorder.last_epoch
    if not quiet:
        first = state["epoch"] + 1
        log.info("Stage %s: epochs %d to %d, layers %r", stage.name, first, last, stage.layers)
    model.fit(
        recorder.batches,
        validation_data=validation,
        initial_epoch=state["epoch"],
        epochs=last,
        # Batches are shuffled already. Keras would shuffle them with a state no checkpoint keeps.
        shuffle=False,
        callbacks=[recorder, *others],
        verbose=0 if quiet else "auto" if _interactive() else 2,
    )
    if state["epoch"] < last:
        log.info("Stage %s was stopped after epoch %d of %d.", stage.name, state["epoch"], last)


def _first_state(run: RunFolder, first_epoch: int) -> dict[str, Any]:
    return {
        "epoch": first_epoch,
        "best": -1.0,
        "history": [row for row in run.read_history() if row["epoch"] <= first_epoch],
        "repeats": None,
        "stage": 0,
        "stage_began": first_epoch,
    }


def _resumed_state(run, stages, first_epoch, batches) -> dict[str, Any]:
    """The state in last.h5; `batches` get the repeat factors that it holds."""
    state = read_state(run.last) if run.last.exists() else None
    if state is None or not {"epoch", "history"} <= set(state):
        raise FileNotFoundError(
            f"There is nothing to resume in {run.path}: it has no last.h5 with the state of a "
            "training. Start a new training instead."
        )
    if state.get("repeats"):
        if len(state["repeats"]) != len(batches.sampler.repeats):
            raise ValueError(
                f"The run was started with {len(state['repeats'])} images, and now there are "
                f"{len(batches.sampler.repeats)}. Restore the data, or start a new training."
            )
        batches.sampler.repeats = np.array(state["repeats"])
    return (
        {"best": -1.0, "repeats": None}
        | _stage_by_epochs(state["epoch"], stages, first_epoch)
        | state
    )


def _stage_by_epochs(epoch: int, stages: Sequence[Stage], first_epoch: int) -> dict[str, int]:
    """The stage after `epoch` epochs by plan; older checkpoints do not name theirs."""
    index, began = 0, first_epoch
    while index + 1 < len(stages) and epoch >= began + stages[index].epochs:
        index, began = index + 1, began + stages[index].epochs
    return {"stage": index, "stage_began": began}


def _tensorboard(run: RunFolder) -> list[keras.callbacks.Callback]:
    """Keras' callback; none where TensorFlow or TensorBoard is not installed."""
    if not all(importlib.util.find_spec(name) for name in ("tensorboard", "tensorflow")):
        log.info("No TensorBoard logs: they need tensorflow and tensorboard.")
        return []
    return [keras.callbacks.TensorBoard(str(run.tensorboard), write_graph=False)]


def _interactive() -> bool:
    return sys.stdout.isatty() or "ipykernel" in sys.modules
