"""Weights of a model by layer name, in Matterport's .h5 layout.

Layout: one group for each layer of the graph, also for those without weights. Its attribute
`weight_names` lists datasets such as conv1/kernel:0. The three layers of the RPN share the group
rpn_model. The root attribute `layer_names` lists the groups. Files of Keras 1 and 2, also of whole
models, have the same layout and are read by the same names.
"""

import io
import json
import logging
import zipfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import h5py
import keras
import numpy as np

from mrcnn import keras_internals
from mrcnn.files import write_bytes
from mrcnn.typing import Array, PathLike
from mrcnn.weights import h5_files
from mrcnn.weights.h5_files import reading

log = logging.getLogger(__name__)

# Layers after the backbone, in the order of Matterport's inference graph. A number n is the nth
# activation after the backbone.
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
# How Keras orders the weights of a layer; .npz files name them.
WEIGHT_ORDER = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")


@dataclass
class LoadReport:
    """The layers of a file and of a model.

    Attributes:
        loaded: In both.
        excluded: In both, left out by the caller.
        only_in_file: Not in the model.
        only_in_model: Not in the file; they keep their values.
    """

    loaded: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    only_in_file: list[str] = field(default_factory=list)
    only_in_model: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [f"{len(self.loaded)} layer{'' if len(self.loaded) == 1 else 's'} loaded"]
        for what, names in (
            ("left out as asked", self.excluded),
            ("of the file not in the network", self.only_in_file),
            ("not in the file keep their values, random in a new network", self.only_in_model),
        ):
            if names:
                shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
                parts.append(f"{len(names)} {what}: {shown}")
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


def weight_layers(model: keras.Layer) -> dict[str, keras.Layer]:
    """Collects the layers that own weights directly, not only through sublayers.

    Args:
        model: A model or a layer.

    Returns:
        The layers by name. Their `weights` may include those of sublayers, see `own_weights`.

    Raises:
        ValueError: Two layers have the same name; files identify layers by name.
    """
    found: dict[str, keras.Layer] = {}
    for layer in keras_internals.layers_inside(model):
        if own_weights(layer):
            if layer.name in found and found[layer.name] is not layer:
                raise ValueError(
                    f"Two layers are called {layer.name!r}, but weight files identify layers by "
                    "name. Rename one of them."
                )
            found[layer.name] = layer
    return found


def own_weights(layer: keras.Layer) -> list[keras.Variable]:
    """Lists the weights of a layer itself, without those of sublayers.

    Args:
        layer: Any layer.

    Returns:
        The weights in Keras' order, which is that of files.
    """
    return keras_internals.own_variables(layer)


def save_weights(
    model: keras.Model,
    path: PathLike,
    *,
    dtype: str = "float32",
    metadata: Mapping[str, Any] | None = None,
    extend: Callable[[h5py.File], None] | None = None,
) -> None:
    """Writes the weights of every layer to a .h5 file, atomically.

    Args:
        model: Any model. If it has a `convention`, a `PixelConvention`, the file stores its name.
        path: The file.
        dtype: "float16" halves the size of kernels; vectors stay float32.
        metadata: JSON-able, see `h5_files.read_metadata`.
        extend: May add groups to the open file.

    Raises:
        OSError: The file cannot be written.
        ValueError: Two layers have the same name.
    """
    # Made in memory: on a full disk HDF5 ends the process, and writing bytes raises OSError.
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        groups = _layout(model)
        file.attrs["layer_names"] = np.array([name.encode() for name in groups])
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = keras.__version__.encode()
        convention = getattr(model, "convention", None)
        # Matterport's files do not have the attribute; a plain file equals one of theirs.
        if convention and (convention.name != "corners" or metadata is not None):
            file.attrs["roi_align"] = convention.name
        if metadata is not None:
            file.attrs["metadata"] = json.dumps(metadata)
        for name, layers in groups.items():
            _write_group(file.create_group(name), layers, dtype)
        if extend:
            extend(file)
    # No copy, and no view of the buffer: where writing fails, the traceback keeps a view, and
    # Python 3.12.1 crashes when it collects that (https://github.com/python/cpython/issues/111049).
    write_bytes(path, content.getvalue())
    h5_files.trust(path)


def _write_group(group: h5py.Group, layers: Sequence[keras.Layer], dtype: str) -> None:
    weights = _keys(layers)
    group.attrs["weight_names"] = np.array(
        [key.encode() for key in weights], dtype=None if weights else "S1"
    )
    for key, weight in weights.items():
        value = np.asarray(weight)
        group[key] = value.astype(dtype) if value.ndim > 1 else value


def convention_in(path: PathLike) -> str | None:
    """Reads the pixel convention that the heads in a file were trained with.

    Args:
        path: A .h5 file.

    Returns:
        The name of a `PixelConvention`; None for a file without heads. Files that do not name one
        are Matterport's, or of code that descends from it: "corners".

    Raises:
        ValueError: The file is damaged.
        FileNotFoundError: There is no such file.
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


def layers_in(path: PathLike) -> list[str]:
    """Reads the names of the groups of a file.

    Args:
        path: A .h5 file.

    Returns:
        The names in the file's order; [] if it lists none.

    Raises:
        ValueError: The file is damaged.
        FileNotFoundError: There is no such file.
    """
    with reading(path) as file:
        return h5_files.names(h5_files.root_of(file), "layer_names")


def load_weights(
    model: keras.Model, path: PathLike, exclude: str | Iterable[str] | None = ()
) -> LoadReport:
    """Loads weights from a file by layer name.

    `Detector.load_weights` also sets the pixel convention, and reads other formats.

    Args:
        model: Any model.
        path: A .h5 file of this layout, or an .npz file of <layer>/<weight> arrays.
        exclude: Layers to leave as they are.

    Returns:
        What was loaded and what was not.

    Raises:
        WeightShapeError: A shape differs. Nothing was loaded.
        WeightError: Weights are NaN or infinite. Nothing was loaded.
        ValueError: No layer fits, or the file cannot be read.
        FileNotFoundError: There is no such file.
    """
    if str(path).endswith(".npz"):
        return assign_layers(model, _read_npz(path), path, exclude)
    return assign_layers(model, read_h5(path, weight_layers(model)), path, exclude)


def assign_layers(
    model: keras.Model,
    arrays: Mapping[str, Sequence[Array]],
    source: object,
    exclude: str | Iterable[str] | None = (),
) -> LoadReport:
    """Loads weights from arrays in memory by layer name.

    Args:
        model: Any model.
        arrays: The weights of each layer, in Keras' order.
        source: What errors call the arrays, such as the name of a file.
        exclude: Layers to leave as they are.

    Returns:
        What was loaded and what was not.

    Raises:
        WeightShapeError: A shape differs. Nothing was loaded.
        WeightError: Weights are NaN or infinite. Nothing was loaded.
        ValueError: No layer fits.
    """
    layers, excluded = weight_layers(model), _names_in(exclude)
    unknown = excluded - set(layers) - set(arrays) - set(WITHOUT_WEIGHTS)
    if unknown:
        log.warning(
            "exclude names layers that neither %s nor the model has: %s.",
            source,
            ", ".join(sorted(unknown)),
        )
    report = LoadReport(
        loaded=[n for n in arrays if n in layers and n not in excluded],
        excluded=[n for n in arrays if n in layers and n in excluded],
        only_in_file=[n for n in arrays if n not in layers],
        only_in_model=[n for n in layers if n not in arrays and n not in excluded],
    )
    _check_shapes({n: (layers[n], arrays[n]) for n in report.loaded}, source)
    if not report.loaded:
        raise ValueError(
            f"No layer of {source} fits this model: nothing was loaded. It holds "
            f"{', '.join(list(arrays)[:4])} …; the model has {', '.join(list(layers)[:4])} …."
        )
    values = {name: [_float32(value) for value in arrays[name]] for name in report.loaded}
    _check_values({name: (layers[name], values[name]) for name in report.loaded}, source)
    for name in report.loaded:
        for weight, value in zip(own_weights(layers[name]), values[name], strict=True):
            weight.assign(value)
    log.info("%s: %s", source, report)
    return report


def _float32(value: Array) -> Array:
    return np.asarray(value).astype("float32", copy=False)


def read_h5(
    path: PathLike,
    known: Collection[str] = (),
    of_each: Callable[[h5py.Dataset], Any] = lambda dataset: dataset[()],
) -> dict[str, list]:
    """Reads the arrays of a .h5 file by layer name.

    Args:
        path: The file.
        known: Names of layers; a group of such a name is one layer. Other groups may nest several,
            as rpn_model does.
        of_each: What to take from the dataset of each weight; by default its array.

    Returns:
        The results of `of_each` for the weights of each layer, in the file's order.

    Raises:
        ValueError: The file is damaged, or has another layout.
        FileNotFoundError: There is no such file.
    """
    with reading(path) as file:
        found = h5_files.arrays(file, known, of_each)
    if not found and not layers_in(path):
        raise ValueError(
            f"{path} is an .h5 file, but not of Keras weights by layer: it lists no layer_names. "
            "Files of Keras 3 (.weights.h5) and of other programs have to be converted: load them "
            "where they were made and save by layer."
        )
    return found


def _layout(model: keras.Model) -> dict[str, list[keras.Layer]]:
    """The layers with weights of each group, in the order of Matterport's inference graph."""
    layers = weight_layers(model)
    if not set(HEAD_GROUPS) & set(layers):
        return {name: [layer] for name, layer in layers.items()}
    backbone = [layer.name for layer in getattr(model, "backbone", model).layers]
    activations = sum(name == "activation" or name.startswith("activation_") for name in backbone)
    groups: dict[str, list[keras.Layer]] = {}
    for name in (*backbone, *HEAD_GROUPS):
        if isinstance(name, int):
            name = f"activation_{activations + name}"
        groups[name] = [layers[name]] if name in layers else []
    groups["rpn_model"] = [layers[name] for name in RPN_LAYERS]
    for name, layer in layers.items():  # of extra heads
        if name not in groups and name not in RPN_LAYERS:
            groups[name] = [layer]
    return groups


def _keys(layers: Sequence[keras.Layer]) -> dict[str, keras.Variable]:
    """Weights by <layer>/<weight>:0; underscores part equal names, as only the order is read."""
    keys: dict[str, keras.Variable] = {}
    for layer in layers:
        for weight in own_weights(layer):
            name = weight.name
            while f"{layer.name}/{name}:0" in keys:
                name += "_"
            keys[f"{layer.name}/{name}:0"] = weight
    return keys


def _names_in(exclude: str | Iterable[str] | None) -> set[str]:
    names = {exclude} if isinstance(exclude, str) else set(exclude or ())
    return names | set(RPN_LAYERS) if "rpn_model" in names else names


def _check_shapes(pairs: Mapping[str, tuple[keras.Layer, Sequence[Array]]], source: object) -> None:
    """Raises WeightShapeError with all layers that differ."""
    given = {name: [value.shape for value in values] for name, (_, values) in pairs.items()}
    expected = {
        name: [tuple(weight.shape) for weight in own_weights(layer)]
        for name, (layer, _) in pairs.items()
    }
    wrong = [name for name in pairs if given[name] != expected[name]]
    if wrong:
        first = wrong[0]
        raise WeightShapeError(
            f"Layer {first!r} of {source} has weights of shape {given[first]}, the model expects "
            f"{expected[first]}. To keep the initial weights of these layers (for another number "
            f"of classes, say), pass exclude={wrong}.",
            wrong,
        )


def _check_values(pairs: Mapping[str, tuple[keras.Layer, Sequence[Array]]], source: object) -> None:
    """Raises WeightError with all layers that hold values no network can compute with."""
    wrong: dict[str, str] = {}
    for name, (layer, values) in pairs.items():
        defects = map(_defect, own_weights(layer), values)
        if defect := next(filter(None, defects), None):
            wrong[name] = defect
    if wrong:
        first, *others = wrong
        more = f"; so are {', '.join(others[:4])}{' …' if len(others) > 4 else ''}" * bool(others)
        raise WeightError(
            f"Layer {first!r} of {source} cannot be used: {wrong[first]}{more}. The training that "
            "wrote it diverged, or the file is damaged. Use an earlier checkpoint; to keep the "
            f"initial weights of these layers, pass exclude={list(wrong)}.",
            list(wrong),
        )


def _defect(weight: keras.Variable, value: Array) -> str | None:
    bad = value.size - int(np.isfinite(value).sum())
    if bad:
        return (
            f"{bad:,} of the {value.size:,} values of its {weight.name} are NaN or infinite, not "
            "finite numbers"
        )
    # A little below 0 is rounding; more makes NaN of every image.
    if weight.name == "moving_variance" and value.size and value.min() < -1e-6:
        return f"its moving_variance is negative, {value.min():g}"
    return None


def _read_npz(path: PathLike) -> dict[str, list[Array]]:
    """The arrays of each layer in Keras' order."""
    layers: dict[str, dict[str, Array]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > h5_files.MAX_FILE_BYTES:
                raise h5_files.Damaged("its arrays have more bytes than any weights have")
        with np.load(path, allow_pickle=False) as file:
            for key in file.files:
                layer, _, weight = key.rpartition("/")
                if weight not in WEIGHT_ORDER:
                    raise h5_files.Damaged(
                        f"{key!r} is no <layer>/<weight>, where a weight is one of "
                        f"{', '.join(WEIGHT_ORDER)}"
                    )
                value = layers.setdefault(layer, {})[weight] = file[key]
                if value.dtype.kind not in "fiub":
                    raise h5_files.Damaged(f"{key!r} holds {value.dtype}, not numbers")
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no weight file {path}.") from None
    except Exception as error:  # a broken .zip file can fail in many ways
        reason = (
            error
            if isinstance(error, h5_files.Damaged)
            else "it is no .zip file of arrays of numbers"
        )
        raise ValueError(
            f"{path} is not a readable .npz file of <layer>/<weight> arrays ({reason}). It may be "
            "cut off: download it again."
        ) from error
    return {
        layer: [weights[name] for name in sorted(weights, key=WEIGHT_ORDER.index)]
        for layer, weights in layers.items()
    }
