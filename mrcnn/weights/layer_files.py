"""Weight files: what a model's layers have learned, by layer name, in Matterport's .h5 layout.

Layout: one group for each layer of the graph, also for those without weights; its attribute `weight_names` lists datasets such as
conv1/kernel:0; the three layers of the RPN share the group rpn_model; the root attribute `layer_names` lists the groups. Files of
Keras 1 and 2 that were written for other graphs, or for whole models, are laid out alike and read by the same names.
"""

import io
import json
import logging
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field

import h5py
import keras
import numpy as np

from mrcnn.files import write_bytes
from mrcnn.weights import h5_files
from mrcnn.weights.h5_files import reading

log = logging.getLogger(__name__)

# The layers behind the backbone in the order of Matterport's inference graph; a number n stands for the nth activation behind it.
HEAD_GROUPS = (
    "fpn_c5p5",
    "fpn_p5upsampled",
    "fpn_c4p4",
    "fpn_p4add",
    "fpn_p4upsampled",
    "fpn_c3p3",
    "fpn_p3add",
    "fpn_p3upsampled",
    "fpn_c2p2",
    "fpn_p2add",
    "fpn_p5",
    "fpn_p2",
    "fpn_p3",
    "fpn_p4",
    "fpn_p6",
    "rpn_model",
    "rpn_class",
    "rpn_bbox",
    "input_anchors",
    "ROI",
    "input_image_meta",
    "roi_align_classifier",
    "mrcnn_class_conv1",
    "mrcnn_class_bn1",
    0,
    "mrcnn_class_conv2",
    "mrcnn_class_bn2",
    1,
    "pool_squeeze",
    "mrcnn_class_logits",
    "mrcnn_bbox_fc",
    "mrcnn_class",
    "mrcnn_bbox",
    "mrcnn_detection",
    "lambda_2",
    "roi_align_mask",
    "mrcnn_mask_conv1",
    "mrcnn_mask_bn1",
    3,
    "mrcnn_mask_conv2",
    "mrcnn_mask_bn2",
    4,
    "mrcnn_mask_conv3",
    "mrcnn_mask_bn3",
    5,
    "mrcnn_mask_conv4",
    "mrcnn_mask_bn4",
    6,
    "mrcnn_mask_deconv",
    "mrcnn_mask",
)
RPN_LAYERS = ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred")
# Layers that Matterport's scripts name in `exclude` although they hold no weights.
WITHOUT_WEIGHTS = ("mrcnn_bbox", "mrcnn_class", "rpn_model")


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


class WeightError(ValueError):
    """Layers of a file cannot be used.

    Args:
        message: What is wrong with the first of them.
        layers: Their names; the argument `exclude` leaves them out.
    """

    def __init__(self, message: str, layers: Sequence[str]) -> None:
        super().__init__(message)
        self.layers = list(layers)


class WeightShapeError(WeightError):
    """Layers of a file have weights of other shapes than those of the model."""


def weight_layers(model):
    """The layers that have weights of their own, by name: {name: layer}; see `own_weights`, their `weights` may be more.

    Raises ValueError if two bear one name, since files go by names.
    """
    found = {}
    for layer in model._flatten_layers(include_self=False):
        if own_weights(layer):
            if layer.name in found and found[layer.name] is not layer:
                raise ValueError(
                    f"Two layers are called {layer.name!r}, but weight files go by layer names. Rename one of them."
                )
            found[layer.name] = layer
    return found


def own_weights(layer):
    """The weights that are a layer's and not of a layer inside it, in Keras' order: what a file has under its name."""
    inside = {
        id(weight) for sub in layer._layers for weight in sub.weights
    }  # a wrapper may hold its layer's kernel as well
    return [
        weight
        for weight in layer._trainable_variables + layer._non_trainable_variables
        if id(weight) not in inside
    ]


def save_weights(model, path, *, dtype="float32", metadata=None, extend=None):
    """Write every layer's weights to `path` (.h5), atomically.

    dtype: "float16" halves the size of convolution and dense kernels (the rest stays float32); metadata: JSON-able, see
    `read_metadata`; extend: callable that may add groups of its own to the open file.
    """
    # Made in memory: HDF5 on a full disk ends the process, where writing bytes raises OSError.
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        groups = _layout(model)
        file.attrs["layer_names"] = np.array([name.encode() for name in groups])
        file.attrs["backend"], file.attrs["keras_version"] = (
            b"tensorflow",
            keras.__version__.encode(),
        )
        convention = getattr(model, "convention", None)  # of a Detector
        if convention and (
            convention.name != "corners" or metadata is not None
        ):  # a plain file without it is as Matterport's own
            file.attrs["roi_align"] = convention.name
        if metadata is not None:
            file.attrs["metadata"] = json.dumps(metadata)
        for name, layers in groups.items():
            group = file.create_group(name)
            weights = _keys(layers)
            group.attrs["weight_names"] = np.array(
                [key.encode() for key in weights], dtype=None if weights else "S1"
            )
            for key, weight in weights.items():
                value = np.asarray(weight)
                group[key] = value.astype(dtype) if value.ndim > 1 else value
        if extend:
            extend(file)
    # Released at once: an error would keep the view alive, and the buffer could not be freed.
    with content.getbuffer() as data:
        write_bytes(path, data)
    h5_files.trust(path)


def read_metadata(path):
    """The JSON-able dict that `save_weights` was given; {} for other people's files. Raises ValueError if it is damaged."""
    with reading(path) as file:
        found = h5_files.json_of(file, "metadata", "{}")
        if not isinstance(found.get("config", {}), dict):
            raise h5_files.Damaged("the settings in its metadata are no object")
        return found


def convention_in(path):
    """How the heads in a .h5 file were trained to measure boxes, see `ops.roi_align`: "aligned" or "corners"; None if it has no heads.

    Files that do not say are Matterport's, or of a code that descends from it.
    """
    with reading(path) as file:
        found = file.attrs.get("roi_align")
        if found is not None:
            if found not in ("aligned", "corners"):
                raise h5_files.Damaged(f"roi_align is {found!r}, expected 'aligned' or 'corners'")
            return found
        if "metadata" in file.attrs:  # of this library, from before there was a choice
            return "aligned"
    return "corners" if "mrcnn_class_conv1" in layers_in(path) else None


def layers_in(path):
    """The names of a .h5 file's groups, in their order; [] if it lists none."""
    with reading(path) as file:
        return h5_files.names(h5_files.root_of(file), "layer_names")


def load_weights(model, path, exclude=()):
    """Fill the layers of `model` from a .h5 file of this layout or an .npz of <layer>/<weight> arrays, by layer name.

    exclude: layer names to leave as they are. Returns: a `LoadReport`. Raises ValueError if a shape differs or weights are NaN or infinite (naming `exclude` as
    the way out), or if nothing at all was loaded; FileNotFoundError if there is no such file.
    """
    if str(path).endswith(".npz"):
        return assign_layers(model, _read_npz(path), path, exclude)
    return assign_layers(model, read_h5(path, weight_layers(model)), path, exclude)


def assign_layers(model, arrays, source, exclude=()):
    """`load_weights` for arrays in memory: {layer name: [arrays]}; source: what to call them in messages."""
    layers, exclude = weight_layers(model), _layers_meant(exclude)
    unknown = exclude - set(layers) - set(arrays) - set(WITHOUT_WEIGHTS)
    if unknown:
        log.warning(
            "exclude names layers that neither %s nor the model has: %s.",
            source,
            ", ".join(sorted(unknown)),
        )
    report = LoadReport(
        loaded=[n for n in arrays if n in layers and n not in exclude],
        excluded=[n for n in arrays if n in layers and n in exclude],
        only_in_file=[n for n in arrays if n not in layers],
        only_in_model=[n for n in layers if n not in arrays and n not in exclude],
    )
    _check_shapes({n: (layers[n], arrays[n]) for n in report.loaded}, source)
    if not report.loaded:
        raise ValueError(
            f"No layer of {source} fits this model: nothing was loaded. It holds {', '.join(list(arrays)[:4])} …; "
            f"the model has {', '.join(list(layers)[:4])} …."
        )
    values = {
        name: [np.asarray(value).astype("float32", copy=False) for value in arrays[name]]
        for name in report.loaded
    }
    _check_values({name: (layers[name], values[name]) for name in report.loaded}, source)
    for name in report.loaded:
        for weight, value in zip(own_weights(layers[name]), values[name], strict=True):
            weight.assign(value)
    log.info("%s: %s", source, report)
    return report


def read_h5(path, known=(), of_each=lambda dataset: dataset[()]):
    """{layer: [arrays]} in the file's order of weights; known: layer names, of which a group may be one; of_each: what to take of each
    weight, an h5py dataset, in place of its array."""
    with reading(path) as file:
        found = h5_files.arrays(file, known, of_each)
    if not found and not layers_in(path):
        raise ValueError(
            f"{path} is an .h5 file, but not of Keras weights by layer: it lists no layer_names. Files of Keras 3 "
            "(.weights.h5) and of other programs have to be converted: load them where they were made and save by layer."
        )
    return found


def _layout(model):
    """{group: [its layers that have weights]} of a model's file, in the order of Matterport's inference graph."""
    layers = weight_layers(model)
    backbone = [layer.name for layer in getattr(model, "backbone", model).layers]
    if not set(HEAD_GROUPS) & set(layers):
        return {name: [layers[name]] for name in layers}
    activations = sum(name == "activation" or name.startswith("activation_") for name in backbone)
    heads = [
        f"activation_{activations + name}" if isinstance(name, int) else name
        for name in HEAD_GROUPS
    ]
    groups = {name: [layers[name]] if name in layers else [] for name in (*backbone, *heads)}
    groups["rpn_model"] = [layers[name] for name in RPN_LAYERS]
    return groups | {
        name: [layer]
        for name, layer in layers.items()
        if name not in groups and name not in RPN_LAYERS
    }


def _keys(layers):
    """{<layer>/<weight>:0: weight}; underscores tell weights apart that a layer calls alike, since only their order is read."""
    keys = {}
    for layer in layers:
        for weight in own_weights(layer):
            name = weight.name
            while f"{layer.name}/{name}:0" in keys:
                name += "_"
            keys[f"{layer.name}/{name}:0"] = weight
    return keys


def _layers_meant(exclude):
    names = {exclude} if isinstance(exclude, str) else set(exclude or ())
    return names | set(RPN_LAYERS) if "rpn_model" in names else names


def _check_shapes(pairs, source):
    """pairs: {name: (layer, [arrays])}. Raises ValueError, naming all that differ, before anything is assigned."""
    shapes = {
        n: ([v.shape for v in values], [tuple(w.shape) for w in own_weights(layer)])
        for n, (layer, values) in pairs.items()
    }
    wrong = [name for name, (given, wanted) in shapes.items() if given != wanted]
    if wrong:
        given, wanted = shapes[wrong[0]]
        raise WeightShapeError(
            f"Layer {wrong[0]!r} of {source} has weights of shape {given}, the model wants {wanted}. What is meant to start "
            f"anew (another number of classes, say) is left out with exclude={wrong}.",
            wrong,
        )


def _check_values(pairs, source):
    """pairs: {name: (layer, [float32 arrays])}. Raises ValueError, naming the layers with a value that no network can compute with."""
    wrong = {}
    for name, (layer, values) in pairs.items():
        for weight, value in zip(own_weights(layer), values, strict=True):
            bad = value.size - int(np.isfinite(value).sum())
            if bad:
                wrong[name] = (
                    f"{bad:,} of the {value.size:,} values of its {weight.name} are NaN or infinite, not finite numbers"
                )
            # A little below 0 is rounding; more makes NaN of every image.
            elif weight.name == "moving_variance" and value.size and value.min() < -1e-6:
                wrong[name] = f"its moving_variance is negative, {value.min():g}"
            if name in wrong:
                break
    if wrong:
        first, *others = wrong
        more = (
            f"; likewise {', '.join(others[:4])}{' …' if len(others) > 4 else ''}" if others else ""
        )
        raise WeightError(
            f"Layer {first!r} of {source} cannot be used: {wrong[first]}{more}. The training that wrote it diverged, or the "
            f"file is damaged. Take an earlier checkpoint; to train these layers anew, pass exclude={list(wrong)}.",
            list(wrong),
        )


def _read_npz(path):
    """{layer: [arrays]}, kernel before bias, gamma before beta before the moving mean and variance, as Keras orders them."""
    order = ["kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"]
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > h5_files.MAX_FILE_BYTES:
                raise h5_files.Damaged("its arrays have more bytes than any weights have")
        with np.load(path, allow_pickle=False) as file:
            for key in file.files:
                layer, _, weight = key.rpartition("/")
                if weight not in order:
                    raise h5_files.Damaged(
                        f"{key!r} is no <layer>/<weight>, where a weight is one of {', '.join(order)}"
                    )
                value = arrays.setdefault(layer, {})[weight] = file[key]
                if value.dtype.kind not in "fiub":
                    raise h5_files.Damaged(f"{key!r} holds {value.dtype}, not numbers")
        return {layer: [w[k] for k in sorted(w, key=order.index)] for layer, w in arrays.items()}
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no weight file {path}.") from None
    except Exception as error:  # a broken .zip file can fail in many ways
        told = (
            error
            if isinstance(error, h5_files.Damaged)
            else "it is no .zip file of arrays of numbers"
        )
        raise ValueError(
            f"{path} is not a readable .npz file of <layer>/<weight> arrays ({told}). It may be cut off: fetch it "
            "again."
        ) from error
