"""Encoders: the detector's backbones, adapted to networks that label every pixel.

Layer names stay those of the backbones, so that the same weights load.
"""

import re
from collections.abc import Callable

import keras

from fashion.semantic.layers import MOMENTUM
from mrcnn.modeling.backbones.efficientnet_lite import efficientnet_lite
from mrcnn.modeling.backbones.resnet import WIDTHS, resnet
from mrcnn.typing import Size

FULL_WIDTH = WIDTHS[0]  # channels of the ResNet's first stage in published weights


def dilated_resnet50(image_hw: Size, width: int = FULL_WIDTH) -> keras.Model:
    """Builds a ResNet-50 at output stride 8.

    Stages 4 and 5 have stride 1. Their 3x3 convolutions are dilated by 2 and 4 instead. The first
    block of each stage keeps the dilation of the stage before, as in torchvision.

    Args:
        image_hw: Input size in pixels.
        width: Channels of the first stage. Other values than 64 scale all channels, and then no
            published weights fit.

    Returns:
        `(B, H, W, 3)` RGB minus the mean -> `(B, H / 8, W / 8, 32 * width)`.
    """

    def dilated(layer, config):
        block = re.fullmatch(r"res([45])([a-z])_branch(\w+)", layer.name)
        if block:
            stage, index, branch = block.groups()
            config["strides"] = (1, 1)
            if branch == "2b":
                config["dilation_rate"] = (2 ** (int(stage) - 3 - (index == "a")),) * 2
        if "filters" in config:
            config["filters"] = max(1, config["filters"] * width // FULL_WIDTH)
        return config

    encoder = _changed(resnet("resnet50", update_statistics=True), image_hw, dilated)
    return keras.Model(encoder.input, encoder.outputs[-1], name="dilated_resnet50")


def lite0(image_hw: Size) -> keras.Model:
    """Builds an EfficientNet-Lite0.

    Args:
        image_hw: Input size in pixels.

    Returns:
        `(B, H, W, 3)`, (RGB - 127) / 128, -> features at strides 2, 4, 8, 16 and 32, of 16, 24,
        40, 112 and 320 channels.
    """
    backbone = efficientnet_lite("efficientnet_lite0", update_statistics=True)
    encoder = _changed(backbone, image_hw, lambda layer, config: config)
    outputs = [encoder.get_layer("block0_project_bn").output, *encoder.outputs]
    return keras.Model(encoder.input, outputs, name="lite0")


def _changed(
    backbone: keras.Model,
    image_hw: Size,
    change: Callable[[keras.layers.Layer, dict], dict],
) -> keras.Model:
    """Clones a backbone for one input size, without its weights, with changed layer configs."""

    def clone(layer):
        config = change(layer, layer.get_config())
        if "momentum" in config:
            config["momentum"] = MOMENTUM
        return type(layer).from_config(config)

    return keras.models.clone_model(
        backbone, keras.Input((*image_hw, 3), name="image"), clone_function=clone
    )
