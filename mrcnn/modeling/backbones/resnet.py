"""ResNet-50 and ResNet-101 (v1) with Matterport's layer names, which are the schema of every published checkpoint."""
import itertools
import re

import keras
from keras import layers

from mrcnn.modeling.batch_norm import BatchNorm

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
    x = layers.ReLU(name=next(activations))(bn(layers.Conv2D(64, 7, 2, name="conv1")(x), "bn_conv1"))
    x = layers.MaxPooling2D(3, 2, padding="same", name="max_pooling2d")(x)
    features = []
    for stage, (blocks, width) in enumerate(zip(BLOCKS[name], WIDTHS, strict=True), start=2):
        for index in range(blocks):
            names = (f"{stage}{chr(ord('a') + index)}", next(activations), next(activations), next(additions))
            x = _bottleneck(x, names, width, 2 if index == 0 and stage > 2 else 1, index == 0, bn)
        features.append(x)
    return keras.Model(image, features, name=name)


def stage_of(layer_name):
    """The stage (1..5) a layer of this family belongs to; None for other layers."""
    if layer_name in ("conv1", "bn_conv1"):
        return 1
    found = re.match(r"(?:res|bn)([2-5])[a-z]+_", layer_name)
    return int(found.group(1)) if found else None


def _bottleneck(x, names, width, stride, projects, bn):
    block, first, second, addition = names
    y = layers.Conv2D(width, 1, stride, name=f"res{block}_branch2a")(x)
    y = layers.ReLU(name=first)(bn(y, f"bn{block}_branch2a"))
    y = layers.Conv2D(width, 3, padding="same", name=f"res{block}_branch2b")(y)
    y = layers.ReLU(name=second)(bn(y, f"bn{block}_branch2b"))
    y = bn(layers.Conv2D(4 * width, 1, name=f"res{block}_branch2c")(y), f"bn{block}_branch2c")
    if projects:
        x = bn(layers.Conv2D(4 * width, 1, stride, name=f"res{block}_branch1")(x), f"bn{block}_branch1")
    return layers.ReLU(name=f"res{block}_out")(layers.Add(name=addition)([y, x]))
