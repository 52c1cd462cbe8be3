"""ConvNeXt-Tiny, -Small and -Base: the networks of keras.applications for detectors."""

import re
from typing import Any

import keras
from keras import layers, ops

from mrcnn.modeling.convolutions import ChannelwiseConv2D
from mrcnn.typing import Tensor

# The function of keras.applications that builds each, blocks of the four stages, and channels.
APPLICATIONS = {
    "convnext_tiny": "ConvNeXtTiny",
    "convnext_small": "ConvNeXtSmall",
    "convnext_base": "ConvNeXtBase",
}
BLOCKS = {
    "convnext_tiny": (3, 3, 9, 3),
    "convnext_small": (3, 3, 27, 3),
    "convnext_base": (3, 3, 27, 3),
}
WIDTHS = {
    "convnext_tiny": (96, 192, 384, 768),
    "convnext_small": (96, 192, 384, 768),
    "convnext_base": (128, 256, 512, 1024),
}
EPSILON = 1e-6


@keras.saving.register_keras_serializable(package="mrcnn")
class LayerScale(keras.layers.Layer):
    """A trained factor for each channel (Touvron et al. 2021, arXiv:2103.17239).

    Input:
        `(..., C)`.

    Output:
        As the input.
    """

    def build(self, input_shape: tuple) -> None:
        # Near 0, so that a fresh block changes nothing.
        self.gamma = self.add_weight(
            shape=(input_shape[-1],), initializer=keras.initializers.Constant(1e-6), name="gamma"
        )

    def call(self, inputs: Tensor) -> Tensor:
        return inputs * ops.cast(self.gamma, inputs.dtype)


def convnext(name: str, update_statistics: bool = False, channels: int = 3) -> keras.Model:
    """Builds a ConvNeXt (Liu et al. 2022, arXiv:2201.03545).

    As in the paper's detectors, each feature map is normalised before it leaves the network; here
    without a scale and a shift, which the 1 x 1 convolutions of the neck have. Three things differ
    from keras.applications: pixels are normalised outside, by the config's MEAN_PIXEL and
    PIXEL_STD; no block is skipped at random, so that a training step is a function of its batch;
    and its last normalisation is left out. Layer names are those of keras.applications.

    Args:
        name: A key of APPLICATIONS.
        update_statistics: Not used: layer normalisation has no statistics of the batch.
        channels: Of the image.

    Returns:
        A model from `(B, H, W, channels)`, normalised RGB, to [C2, C3, C4, C5] at strides 4, 8, 16,
        32.
    """
    image = keras.Input((None, None, channels), name="image")
    x, features = image, []
    for stage, (blocks, width) in enumerate(zip(BLOCKS[name], WIDTHS[name], strict=True)):
        if stage == 0:
            x = layers.Conv2D(width, 4, 4, name=f"{name}_stem_conv")(x)
            x = _norm(f"{name}_stem_layernorm")(x)
        else:
            x = _norm(f"{name}_downsampling_layernorm_{stage - 1}")(x)
            x = layers.Conv2D(width, 2, 2, name=f"{name}_downsampling_conv_{stage - 1}")(x)
        for index in range(blocks):
            x = _block(x, f"{name}_stage_{stage}_block_{index}", width)
        features.append(_norm(f"{name}_output_norm_{stage}", center=False, scale=False)(x))
    return keras.Model(image, features, name=name)


def _block(x: Tensor, name: str, width: int) -> Tensor:
    y = ChannelwiseConv2D(width, 7, padding="same", name=f"{name}_depthwise_conv")(x)
    y = _norm(f"{name}_layernorm")(y)
    y = layers.Dense(4 * width, name=f"{name}_pointwise_conv_1")(y)
    y = layers.Activation("gelu", name=f"{name}_gelu")(y)
    y = layers.Dense(width, name=f"{name}_pointwise_conv_2")(y)
    y = LayerScale(name=f"{name}_layer_scale")(y)
    return layers.Add(name=f"{name}_add")([x, y])


def _norm(name: str, **options: Any) -> keras.Layer:
    return layers.LayerNormalization(epsilon=EPSILON, name=name, **options)


def stage_of(layer_name: str) -> int | None:
    """Finds the stage that a layer belongs to.

    Args:
        layer_name: Of any layer.

    Returns:
        1 (the stem) to 5, or None for layers of other families.
    """
    found = re.match(
        r"convnext_[a-z]+_(?:(stem)_|(?:stage|output_norm)_(\d)|downsampling_[a-z]+_(\d))",
        layer_name,
    )
    if not found:
        return None
    stem, stage, downsampling = found.groups()
    if stem:
        return 1
    return int(stage) + 2 if stage else int(downsampling) + 3
