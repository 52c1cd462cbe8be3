"""EfficientNet-Lite: EfficientNet without squeeze-and-excitation and with ReLU6.

Small enough to train on a CPU.
"""

import math
import re

import keras
from keras import layers

from mrcnn.modeling.normalization import BatchNorm

MULTIPLIERS = {"efficientnet_lite0": (1.0, 1.0), "efficientnet_lite2": (1.1, 1.2)}  # width, depth
# repeats, kernel, stride, expansion, channels of each group of blocks
GROUPS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STAGE_OF_GROUP = (1, 2, 3, 4, 4, 5, 5)


def efficientnet_lite(name: str, update_statistics: bool = False, channels: int = 3) -> keras.Model:
    """Builds an EfficientNet-Lite (Tan and Le 2019; "Lite" is Google's mobile variant of 2020).

    Layers are called stem_conv, stem_bn, block<i>_expand_conv, block<i>_dw_conv,
    block<i>_project_conv and so on, with blocks counted through.

    Args:
        name: "efficientnet_lite0" or "efficientnet_lite2".
        update_statistics: Whether training updates the statistics of batch normalisation.
        channels: Of the image.

    Returns:
        A model from `(B, H, W, channels)`, (RGB - 127) / 128, to [C2, C3, C4, C5] at strides 4, 8,
        16, 32.
    """

    def bn(x, layer_name, activate=True):
        x = BatchNorm(update_statistics, name=f"{layer_name}_bn")(x)
        return layers.ReLU(6.0, name=f"{layer_name}_relu")(x) if activate else x

    image = keras.Input((None, None, channels), name="image")
    x = bn(layers.Conv2D(32, 3, 2, "same", use_bias=False, name="stem_conv")(image), "stem")
    features = {}
    for index, (stage, kernel, stride, expansion, width) in enumerate(_blocks(name)):
        block, y, incoming = f"block{index}", x, x.shape[-1]
        no_bias = {"use_bias": False}
        if expansion != 1:
            width_in = incoming * expansion
            y = layers.Conv2D(width_in, 1, name=f"{block}_expand_conv", **no_bias)(y)
            y = bn(y, f"{block}_expand")
        depthwise = layers.DepthwiseConv2D(
            kernel, stride, "same", name=f"{block}_dw_conv", **no_bias
        )
        y = bn(depthwise(y), f"{block}_dw")
        y = layers.Conv2D(width, 1, name=f"{block}_project_conv", **no_bias)(y)
        y = bn(y, f"{block}_project", activate=False)
        x = layers.Add(name=f"{block}_add")([x, y]) if stride == 1 and incoming == width else y
        features[stage] = x
    return keras.Model(image, [features[stage] for stage in (2, 3, 4, 5)], name=name)


def stage_of(layer_name: str, name: str) -> int | None:
    """Finds the stage that a layer belongs to.

    Args:
        layer_name: Of any layer.
        name: Of the network.

    Returns:
        1 to 5, or None for layers of other families.
    """
    if layer_name.startswith("stem_"):
        return 1
    found = re.match(r"block(\d+)_", layer_name)
    return _blocks(name)[int(found.group(1))][0] if found else None


def _blocks(name):
    """(stage, kernel, stride, expansion, channels) of every block, in order."""
    width, depth = MULTIPLIERS[name]
    blocks = []
    for group, (repeats, kernel, stride, expansion, channels) in enumerate(GROUPS):
        if 0 < group < len(GROUPS) - 1:
            repeats = math.ceil(depth * repeats)
        for repeat in range(repeats):
            step = stride if repeat == 0 else 1
            block = (STAGE_OF_GROUP[group], kernel, step, expansion, _round(channels * width))
            blocks.append(block)
    return blocks


def _round(channels):
    """The nearest multiple of 8 that is at most 10 % smaller, as in the published weights."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
