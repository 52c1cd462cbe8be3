"""ResNeXt-50 32x4d and ResNeXt-101 32x8d: ResNets whose 3x3 convolutions run in 32 groups."""

import keras
from keras import layers

from mrcnn.modeling.backbones.resnet import BLOCKS, WIDTHS
from mrcnn.modeling.convolutions import GroupedConv2D
from mrcnn.modeling.normalization import BatchNorm

GROUPS = 32
# The ResNet whose blocks each has, and the channels of a group in stage 2.
VARIANTS = {"resnext50_32x4d": ("resnet50", 4), "resnext101_32x8d": ("resnet101", 8)}


def resnext(
    name: str = "resnext50_32x4d", update_statistics: bool = False, channels: int = 3
) -> keras.Model:
    """Builds a ResNeXt (Xie et al. 2017, arXiv:1611.05431).

    It is the network that torchvision and Detectron2 publish weights of: the stride of a stage is
    in the 3x3 convolution of its first block, padding is the same on both sides, and convolutions
    have no bias. Layers have the names of our ResNets.

    Args:
        name: "resnext50_32x4d" or "resnext101_32x8d".
        update_statistics: Whether training updates the statistics of batch normalisation.
        channels: Of the image.

    Returns:
        A model from `(B, H, W, channels)`, RGB less ImageNet's mean over its deviation, to [C2, C3,
        C4, C5] at strides 4, 8, 16, 32 with 256, 512, 1024, 2048 channels.
    """

    def bn(x, layer_name):
        return BatchNorm(update_statistics, name=layer_name)(x)

    blocks, group_width = VARIANTS[name]
    image = keras.Input((None, None, channels), name="input_image")
    x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
    x = layers.ReLU(name="conv1_relu")(
        bn(layers.Conv2D(64, 7, 2, use_bias=False, name="conv1")(x), "bn_conv1")
    )
    # Zero padding is safe for a maximum: activations are not negative after ReLU.
    x = layers.MaxPooling2D(3, 2, name="pool1")(layers.ZeroPadding2D(1, name="pool1_pad")(x))
    features = []
    for stage, (count, width) in enumerate(zip(BLOCKS[blocks], WIDTHS, strict=True), start=2):
        for index in range(count):
            x = _block(
                x,
                f"{stage}{chr(ord('a') + index)}",
                GROUPS * group_width * width // WIDTHS[0],
                4 * width,
                bn,
                projects=index == 0,
                strides=2 if index == 0 and stage > 2 else 1,
            )
        features.append(x)
    return keras.Model(image, features, name=name)


def _block(x, block, width, width_out, bn, *, projects, strides):
    """`resnet.bottleneck` with its middle convolution in groups, and the stride there."""

    def normed(tensor, branch, width, size, step=1, kind=layers.Conv2D, **options):
        return bn(
            kind(width, size, step, use_bias=False, name=f"res{block}_{branch}", **options)(tensor),
            f"bn{block}_{branch}",
        )

    y = layers.ReLU(name=f"res{block}_relu1")(normed(x, "branch2a", width, 1))
    y = layers.ZeroPadding2D(1, name=f"res{block}_pad")(y)
    y = normed(y, "branch2b", width, 3, strides, GroupedConv2D, groups=GROUPS)
    y = normed(layers.ReLU(name=f"res{block}_relu2")(y), "branch2c", width_out, 1)
    if projects:
        x = normed(x, "branch1", width_out, 1, strides)
    return layers.ReLU(name=f"res{block}_out")(layers.Add(name=f"res{block}_add")([y, x]))
