"""`fit`: runs the stages of a training in a run folder, from the start or from a checkpoint.

One loop for the detector (see `fit_detector`), semantic networks and classifiers.
"""

import dataclasses
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
from mrcnn.training.progress import ProgressLines
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage
from mrcnn.typing import PathLike
from mrcnn.weights.layer_files import load_weights

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class FitOptions:
    """How `fit` trains.

    Attributes:
        validation: For Keras' validation losses; closed at the end.
        evaluate: `(epoch) -> {"val_mask_ap": 0.4, ...}`, called at the end of epochs, which are
            counted from 0; its numbers join the history.
        score: Which number of `evaluate` selects the weights in best.h5; None writes no best.h5.
        every: Epochs between evaluations; the last epoch of a stage is evaluated in any case.
        patience: A stage ends after an evaluation if `score` has not risen for this number of its
            epochs. The next stage begins, with all of its epochs. None for never.
        keep: How many checkpoints to keep as epoch_0001.h5 and so on, beside last.h5.
        resume: Continue after the last complete epoch of the run.
        first_epoch: Epochs that the model was trained for before.
        metadata: JSON-able, stored in every checkpoint.
        callbacks: They see the scores of an epoch, and checkpoints are saved after them. One that
            stops the training ends its stage; the next one begins, with all of its epochs.
        state: Filled with what checkpoints hold; `state["epoch"]` counts complete epochs, also
            where an exception ends the training.
        load: Loads the weights of a checkpoint; by default `weights.layer_files.load_weights`.
        tensorboard: Write TensorBoard logs, if it is installed.
        quiet: Print no progress.

    Raises:
        ValueError: `patience` without a score.
    """

    validation: keras.utils.PyDataset | None = None
    evaluate: Callable[[int], Mapping[str, float]] | None = None
    score: str | None = None
    every: int = 1
    patience: int | None = None
    keep: int = 0
    resume: bool = False
    first_epoch: int = 0
    metadata: Mapping[str, Any] | None = None
    callbacks: Sequence[keras.callbacks.Callback] = ()
    state: dict[str, Any] | None = None
    load: Callable[[PathLike], object] | None = None
    tensorboard: bool = True
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.patience is not None and (self.evaluate is None or self.score is None):
            raise ValueError(
                "patience needs `evaluate` and the name of a `score` that should rise."
            )


def fit(
    model: keras.Model,
    batches: keras.utils.PyDataset,
    stages: Sequence[Stage],
    run: RunFolder,
    compile_stage: Callable[[Stage, int], None],
    **options: Any,
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
        **options: Attributes of `FitOptions`.

    Returns:
        The history: a dict for each epoch, as in history.csv.

    Raises:
        FileNotFoundError: There is nothing to resume.
        FloatingPointError: The loss is not finite. What was saved before stays.
        FolderInUse: Another training writes into the run folder.
        ValueError: `patience` without a score.
    """
    chosen = FitOptions(**options)
    with locked(run.path, "a training"):
        run.remove_leftovers()
        training = _Training(model, batches, run, compile_stage, chosen)
        training.begin(stages)
        with closing_batches(batches, chosen.validation):
            training.run_stages(stages)
    return training.state["history"]


class _Training:
    """One call of `fit`."""

    def __init__(self, model, batches, run, compile_stage, options: FitOptions) -> None:
        self.model, self.batches, self.run = model, batches, run
        self.compile_stage, self.options = compile_stage, options
        self.state: dict[str, Any] = {} if options.state is None else options.state
        self.load = options.load or functools.partial(load_weights, model)
        self.counters = CallbackState(options.callbacks)

    def begin(self, stages: Sequence[Stage]) -> None:
        """Fills the state: that of the last checkpoint, or that of a new training."""
        first_epoch = self.options.first_epoch
        self.state.update(
            _resumed_state(self.run, stages, first_epoch, self.batches)
            if self.options.resume
            else _first_state(self.run, first_epoch)
        )

    def run_stages(self, stages: Sequence[Stage]) -> None:
        """Trains what is left of the stages; where nothing is, loads the finished weights."""
        state, keep, resume = self.state, self.options.keep, self.options.resume
        if resume and keep:  # the process may have been killed before it did
            self.run.keep_checkpoint(state["epoch"], keep)
        for index, stage in enumerate(stages[state["stage"] :], start=state["stage"]):
            if index != state["stage"]:
                state.update(stage=index, stage_began=state["epoch"])
            if state["epoch"] < state["stage_began"] + stage.epochs:
                self._run_stage(stage, resume)
                resume = False
        if resume:
            self.load(self.run.last)

    def _run_stage(self, stage: Stage, resume: bool) -> None:
        model, run, options, within = self.model, self.run, self.options, False
        with devices_of(model):
            self.compile_stage(stage, len(self.batches) * stage.epochs)
            _build_optimizer(model, self.state)
            if resume:
                within = _restore(model, run, self.state, self.counters, self.load)
        recorder = RunRecorder(
            run,
            self.batches,
            stage=stage.name,
            evaluate=options.evaluate,
            score=options.score,
            every=options.every,
            last_epoch=self.state["stage_began"] + stage.epochs,
            state=self.state,
            metadata=dict(options.metadata or {}),
            patience=options.patience,
        )
        saver = RunSaver(recorder, self.counters, resumed=within, keep=options.keep)
        boards = _tensorboard(run) if options.tensorboard else []
        others = [*boards, *options.callbacks, saver]
        _fit_stage(model, stage, options.validation, options.quiet, recorder, others)


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


def _fit_stage(model, stage, validation, quiet, recorder, others) -> None:
    state, last = recorder.state, recorder.last_epoch
    if not quiet:
        first = state["epoch"] + 1
        epochs = f"epoch {first}" if first == last else f"epochs {first} to {last}"
        log.info("Stage %s: %s", stage.name, epochs)
    in_words = any(isinstance(callback, ProgressLines) for callback in others)
    model.fit(
        recorder.batches,
        validation_data=validation,
        initial_epoch=state["epoch"],
        epochs=last,
        # Batches are shuffled already. Keras would shuffle them with a state no checkpoint keeps.
        shuffle=False,
        callbacks=[recorder, *others],
        verbose=0 if quiet or in_words else "auto" if _interactive() else 2,
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
