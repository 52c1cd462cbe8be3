"""Checkpoints: weight files that also hold the state of a broken-off training, in a group that other readers pass over."""
import json
import logging

import numpy as np

from mrcnn.modeling.weight_files import open_h5, save_weights

STATE = "training_state"
log = logging.getLogger(__name__)


def save_checkpoint(model, path, *, metadata=None, optimizer=None, state=None):
    """Write the weights to `path` (.h5) as `modeling.weight_files.save_weights` does, atomically, and a training's state with them.

    metadata: JSON-able; optimizer, state: what `load_state` gives back.
    """
    def add_state(file):
        group = file.create_group(STATE)
        group.attrs["state"] = json.dumps(state or {})
        for i, variable in enumerate(optimizer.variables):
            group[f"{i:05d}"] = np.asarray(variable)

    save_weights(model, path, metadata=metadata, extend=add_state if optimizer is not None else None)


def load_state(path, optimizer):
    """Give the optimiser its variables back and return the `state` that `save_checkpoint` was given; the optimiser must be built.

    A learning rate that callbacks have changed is among the variables. It comes back if the optimiser was made with the rate that it had
    been made with then, which is the state's "learning_rate", see `rate_of`; another rate is one asked for anew, and stays.
    """
    with open_h5(path) as file:
        group = file[STATE]
        values = [group[key][()] for key in sorted(group)]
        if [v.shape for v in values] != [tuple(v.shape) for v in optimizer.variables]:
            raise ValueError(f"The optimiser's state in {path} is of another optimiser or of other layers. Go on with the OPTIMIZER and "
                             "the stages the training began with, or start a new one from these weights.")
        state, asked = json.loads(group.attrs["state"]), rate_of(optimizer)
        for variable, value in zip(optimizer.variables, values, strict=True):
            variable.assign(value)
        before, stored = state.get("learning_rate"), rate_of(optimizer)
        if asked is not None and before is not None and asked != before:
            log.info("The learning rate is %g from now on; it was %g, of %g at the start.", asked, stored, before)
            optimizer.learning_rate = asked
        return state


def rate_of(optimizer):
    """The learning rate, a number that callbacks can change; None if it follows a schedule."""
    return next((float(np.asarray(v)) for v in optimizer.variables if v.name == "learning_rate"), None)


def read_state(path):
    """The `state` of a checkpoint, without its optimiser; None if it holds none."""
    with open_h5(path) as file:
        return json.loads(file[STATE].attrs["state"]) if STATE in file else None
