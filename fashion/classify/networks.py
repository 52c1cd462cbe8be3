"""Networks: the three classifiers of the report, with one, two and three convolutions."""

import math

import keras
from keras import layers

from fashion.classify.data import CLASSES, IMAGE_HW
from mrcnn.modeling.devices import channels_last

FILTERS = (32, 64, 128)
NETWORKS = {"one": 1, "two": 2, "three": 3}  # convolutions
# Trainable parameters, as the report gives them.
PARAMETERS = {"one": 173_738, "two": 515_146, "three": 1_421_194}


@channels_last()
def build(network: str, dropout: tuple[float, float] = (0.25, 0.25)) -> keras.Model:
    """Builds a classifier.

    3x3 convolutions of 32, 64 and 128 filters without padding, one 2x2 max pooling behind the
    first, and a dense layer as wide as the last convolution. These sizes follow from the report's
    numbers of parameters, which leave the places of dropout open.

    Args:
        network: A key of `NETWORKS`.
        dropout: Dropout rates before the hidden dense layer and before the last one.

    Returns:
        Images `(B, 28, 28)` uint8 -> logits `(B, 10)` float32.
    """
    x = image = keras.Input(IMAGE_HW, dtype="uint8", name="image")
    x = layers.Rescaling(1 / 255, name="rescale")(layers.Reshape((*IMAGE_HW, 1), name="channel")(x))
    filters = FILTERS[: NETWORKS[network]]
    for i, count in enumerate(filters, 1):
        x = layers.Conv2D(count, 3, activation="relu", name=f"conv{i}")(x)
        if i == 1:
            x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.Dropout(dropout[0], name="dropout1")(layers.Flatten(name="flat")(x))
    x = layers.Dense(filters[-1], activation="relu", name="hidden")(x)
    x = layers.Dropout(dropout[1], name="dropout2")(x)
    return keras.Model(image, layers.Dense(len(CLASSES), name="logits")(x), name=network)


def multiply_adds(model: keras.Model) -> int:
    """Counts the multiply-adds of one image.

    Args:
        model: Network of convolutions and dense layers.

    Returns:
        Weights of each kernel, times the places that it is applied at.
    """
    return sum(
        math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1])
        for layer in model.layers
        if hasattr(layer, "kernel")
    )
