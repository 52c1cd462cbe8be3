"""Checkpoints: weight files that also hold the state of a broken-off training, in a group that other readers pass over."""

import json
import logging
from pathlib import Path

import numpy as np

from mrcnn.typing import PathLike
from mrcnn.weights import h5_files
from mrcnn.weights.h5_files import Damaged, reading
from mrcnn.weights.layer_files import save_weights

STATE, CALLBACKS = "training_state", "callbacks"
log = logging.getLogger(__name__)


def save_checkpoint(model, path, *, metadata=None, optimizer=None, state=None, callbacks=None):
    """Write the weights to `path` (.h5) as `weights.layer_files.save_weights` does, atomically, and a training's state with them.

    metadata: JSON-able; optimizer, state: what `load_state` gives back; callbacks: a `CallbackState`, for `restore_callbacks`
    """

    def add_state(file):
        group = file.create_group(STATE)
        group.attrs["state"] = json.dumps(state or {})
        for i, variable in enumerate(optimizer.variables):
            group[f"{i:05d}"] = np.asarray(variable)
        if callbacks is not None and callbacks.callbacks:
            kept, arrays = callbacks.values()
            inner = group.create_group(CALLBACKS)
            inner.attrs["state"] = json.dumps({"callbacks": kept})
            for name, array in arrays.items():
                inner[name] = array

    save_weights(
        model, path, metadata=metadata, extend=add_state if optimizer is not None else None
    )


def load_state(path, optimizer):
    """Give the optimiser its variables back and return the `state` that `save_checkpoint` was given; the optimiser must be built.

    A learning rate that callbacks have changed is among the variables. It comes back if the optimiser was made with the rate that it had
    been made with then, which is the state's "learning_rate", see `learning_rate_of`; another rate is one asked for anew, and stays.
    """
    with reading(path) as file:
        group = h5_files.group(file, STATE)
        values = [h5_files.dataset(group, key)[()] for key in sorted(group) if key.isdigit()]
        state = _state_of(group)
    if [v.shape for v in values] != [tuple(v.shape) for v in optimizer.variables]:
        raise ValueError(
            f"The optimiser's state in {path} is of another optimiser or of other layers. Go on with the OPTIMIZER and "
            "the stages the training began with, or start a new one from these weights."
        )
    asked = learning_rate_of(optimizer)
    for variable, value in zip(optimizer.variables, values, strict=True):
        variable.assign(value)
    before, stored = state.get("learning_rate"), learning_rate_of(optimizer)
    if asked is not None and before is not None and asked != before:
        log.info(
            "The learning rate is %g from now on; it was %g, of %g at the start.",
            asked,
            stored,
            before,
        )
        optimizer.learning_rate = asked
    return state


def restore_callbacks(path, callbacks):
    """Give callbacks what they had counted when the checkpoint was written; callbacks: a `CallbackState`."""
    kept, arrays = [], {}
    with reading(path) as file:
        group = h5_files.group(file, STATE)
        if CALLBACKS not in group:
            return
        group = h5_files.group(group, CALLBACKS)
        kept = h5_files.json_of(group, "state", "{}").get("callbacks")
        names = []
        group.visit(names.append)
        for name in names:
            if name.count("/") == 2:
                arrays[name] = h5_files.dataset(group, name)[()]
        numbered = all(name.split("/")[0].isdigit() for name in arrays)
        if (
            not numbered
            or not isinstance(kept, list)
            or not all(_is_progress(entry) for entry in kept)
        ):
            raise Damaged("its state of callbacks is none")
    other = callbacks.restore(kept, arrays)
    if other:
        log.info(
            "The training goes on with other callbacks than it had (%s); new ones begin anew.",
            ", ".join(other),
        )


def _is_progress(entry):
    return (
        isinstance(entry, list)
        and len(entry) == 2
        and isinstance(entry[0], str)
        and isinstance(entry[1], dict)
    )


def learning_rate_of(optimizer):
    """The learning rate, a number that callbacks can change; None if it follows a schedule."""
    return next(
        (float(np.asarray(v)) for v in optimizer.variables if v.name == "learning_rate"), None
    )


def epochs_in(path: PathLike) -> int:
    """Reads how many epochs a training has completed.

    Args:
        path: A checkpoint, which need not exist.

    Returns:
        0 if there is no such file.
    """
    path = Path(path)
    state = read_state(path) if path.exists() else None
    return state["epoch"] if state else 0


def read_state(path):
    """The `state` of a checkpoint, without its optimiser; None if it holds none."""
    with reading(path) as file:
        return _state_of(h5_files.group(file, STATE)) if STATE in file else None


def _state_of(group):
    """The state, of which what `fit` needs is checked where it is there."""
    state = h5_files.json_of(group, "state", "{}")
    history, repeats = state.get("history", []), state.get("repeats")
    counts = [state.get(name, 0) for name in ("epoch", "stage", "stage_began")]
    if not all(type(count) is int and 0 <= count < 2**31 for count in counts):
        raise Damaged(
            "its training state counts epochs or stages by something else than whole numbers"
        )
    if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
        raise Damaged("the history in its training state is no list of epochs")
    if repeats is not None and not (
        isinstance(repeats, list) and all(type(n) in (int, float) and n >= 0 for n in repeats)
    ):
        raise Damaged("the repeat factors in its training state are no numbers")
    if not all(
        state.get(name) is None or type(state[name]) in (int, float)
        for name in ("best", "learning_rate")
    ):
        raise Damaged("the best score or the learning rate in its training state is no number")
    return state
