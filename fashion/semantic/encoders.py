"""Encoders: the detector's backbones as other networks need them, with the same layer names, so that the same weights load."""

import re

import keras

from fashion.semantic.layers import MOMENTUM
from mrcnn.modeling.backbones.efficientnet_lite import efficientnet_lite
from mrcnn.modeling.backbones.resnet import WIDTHS, resnet

FULL_WIDTH = WIDTHS[0]  # channels of the ResNet's first stage that published weights have


def dilated_resnet50(image_hw, width=FULL_WIDTH):
    """ResNet-50 at output stride 8: (B, H, W, 3) RGB minus the mean -> (B, H / 8, W / 8, 32 * width).

    Stages 4 and 5 do not shrink the picture; the 3x3 convolutions behind see as far by dilations of 2 and 4, the first block of each
    stage still by that of the stage before, as torchvision has it. width: 64; with others all channels change in proportion, and no
    published weights fit.
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


def lite0(image_hw):
    """EfficientNet-Lite0: (B, H, W, 3), (RGB - 127) / 128 -> features at strides 2, 4, 8, 16 and 32 of 16, 24, 40, 112 and 320 channels."""
    encoder = _changed(
        efficientnet_lite("efficientnet_lite0", update_statistics=True),
        image_hw,
        lambda layer, config: config,
    )
    return keras.Model(
        encoder.input,
        [encoder.get_layer("block0_project_bn").output, *encoder.outputs],
        name="lite0",
    )


def _changed(backbone, image_hw, change):
    """The backbone for pictures of one size, without its weights. change: callable (layer, its config) -> config"""

    def clone(layer):
        config = change(layer, layer.get_config())
        if "momentum" in config:
            config["momentum"] = MOMENTUM
        return type(layer).from_config(config)

    return keras.models.clone_model(
        backbone, keras.Input((*image_hw, 3), name="image"), clone_function=clone
    )
