"""MobileNetV3-Large and -Small: the networks of keras.applications for detectors."""

import re
from typing import NamedTuple

import keras
from keras import layers

from mrcnn.modeling.convolutions import CoveringConv2D
from mrcnn.modeling.normalization import BatchNorm
from mrcnn.typing import Tensor

# The function of keras.applications that builds each.
APPLICATIONS = {"mobilenetv3_large": "MobileNetV3Large", "mobilenetv3_small": "MobileNetV3Small"}
MOMENTUM = 0.999  # of the statistics, in the published networks


class _Block(NamedTuple):
    stage: int
    kernel: int
    stride: int
    expanded: int  # channels inside
    width: int  # channels of the output
    excites: bool  # squeeze-and-excitation
    activation: str = "hard_swish"


# Howard et al. 2019, tables 1 and 2.
BLOCKS = {
    "mobilenetv3_large": (
        _Block(1, 3, 1, 16, 16, False, "relu"),
        _Block(2, 3, 2, 64, 24, False, "relu"),
        _Block(2, 3, 1, 72, 24, False, "relu"),
        _Block(3, 5, 2, 72, 40, True, "relu"),
        _Block(3, 5, 1, 120, 40, True, "relu"),
        _Block(3, 5, 1, 120, 40, True, "relu"),
        _Block(4, 3, 2, 240, 80, False),
        _Block(4, 3, 1, 200, 80, False),
        _Block(4, 3, 1, 184, 80, False),
        _Block(4, 3, 1, 184, 80, False),
        _Block(4, 3, 1, 480, 112, True),
        _Block(4, 3, 1, 672, 112, True),
        _Block(5, 5, 2, 672, 160, True),
        _Block(5, 5, 1, 960, 160, True),
        _Block(5, 5, 1, 960, 160, True),
    ),
    "mobilenetv3_small": (
        _Block(2, 3, 2, 16, 16, True, "relu"),
        _Block(3, 3, 2, 72, 24, False, "relu"),
        _Block(3, 3, 1, 88, 24, False, "relu"),
        _Block(4, 5, 2, 96, 40, True),
        _Block(4, 5, 1, 240, 40, True),
        _Block(4, 5, 1, 240, 40, True),
        _Block(4, 5, 1, 120, 48, True),
        _Block(4, 5, 1, 144, 48, True),
        _Block(5, 5, 2, 288, 96, True),
        _Block(5, 5, 1, 576, 96, True),
        _Block(5, 5, 1, 576, 96, True),
    ),
}


def mobilenet_v3(name: str, update_statistics: bool = False, channels: int = 3) -> keras.Model:
    """Builds a MobileNetV3 (Howard et al. 2019, arXiv:1905.02244).

    A feature map is the output of the last block of its stride; the 1 x 1 convolution behind the
    last block is left out, as in our EfficientNets. Pixels are normalised outside, by the config's
    MEAN_PIXEL and PIXEL_STD. Layer names are those of keras.applications.

    Args:
        name: A key of APPLICATIONS.
        update_statistics: Whether training updates the statistics of batch normalisation.
        channels: Of the image.

    Returns:
        A model from `(B, H, W, channels)`, RGB / 127.5 - 1, to [C2, C3, C4, C5] at strides 4, 8,
        16, 32.
    """

    def bn(x, layer_name, activation=None):
        x = BatchNorm(update_statistics, momentum=MOMENTUM, name=f"{layer_name}_bn")(x)
        if activation is None:
            return x
        return layers.Activation(activation, name=f"{layer_name}_{activation}")(x)

    image = keras.Input((None, None, channels), name="image")
    x = layers.Conv2D(16, 3, 2, "same", use_bias=False, name="conv")(image)
    x = bn(x, "conv", "hard_swish")
    features = {}
    for index, block in enumerate(BLOCKS[name]):
        prefix = f"expanded_conv_{index}" if index else "expanded_conv"
        y = x
        if index:  # the first block does not expand
            y = layers.Conv2D(block.expanded, 1, use_bias=False, name=f"{prefix}_expand")(y)
            y = bn(y, f"{prefix}_expand", block.activation)
        # Of images with even sides "same" is the padding that keras.applications spells out.
        y = layers.DepthwiseConv2D(
            block.kernel, block.stride, "same", use_bias=False, name=f"{prefix}_depthwise"
        )(y)
        y = bn(y, f"{prefix}_depthwise", block.activation)
        if block.excites:
            y = _excited(y, block.expanded, f"{prefix}_squeeze_excite")
        y = layers.Conv2D(block.width, 1, use_bias=False, name=f"{prefix}_project")(y)
        y = bn(y, f"{prefix}_project")
        keeps = block.stride == 1 and x.shape[-1] == block.width
        x = layers.Add(name=f"{prefix}_add")([x, y]) if keeps else y
        features[block.stage] = x
    return keras.Model(image, [features[stage] for stage in (2, 3, 4, 5)], name=name)


def _excited(x: Tensor, width: int, name: str) -> Tensor:
    """Squeeze-and-excitation: channels weighted by what the whole map shows."""
    y = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    y = CoveringConv2D(_quarter(width), 1, name=f"{name}_conv")(y)
    y = layers.ReLU(name=f"{name}_relu")(y)
    y = CoveringConv2D(width, 1, name=f"{name}_conv_1")(y)
    y = layers.Activation("hard_sigmoid", name=f"{name}_hard_sigmoid")(y)
    return layers.Multiply(name=f"{name}_mul")([x, y])


def _quarter(width: int) -> int:
    """A quarter of the channels, as the nearest multiple of 8 that is not 10 % smaller."""
    rounded = max(8, int(width / 4 + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width / 4 else rounded


def stage_of(layer_name: str, name: str) -> int | None:
    """Finds the stage that a layer belongs to.

    Args:
        layer_name: Of any layer.
        name: Of the network.

    Returns:
        1 to 5, or None for layers of other families.
    """
    if re.match(r"conv(_|$)", layer_name):
        return None if layer_name.startswith("conv_1") else 1
    found = re.match(r"expanded_conv(?:_(\d+))?_", layer_name)
    return BLOCKS[name][int(found.group(1) or 0)].stage if found else None
