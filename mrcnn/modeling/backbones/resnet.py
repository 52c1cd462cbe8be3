"""ResNet-50 and ResNet-101 (v1) with Matterport's layer names, which are the schema of every published checkpoint."""

import itertools
import re

import keras
from keras import layers

from mrcnn.modeling.normalization import BatchNorm

BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
WIDTHS = (64, 128, 256, 512)


def resnet(name, update_statistics=False, channels=3):
    """A ResNet (He et al. 2015) as a Keras model: (B, H, W, 3) RGB minus the mean -> [C2, C3, C4, C5].

    name: "resnet50" or "resnet101". Channels are 256, 512, 1024, 2048 at strides 4, 8, 16, 32. The stride of a stage sits in the
    first 1x1 convolution of its first block, as in the original paper.
    """

    def bn(x, layer_name):
        return BatchNorm(update_statistics, name=layer_name)(x)

    # Layers without weights bear the names that Keras gave to Matterport's, since its weight files list them, too.
    activations = (f"activation_{i}" if i else "activation" for i in itertools.count())
    additions = (f"add_{i}" if i else "add" for i in itertools.count())
    image = keras.Input((None, None, channels), name="input_image")
    x = layers.ZeroPadding2D(3, name="zero_padding2d")(image)
    x = layers.ReLU(name=next(activations))(
        bn(layers.Conv2D(64, 7, 2, name="conv1")(x), "bn_conv1")
    )
    x = layers.MaxPooling2D(3, 2, padding="same", name="max_pooling2d")(x)
    features = []
    for stage, (blocks, width) in enumerate(zip(BLOCKS[name], WIDTHS, strict=True), start=2):
        for index in range(blocks):
            x = bottleneck(
                x,
                f"{stage}{chr(ord('a') + index)}",
                (width, width, 4 * width),
                bn,
                projects=index == 0,
                strides=2 if index == 0 and stage > 2 else 1,
                names=(next(activations), next(activations), next(additions)),
            )
        features.append(x)
    return keras.Model(image, features, name=name)


def stage_of(layer_name):
    """The stage (1..5) a layer of this family belongs to; None for other layers."""
    if layer_name in ("conv1", "bn_conv1"):
        return 1
    found = re.match(r"(?:res|bn)([2-5])[a-z]+_", layer_name)
    return int(found.group(1)) if found else None


def bottleneck(
    x,
    block,
    widths,
    bn,
    *,
    kernel_size=3,
    strides=1,
    projects=False,
    use_bias=True,
    names=(None, None, None),
):
    """A residual block of three convolutions; its stride sits in the first of them, as in the original paper.

    block: for the layers' names, res<block>_branch2a and so on; widths: channels of the three; bn: callable (tensor, layer name);
    kernel_size: of the middle one; projects: the shortcut is a 1x1 convolution; names: of the two activations and the addition
    """

    def normed(tensor, branch, width, size, step=1):
        tensor = layers.Conv2D(
            width, size, step, "same", use_bias=use_bias, name=f"res{block}_{branch}"
        )(tensor)
        return bn(tensor, f"bn{block}_{branch}")

    first, second, addition = names
    y = layers.ReLU(name=first)(normed(x, "branch2a", widths[0], 1, strides))
    y = layers.ReLU(name=second)(normed(y, "branch2b", widths[1], kernel_size))
    y = normed(y, "branch2c", widths[2], 1)
    if projects:
        x = normed(x, "branch1", widths[2], 1, strides)
    return layers.ReLU(name=f"res{block}_out")(layers.Add(name=addition)([y, x]))
