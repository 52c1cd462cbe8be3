"""Checkpoints: weight files that also hold the state of a broken-off training, in a group that other readers pass over."""
import json

import numpy as np

from mrcnn.modeling.weight_files import open_h5, save_weights

STATE = "training_state"


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
    """Give the optimiser its variables back and return the `state` that `save_checkpoint` was given; the optimiser must be built."""
    with open_h5(path) as file:
        group = file[STATE]
        values = [group[key][()] for key in sorted(group)]
        if [v.shape for v in values] != [tuple(v.shape) for v in optimizer.variables]:
            raise ValueError(f"The optimiser's state in {path} is of another optimiser or of other layers. Go on with the OPTIMIZER and "
                             "the stages the training began with, or start a new one from these weights.")
        for variable, value in zip(optimizer.variables, values, strict=True):
            variable.assign(value)
        return json.loads(group.attrs["state"])


def read_state(path):
    """The `state` of a checkpoint, without its optimiser; None if it holds none."""
    with open_h5(path) as file:
        return json.loads(file[STATE].attrs["state"]) if STATE in file else None
