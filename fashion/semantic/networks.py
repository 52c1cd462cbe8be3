"""Networks: by name, with the pixels that each wants and the weights that it may start from."""

import dataclasses
from collections.abc import Callable

from fashion.semantic.encoders import FULL_WIDTH
from fashion.semantic.fcn import fcn_resnet50
from fashion.semantic.segnet import segnet
from fashion.semantic.unet import unet, unet_lite0
from mrcnn.config import IMAGENET_STATISTICS, PIXEL_STATISTICS
from mrcnn.modeling.backbones.pretrained import load_file, load_imagenet

MULTIPLE = (
    32  # of which height and width must be: SegNet and the backbones halve a picture five times
)


@dataclasses.dataclass(frozen=True)
class Network:
    """build: callable (image_hw, num_classes, width) -> keras.Model; title: for people; pixels: (mean, std) of its input, RGB
    backbone: its encoder, as `load_imagenet` calls it; "" where everything starts anew
    encoder_scales: whether the encoder follows the width, so that published weights fit at `FULL_WIDTH` alone
    """

    build: Callable
    title: str
    pixels: tuple
    backbone: str = ""
    encoder_scales: bool = False


NETWORKS = {
    "unet": Network(unet, "U-Net", IMAGENET_STATISTICS),
    "segnet": Network(segnet, "SegNet", IMAGENET_STATISTICS),
    "fcn": Network(
        fcn_resnet50, "FCN-ResNet50", PIXEL_STATISTICS["resnet"], "resnet50", encoder_scales=True
    ),
    "unet_lite0": Network(
        unet_lite0, "U-Net on Lite0", PIXEL_STATISTICS["efficientnet_lite"], "efficientnet_lite0"
    ),
}


def build_network(name, size, num_classes, width, weights="none"):
    """A network of NETWORKS for pictures of size x size: (B, size, size, 3) -> logits (B, size, size, num_classes).

    weights: of an encoder: "imagenet" or "none"; or a file of ResNet-50's weights, which stands for "imagenet" where that is the encoder
    Raises ValueError for a size that the network cannot halve often enough; what the loaders of weights raise.
    """
    if size < MULTIPLE or size % MULTIPLE:
        low = max(MULTIPLE, size // MULTIPLE * MULTIPLE)
        raise ValueError(
            f"The size must be a multiple of {MULTIPLE} (the networks halve a picture five times). Got {size}; the nearest "
            f"that work are {low} and {low + MULTIPLE}."
        )
    network = NETWORKS[name]
    model = network.build((size, size), num_classes, width)
    if (
        network.backbone
        and weights != "none"
        and (width == FULL_WIDTH or not network.encoder_scales)
    ):
        if weights == "imagenet" or network.backbone != "resnet50":
            load_imagenet(model, network.backbone)
        else:
            load_file(model, weights)
    return model
