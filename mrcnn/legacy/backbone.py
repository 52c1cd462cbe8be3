"""Parts for callable backbones: Matterport's residual blocks, its BatchNorm, sizes of maps."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.modeling import normalization
from mrcnn.modeling.backbones.resnet import bottleneck
from mrcnn.typing import Array, Tensor


def identity_block(
    input_tensor: Tensor,
    kernel_size: int,
    filters: tuple[int, int, int],
    stage: int,
    block: str,
    use_bias: bool = True,
    train_bn: bool | None = True,
) -> Tensor:
    """Builds a bottleneck block whose shortcut is the input (He et al., 2015).

    Args:
        input_tensor: `(B, H, W, C)`, C equal to the last of `filters`.
        kernel_size: Of the middle convolution.
        filters: Channels of the three convolutions.
        stage: For layer names, res<stage><block>_branch2a and so on.
        block: A letter, for layer names.
        use_bias: Of the convolutions.
        train_bn: False keeps the stored statistics of BatchNorm.

    Returns:
        `(B, H, W, C)`.
    """
    return bottleneck(
        input_tensor,
        f"{stage}{block}",
        filters,
        _remembering(train_bn),
        kernel_size=kernel_size,
        use_bias=use_bias,
    )


def conv_block(
    input_tensor: Tensor,
    kernel_size: int,
    filters: tuple[int, int, int],
    stage: int,
    block: str,
    strides: Any = (2, 2),
    use_bias: bool = True,
    train_bn: bool | None = True,
) -> Tensor:
    """Builds a bottleneck block whose shortcut is a 1x1 convolution (He et al., 2015).

    Args:
        input_tensor: `(B, H, W, C)`.
        kernel_size: Of the middle convolution.
        filters: Channels of the three convolutions.
        stage: For layer names, res<stage><block>_branch2a and so on.
        block: A letter, for layer names.
        strides: Of the shortcut and of the first convolution.
        use_bias: Of the convolutions.
        train_bn: False keeps the stored statistics of BatchNorm.

    Returns:
        `(B, H / strides[0], W / strides[1], filters[2])`.
    """
    return bottleneck(
        input_tensor,
        f"{stage}{block}",
        filters,
        _remembering(train_bn),
        kernel_size=kernel_size,
        strides=strides,
        projects=True,
        use_bias=use_bias,
    )


def _remembering(train_bn: bool | None) -> Callable[[Tensor, str], Tensor]:
    def bn(tensor: Tensor, name: str) -> Tensor:
        return BatchNorm(name=name)(tensor, training=train_bn)

    return bn


def compute_backbone_shapes(config: Config, image_shape: Sequence[int]) -> Array:
    """Computes the sizes of the pyramid's levels.

    Args:
        config: BACKBONE_STRIDES are read; for a callable BACKBONE, COMPUTE_BACKBONE_SHAPE.
        image_shape: (height, width, ...) of the network input.

    Returns:
        `(levels, 2)` int, height and width in cells, rounded up.
    """
    if callable(config.BACKBONE) and config.COMPUTE_BACKBONE_SHAPE is not None:
        return np.asarray(config.COMPUTE_BACKBONE_SHAPE(image_shape))
    height, width = image_shape[:2]
    return np.array(
        [
            (-(-int(height) // stride), -(-int(width) // stride))
            for stride in config.BACKBONE_STRIDES
        ]
    )


class BatchNorm(normalization.BatchNorm):
    """BatchNorm as Matterport's code calls it: its first call decides about its statistics.

    `BatchNorm(name="bn")(x, training=False)` keeps the stored statistics for good, as with TRAIN_BN
    False. With training=None or True, they are updated whenever the model trains.

    Args:
        update_statistics: Whether statistics are updated, unless the first call decides.
        **kwargs: Of the base class.
    """

    def __init__(self, update_statistics: bool = True, **kwargs: Any) -> None:
        super().__init__(update_statistics, **kwargs)

    def __call__(
        self, inputs: Tensor, *args: Any, training: bool | None = None, **kwargs: Any
    ) -> Tensor:
        # In a functional model Keras 3 replaces a layer's training=False by the model's
        # training=True, so it has to be remembered.
        if not self.built and training is not None:
            self.update_statistics = bool(training)
        return super().__call__(inputs, *args, training=training, **kwargs)
