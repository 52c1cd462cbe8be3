"""ResNet-50 and ResNet-101 (v1) with Matterport's layer names, the schema of every checkpoint."""

import itertools
import re
from collections.abc import Callable

import keras
from keras import layers

from mrcnn.modeling.normalization import BatchNorm
from mrcnn.typing import Tensor

BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
WIDTHS = (64, 128, 256, 512)


def resnet(
    name: str = "resnet50", update_statistics: bool = False, channels: int = 3
) -> keras.Model:
    """Builds a ResNet (He et al. 2015, arXiv:1512.03385).

    The stride of a stage is in the first 1x1 convolution of its first block, as in the paper and in
    Matterport's code; torchvision has it in the 3x3 convolution.

    Args:
        name: "resnet50" or "resnet101".
        update_statistics: Whether training updates the statistics of batch normalisation.
        channels: Of the image.

    Returns:
        A model from `(B, H, W, channels)`, RGB minus the mean, to [C2, C3, C4, C5] at strides 4, 8,
        16, 32 with 256, 512, 1024, 2048 channels.
    """

    def bn(x, layer_name):
        return BatchNorm(update_statistics, name=layer_name)(x)

    # Layers without weights have the names that Keras gave to Matterport's: its weight files list
    # them, too.
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


def stage_of(layer_name: str) -> int | None:
    """Finds the stage that a layer belongs to.

    Args:
        layer_name: Of any layer.

    Returns:
        1 to 5, or None for layers of other families.
    """
    if layer_name in ("conv1", "bn_conv1"):
        return 1
    found = re.match(r"(?:res|bn)([2-5])[a-z]+_", layer_name)
    return int(found.group(1)) if found else None


def bottleneck(
    x: Tensor,
    block: str,
    widths: tuple[int, int, int],
    bn: Callable[[Tensor, str], Tensor],
    *,
    kernel_size: int = 3,
    strides: int = 1,
    projects: bool = False,
    use_bias: bool = True,
    names: tuple[str | None, str | None, str | None] = (None, None, None),
) -> Tensor:
    """Adds a residual block of three convolutions.

    Args:
        x: `(B, H, W, C)`, symbolic.
        block: For the names of layers, res<block>_branch2a and so on.
        widths: Channels of the three convolutions.
        bn: Normalises a tensor by a layer of a name.
        kernel_size: Of the middle convolution.
        strides: Of the first convolution.
        projects: Whether the shortcut is a 1x1 convolution.
        use_bias: Of the convolutions.
        names: Of the two activations and the addition.

    Returns:
        `(B, H', W', widths[2])`.
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
