"""Checkpoints: weight files that also hold the state of a training.

The state lies in a group of its own, which readers of weights ignore.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from mrcnn.training.callback_state import CallbackState
from mrcnn.typing import Array, PathLike
from mrcnn.weights import h5_files
from mrcnn.weights.h5_files import Damaged, reading
from mrcnn.weights.layer_files import save_weights

STATE, CALLBACKS = "training_state", "callbacks"
log = logging.getLogger(__name__)


def save_checkpoint(
    model: keras.Model,
    path: PathLike,
    *,
    metadata: Mapping[str, Any] | None = None,
    optimizer: keras.optimizers.Optimizer | None = None,
    state: Mapping[str, Any] | None = None,
    callbacks: CallbackState | None = None,
) -> None:
    """Writes weights and the state of a training, atomically.

    Args:
        model: Its weights are written as `weights.layer_files.save_weights` does.
        path: A .h5 file.
        metadata: JSON-able, see `h5_files.read_metadata`.
        optimizer: Its variables are written; None writes no state at all.
        state: JSON-able, see `read_state`.
        callbacks: What callbacks count, see `restore_callbacks`.

    Raises:
        OSError: The file cannot be written.
    """

    def add_state(file: h5py.File) -> None:
        assert optimizer is not None
        group = file.create_group(STATE)
        group.attrs["state"] = json.dumps(state or {})
        for i, variable in enumerate(optimizer.variables):
            group[f"{i:05d}"] = np.asarray(variable)
        if callbacks is not None and callbacks.callbacks:
            counters, arrays = callbacks.values()
            inner = group.create_group(CALLBACKS)
            inner.attrs["state"] = json.dumps({"callbacks": counters})
            for name, array in arrays.items():
                inner[name] = array

    extend = add_state if optimizer is not None else None
    save_weights(model, path, metadata=metadata, extend=extend)


def load_state(path: PathLike, optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    """Restores an optimiser.

    A learning rate that callbacks have changed is restored, unless the optimiser was made with
    another rate than the one in the checkpoint (`state["learning_rate"]`): the user asked for it.

    Args:
        path: A checkpoint.
        optimizer: Built, for the same variables.

    Returns:
        The state that `save_checkpoint` was given.

    Raises:
        ValueError: The checkpoint is of another optimiser or other layers, or it is damaged.
        FileNotFoundError: There is no such file.
    """
    with reading(path) as file:
        group = h5_files.group(file, STATE)
        values = [h5_files.dataset(group, key)[()] for key in sorted(group) if key.isdigit()]
        state = _state_of(group)
    if [v.shape for v in values] != [tuple(v.shape) for v in optimizer.variables]:
        raise ValueError(
            f"The optimizer's state in {path} is of another optimizer or of other layers. Resume "
            "with the OPTIMIZER, ACCUMULATE, EMA_MOMENTUM and the stages the training began with, "
            "or start a new training from these weights."
        )
    # Read before the loop below overwrites it.
    requested = learning_rate_of(optimizer)
    for variable, value in zip(optimizer.variables, values, strict=True):
        variable.assign(value)
    initial, stored = state.get("learning_rate"), learning_rate_of(optimizer)
    if requested is not None and initial is not None and requested != initial:
        log.info(
            "The learning rate is %g from now on; it was %g, of %g at the start.",
            requested,
            stored,
            initial,
        )
        optimizer.learning_rate = requested
    return state


def restore_callbacks(path: PathLike, callbacks: CallbackState) -> None:
    """Restores what callbacks had counted when a checkpoint was written.

    Args:
        path: A checkpoint.
        callbacks: Callbacks that do not match are logged and left alone.

    Raises:
        ValueError: The checkpoint is damaged.
        FileNotFoundError: There is no such file.
    """
    with reading(path) as file:
        group = h5_files.group(file, STATE)
        if CALLBACKS not in group:
            return
        group = h5_files.group(group, CALLBACKS)
        counters = h5_files.json_of(group, "state", "{}").get("callbacks")
        names: list[str] = []
        group.visit(names.append)
        arrays: dict[str, Array] = {}
        for name in names:
            if name.count("/") == 2:
                arrays[name] = h5_files.dataset(group, name)[()]
        if (
            not all(name.split("/")[0].isdigit() for name in arrays)
            or not isinstance(counters, list)
            or not all(_is_progress(entry) for entry in counters)
        ):
            raise Damaged("its state of callbacks is invalid")
    other = callbacks.restore(counters, arrays)
    if other:
        log.info(
            "The training resumes with other callbacks than before (%s); new ones start fresh.",
            ", ".join(other),
        )


def _is_progress(entry: object) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == 2
        and isinstance(entry[0], str)
        and isinstance(entry[1], dict)
    )


def learning_rate_of(optimizer: keras.optimizers.Optimizer) -> float | None:
    """Reads the learning rate.

    Args:
        optimizer: Built.

    Returns:
        The rate, which callbacks can change; None if it follows a schedule.
    """
    for variable in optimizer.variables:
        if variable.name == "learning_rate":
            return float(np.asarray(variable))
    return None


def epochs_in(path: PathLike) -> int:
    """Reads how many epochs a training has completed.

    Args:
        path: A checkpoint, which need not exist.

    Returns:
        0 if there is no such file.

    Raises:
        ValueError: The checkpoint is damaged.
    """
    state = read_state(path) if Path(path).exists() else None
    return state["epoch"] if state else 0


def read_state(path: PathLike) -> dict[str, Any] | None:
    """Reads the state of a training, without its optimiser.

    Args:
        path: A checkpoint or any .h5 file of weights.

    Returns:
        What `save_checkpoint` was given; None if the file holds no state.

    Raises:
        ValueError: The checkpoint is damaged.
        FileNotFoundError: There is no such file.
    """
    with reading(path) as file:
        return _state_of(h5_files.group(file, STATE)) if STATE in file else None


def _state_of(group: h5py.Group) -> dict[str, Any]:
    """Reads the state, and checks the entries that `fit` uses."""
    state = h5_files.json_of(group, "state", "{}")
    history, repeats = state.get("history", []), state.get("repeats")
    counts = [state.get(name, 0) for name in ("epoch", "stage", "stage_began")]
    numbers = [state.get(name) for name in ("best", "learning_rate")]
    # type() rather than isinstance(): True is an int, and a damaged file may hold it.
    if not all(type(count) is int and 0 <= count < 2**31 for count in counts):
        raise Damaged("epochs or stages in its training state are not whole numbers")
    if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
        raise Damaged("the history in its training state is not a list of epochs")
    if repeats is not None and not _are_repeats(repeats):
        raise Damaged("the repeat factors in its training state are not numbers")
    if not all(value is None or type(value) in (int, float) for value in numbers):
        raise Damaged("the best score or the learning rate in its training state is not a number")
    return state


def _are_repeats(repeats: object) -> bool:
    return isinstance(repeats, list) and all(type(n) in (int, float) and n >= 0 for n in repeats)
