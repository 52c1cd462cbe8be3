"""Networks: the three of the report, with one, two and three convolutions."""

import math

import keras
from keras import layers

from fashion.classify.data import CLASSES, IMAGE_HW
from mrcnn.modeling.devices import channels_last

FILTERS = (32, 64, 128)
NETWORKS = {"one": 1, "two": 2, "three": 3}  # convolutions
PARAMETERS = {
    "one": 173_738,
    "two": 515_146,
    "three": 1_421_194,
}  # trainable, as the report gives them


@channels_last()
def build(network, dropout=(0.25, 0.25)):
    """A keras.Model: images (B, 28, 28) uint8 -> logits (B, 10) float32.

    3 x 3 convolutions of 32, 64 and 128 filters without padding, one 2 x 2 max-pooling behind the first, then a dense layer as wide as
    the last convolution has filters. These sizes follow from the report's numbers of parameters; they leave the places of dropout open.
    dropout: shares set to 0 of what enters the hidden dense layer and the last one
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


def multiply_adds(model):
    """Multiply-adds of one image: each weight of a kernel once for every place that it is applied at."""
    return sum(
        math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1])
        for layer in model.layers
        if hasattr(layer, "kernel")
    )
