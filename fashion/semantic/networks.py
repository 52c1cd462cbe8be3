"""Networks that label every pixel: U-Net, SegNet and FCN, by name.

Every network maps images `(B, H, W, 3)` to logits `(B, H, W, num_classes)`. Layer names are the
keys of weight files.
"""

import dataclasses
from collections.abc import Callable

import keras
from keras import layers

from fashion.semantic.encoders import FULL_WIDTH, dilated_resnet50, lite0
from fashion.semantic.layers import classify, conv_bn_relu, pool, unpool
from fashion.semantic.names import MULTIPLE, NETWORK_TITLES
from mrcnn.config import IMAGENET_STATISTICS, PIXEL_STATISTICS
from mrcnn.modeling.backbones.pretrained import load_file, load_imagenet
from mrcnn.modeling.devices import channels_last
from mrcnn.typing import Size

SEGNET_CONVS = (2, 2, 3, 3, 3)  # convolutions of each stage, as in VGG16
SEGNET_GROWTH = (1, 2, 4, 8, 8)  # channels of each stage, times the width


def unet(image_hw: Size, num_classes: int, width: int = 64) -> keras.Model:
    """Builds a U-Net (Ronneberger et al. 2015).

    Args:
        image_hw: Input size in pixels, multiples of 16.
        num_classes: Classes of the logits.
        width: Channels of the first level; they double four times.

    Returns:
        The network. Unlike the paper's, its convolutions keep the size, so that every pixel has a
        label, and are followed by batch normalisation.
    """
    x = image = keras.Input((*image_hw, 3), name="image")
    skips = []
    for level in range(4):
        x = _two_convs(x, width * 2**level, f"down{level + 1}")
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"pool{level + 1}")(x)
    x = _two_convs(x, width * 16, "bottom")
    for level, skip in reversed(list(enumerate(skips))):
        x = layers.Conv2DTranspose(width * 2**level, 2, 2, name=f"up{level + 1}")(x)
        x = layers.Concatenate(name=f"skip{level + 1}")([skip, x])
        x = _two_convs(x, width * 2**level, f"up{level + 1}")
    return keras.Model(image, classify(x, num_classes), name="unet")


def unet_lite0(image_hw: Size, num_classes: int, width: int = 64) -> keras.Model:
    """Builds a U-Net whose encoder is EfficientNet-Lite0, for weights trained on ImageNet.

    Args:
        image_hw: Input size in pixels, multiples of 32.
        num_classes: Classes of the logits.
        width: The decoder's levels have 4, 2, 1, 1/2 and 1/4 times as many channels.

    Returns:
        The network. Its last level, at full size, has no skip connection: the encoder's first
        convolution halves the image.
    """
    encoder = lite0(image_hw)
    *skips, x = encoder.outputs
    for level in range(4, -1, -1):
        x = layers.UpSampling2D(2, name=f"up{level}")(x)
        if level:
            x = layers.Concatenate(name=f"skip{level}")([skips[level - 1], x])
        x = _two_convs(x, max(1, width * 2**level // 4), f"up{level}")
    return keras.Model(encoder.input, classify(x, num_classes), name="unet_lite0")


def _two_convs(x, filters, name):
    return conv_bn_relu(conv_bn_relu(x, filters, f"{name}a"), filters, f"{name}b")


def segnet(image_hw: Size, num_classes: int, width: int = 64) -> keras.Model:
    """Builds a SegNet (Badrinarayanan et al. 2017).

    The decoder mirrors the encoder. It takes over no features, only the places of the maxima:
    each max pooling is undone at the same places.

    Args:
        image_hw: Input size in pixels, multiples of 32.
        num_classes: Classes of the logits.
        width: Channels of the first stage.

    Returns:
        The network. As in the paper, its last convolution has no batch normalisation.
    """
    x = image = keras.Input((*image_hw, 3), name="image")
    places = []
    for stage, (convs, growth) in enumerate(zip(SEGNET_CONVS, SEGNET_GROWTH), start=1):
        for i in range(convs):
            x = conv_bn_relu(x, width * growth, f"down{stage}{'abc'[i]}")
        x, place = pool(x)
        places.append(place)
    for stage in range(5, 0, -1):
        x = unpool(x, places[stage - 1])
        convs = SEGNET_CONVS[stage - 1]
        here = width * SEGNET_GROWTH[stage - 1]
        above = width * SEGNET_GROWTH[max(stage - 2, 0)]
        for i in range(convs - (stage == 1)):  # of the first stage, the logits are the last one
            x = conv_bn_relu(x, above if i == convs - 1 else here, f"up{stage}{'abc'[i]}")
    x = layers.Conv2D(num_classes, 3, padding="same", name="logits")(x)
    return keras.Model(image, x, name="segnet")


def fcn_resnet50(image_hw: Size, num_classes: int, width: int = 64) -> keras.Model:
    """Builds an FCN (Long et al. 2015) on ResNet-50, as torchvision has it.

    Args:
        image_hw: Input size in pixels, multiples of 32.
        num_classes: Classes of the logits.
        width: Channels of the encoder's first stage. 64 is a ResNet-50.

    Returns:
        The network: features at output stride 8, a convolution to a quarter of their channels,
        dropout, a 1x1 convolution, and bilinear upsampling by 8. torchvision's auxiliary
        classifier is left out.
    """
    encoder = dilated_resnet50(image_hw, width)
    x = conv_bn_relu(encoder.output, 8 * width, "head")
    x = layers.Dropout(0.1, name="head_dropout")(x)
    x = layers.UpSampling2D(8, interpolation="bilinear", name="enlarged")(classify(x, num_classes))
    return keras.Model(encoder.input, x, name="fcn_resnet50")


@dataclasses.dataclass(frozen=True)
class Network:
    """How a network is built and what it takes.

    Attributes:
        build: `(image_hw, num_classes, width)` -> network.
        title: Name in tables and pages.
        pixels: Mean and standard deviation of its input, RGB.
        backbone: Name of its encoder for `load_imagenet`; empty without one.
        encoder_scales: Whether the encoder's channels follow `width`. Then published weights fit
            at `FULL_WIDTH` alone.
    """

    build: Callable[[Size, int, int], keras.Model]
    title: str
    pixels: tuple
    backbone: str = ""
    encoder_scales: bool = False


NETWORKS = {
    "unet": Network(unet, NETWORK_TITLES["unet"], IMAGENET_STATISTICS),
    "segnet": Network(segnet, NETWORK_TITLES["segnet"], IMAGENET_STATISTICS),
    "fcn": Network(
        fcn_resnet50,
        NETWORK_TITLES["fcn"],
        PIXEL_STATISTICS["resnet"],
        "resnet50",
        encoder_scales=True,
    ),
    "unet_lite0": Network(
        unet_lite0,
        NETWORK_TITLES["unet_lite0"],
        PIXEL_STATISTICS["efficientnet_lite"],
        "efficientnet_lite0",
    ),
}


@channels_last()
def build_network(
    name: str, size: int, num_classes: int, width: int, weights: str = "none"
) -> keras.Model:
    """Builds a network for square images.

    Args:
        name: A key of `NETWORKS`.
        size: Side of the input in pixels, a multiple of `MULTIPLE`.
        num_classes: Classes of the logits, the background included.
        width: Channels of the first level.
        weights: Where the encoder starts: "imagenet", "none", or a file of ResNet-50 weights.
            Networks with another encoder take "imagenet" in place of a file.

    Returns:
        The network: `(B, size, size, 3)` float32 -> logits `(B, size, size, num_classes)`.

    Raises:
        ValueError: The size is not a multiple of `MULTIPLE`, or the weights do not fit.
        OSError: The weights cannot be downloaded or read.
    """
    if size < MULTIPLE or size % MULTIPLE:
        low = max(MULTIPLE, size // MULTIPLE * MULTIPLE)
        raise ValueError(
            f"The size must be a multiple of {MULTIPLE} (the networks halve the image five times). "
            f"Got {size}; the nearest that work are {low} and {low + MULTIPLE}."
        )
    network = NETWORKS[name]
    model = network.build((size, size), num_classes, width)
    fits = width == FULL_WIDTH or not network.encoder_scales
    if network.backbone and weights != "none" and fits:
        if weights == "imagenet" or network.backbone != "resnet50":
            load_imagenet(model, network.backbone)
        else:
            load_file(model, weights)
    return model
