"""Pieces for a backbone of one's own: Matterport's residual blocks, and the sizes of the maps that a backbone makes."""

import numpy as np

from mrcnn.modeling import normalization
from mrcnn.modeling.backbones.resnet import bottleneck


def identity_block(input_tensor, kernel_size, filters, stage, block, use_bias=True, train_bn=True):
    """A bottleneck whose shortcut is the input itself: (B, H, W, C) -> the same shape; C must be the last of `filters`.

    kernel_size: of the middle convolution; filters: channels of the three; stage: int, block: letter, for the layers' names,
    res<stage><block>_branch2a and so on; train_bn: False keeps BatchNorm's stored statistics
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
    input_tensor, kernel_size, filters, stage, block, strides=(2, 2), use_bias=True, train_bn=True
):
    """A bottleneck whose shortcut is a 1x1 convolution: (B, H, W, C) -> (B, H / strides, W / strides, filters[2]).

    strides: of the shortcut and of the first convolution; all else as in `identity_block`
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


def _remembering(train_bn):
    def bn(tensor, name):
        return BatchNorm(name=name)(tensor, training=train_bn)

    return bn


def compute_backbone_shapes(config, image_shape):
    """Sizes of the pyramid's levels for an input of `image_shape` (height, width, ...): (levels, 2) int, height and width in cells.

    A callable BACKBONE may bring its own rule, COMPUTE_BACKBONE_SHAPE; otherwise each side is divided by the strides, rounded up.
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
    """`mrcnn.modeling.normalization.BatchNorm` that is told by its first call, not when it is made, whether it learns statistics.

    BatchNorm(name="bn")(x, training=False) keeps the stored statistics for good, TRAIN_BN's False; with training=None or True, or
    nothing said, they are learned whenever the model trains.
    """

    def __init__(self, update_statistics=True, **kwargs):
        super().__init__(update_statistics, **kwargs)

    def __call__(self, inputs, *args, training=None, **kwargs):
        # In a functional model Keras 3 replaces a layer's training=False by the model's training=True, so it has to be remembered.
        if not self.built and training is not None:
            self.update_statistics = bool(training)
        return super().__call__(inputs, *args, training=training, **kwargs)
