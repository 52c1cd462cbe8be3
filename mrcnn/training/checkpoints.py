"""Checkpoints: weights by layer name in Matterport's .h5 layout, with the state of a broken-off training beside them.

Layout: one group for each layer, its attribute `weight_names` listing datasets such as conv1/kernel:0; the root attribute
`layer_names` lists the groups. A group `training_state` that old readers pass over holds the optimiser's variables.
"""
import json
import logging
import zipfile
from dataclasses import dataclass, field

import h5py
import numpy as np

from mrcnn.files import atomic_path
from mrcnn.training.layer_groups import weight_layers

log = logging.getLogger(__name__)
STATE = "training_state"


@dataclass
class LoadReport:
    """What became of every layer: names loaded, excluded by the caller, only in the file, only in the model."""

    loaded: list = field(default_factory=list)
    excluded: list = field(default_factory=list)
    only_in_file: list = field(default_factory=list)
    only_in_model: list = field(default_factory=list)

    def __str__(self):
        parts = [f"{len(self.loaded)} layers loaded"]
        for title in ("excluded", "only_in_file", "only_in_model"):
            names = getattr(self, title)
            if names:
                shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
                parts.append(f"{len(names)} {title.replace('_', ' ')} ({shown})")
        return "; ".join(parts)


def save_weights(model, path, *, dtype="float32", metadata=None, optimizer=None, state=None):
    """Write every layer's weights to `path` (.h5), atomically.

    dtype: "float16" halves the size of convolution and dense kernels (the rest stays float32); metadata: JSON-able, see
    `read_metadata`; optimizer, state: what `load_state` gives back.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        layers = weight_layers(model)
        file.attrs["layer_names"] = np.array([name.encode() for name in layers])
        file.attrs["backend"], file.attrs["metadata"] = b"tensorflow", json.dumps(metadata or {})
        for name, layer in layers.items():
            group = file.create_group(name)
            keys = [f"{name}/{w.name}:0" for w in layer.weights]
            group.attrs["weight_names"] = np.array([k.encode() for k in keys])
            for key, weight in zip(keys, layer.weights, strict=True):
                value = np.asarray(weight)
                group[key] = value.astype(dtype) if value.ndim > 1 else value
        if optimizer is not None:
            group = file.create_group(STATE)
            group.attrs["state"] = json.dumps(state or {})
            for i, variable in enumerate(optimizer.variables):
                group[f"{i:05d}"] = np.asarray(variable)


def read_metadata(path):
    """The JSON-able value that `save_weights` was given; {} for other people's files."""
    with _open(path) as file:
        return json.loads(file.attrs.get("metadata", "{}"))


def load_weights(model, path, exclude=()):
    """Fill the layers of `model` from a .h5 file of this layout or an .npz of <layer>/<weight> arrays, by layer name.

    exclude: layer names to leave as they are. Returns: a `LoadReport`. Raises ValueError if a shape differs (naming `exclude` as the
    way out) or if nothing at all was loaded; FileNotFoundError if there is no such file.
    """
    return assign_layers(model, _read_npz(path) if str(path).endswith(".npz") else _read_h5(path), path, exclude)


def assign_layers(model, arrays, source, exclude=()):
    """`load_weights` for arrays in memory: {layer name: [arrays]}; source: what to call them in messages."""
    layers, exclude = weight_layers(model), set(exclude or ())
    report = LoadReport(loaded=[n for n in arrays if n in layers and n not in exclude],
                        excluded=[n for n in arrays if n in layers and n in exclude],
                        only_in_file=[n for n in arrays if n not in layers],
                        only_in_model=[n for n in layers if n not in arrays and n not in exclude])
    _check_shapes({n: (layers[n], arrays[n]) for n in report.loaded}, source)
    for name in report.loaded:
        for weight, value in zip(layers[name].weights, arrays[name], strict=True):
            weight.assign(value.astype("float32"))
    if not report.loaded:
        raise ValueError(f"No layer of {source} fits this model: nothing was loaded. It holds {', '.join(list(arrays)[:4])} …; "
                         f"the model has {', '.join(list(layers)[:4])} ….")
    log.info("%s: %s", source, report)
    return report


def load_state(path, optimizer):
    """Give the optimiser its variables back and return the `state` that `save_weights` was given; the optimiser must be built."""
    with _open(path) as file:
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
    with _open(path) as file:
        return json.loads(file[STATE].attrs["state"]) if STATE in file else None


def _check_shapes(pairs, source):
    """pairs: {name: (layer, [arrays])}. Raises ValueError, naming all that differ, before anything is assigned."""
    shapes = {n: ([v.shape for v in values], [tuple(w.shape) for w in layer.weights]) for n, (layer, values) in pairs.items()}
    wrong = [name for name, (given, wanted) in shapes.items() if given != wanted]
    if wrong:
        given, wanted = shapes[wrong[0]]
        raise ValueError(f"Layer {wrong[0]!r} of {source} has weights of shape {given}, the model wants {wanted}. What is meant to start "
                         f"anew (another number of classes, say) is left out with exclude={wrong}.")


def _open(path):
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no weight file {path}.") from None
    except OSError as error:
        raise ValueError(f"{path} is not a readable .h5 weight file ({error}). It may be cut off: fetch or save it again.") from error


def _read_h5(path):
    """{layer: [arrays]} in the file's order of weights."""
    arrays = {}
    with _open(path) as file:
        root = file["model_weights"] if "model_weights" in file else file
        for group in map(_text, root.attrs.get("layer_names", [])):
            for key in map(_text, root[group].attrs["weight_names"]):
                # The layer is named before the weight: Matterport keeps the RPN's layers in one group, rpn_model.
                layer = key.split("/")[-2] if "/" in key else group
                arrays.setdefault(layer, []).append(root[group][key][()])
    return arrays


def _text(name):
    return name.decode() if isinstance(name, bytes) else name


def _read_npz(path):
    """{layer: [arrays]}, kernel before bias, gamma before beta before the moving mean and variance, as Keras orders them."""
    order = ["kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"]
    arrays = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            for key in file.files:
                layer, _, weight = key.rpartition("/")
                arrays.setdefault(layer, {})[weight] = file[key]
        return {layer: [w[k] for k in sorted(w, key=order.index)] for layer, w in arrays.items()}
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no weight file {path}.") from None
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a readable .npz file of <layer>/<weight> arrays ({error}). It may be cut off: fetch it "
                         "again.") from error
