"""Pieces for a backbone of one's own: Matterport's residual blocks, and the sizes of the maps that a backbone makes."""
import numpy as np
from keras import layers

from mrcnn.legacy.batch_norm import BatchNorm


def identity_block(input_tensor, kernel_size, filters, stage, block, use_bias=True, train_bn=True):
    """A bottleneck whose shortcut is the input itself: (B, H, W, C) -> the same shape; C must be the last of `filters`.

    kernel_size: of the middle convolution; filters: channels of the three; stage: int, block: letter, for the layers' names,
    res<stage><block>_branch2a and so on; train_bn: False keeps BatchNorm's stored statistics
    """
    return _bottleneck(input_tensor, kernel_size, filters, f"{stage}{block}", 1, False, use_bias, train_bn)


def conv_block(input_tensor, kernel_size, filters, stage, block, strides=(2, 2), use_bias=True, train_bn=True):
    """A bottleneck whose shortcut is a 1x1 convolution: (B, H, W, C) -> (B, H / strides, W / strides, filters[2]).

    strides: of the shortcut and of the first convolution; all else as in `identity_block`
    """
    return _bottleneck(input_tensor, kernel_size, filters, f"{stage}{block}", strides, True, use_bias, train_bn)


def _bottleneck(x, kernel_size, filters, block, strides, projects, use_bias, train_bn):
    def normed(tensor, branch, channels, size, step=1):
        tensor = layers.Conv2D(channels, size, step, "same", use_bias=use_bias, name=f"res{block}_{branch}")(tensor)
        return BatchNorm(name=f"bn{block}_{branch}")(tensor, training=train_bn)

    first, second, third = filters
    y = layers.ReLU()(normed(x, "branch2a", first, 1, strides))
    y = layers.ReLU()(normed(y, "branch2b", second, kernel_size))
    y = normed(y, "branch2c", third, 1)
    shortcut = normed(x, "branch1", third, 1, strides) if projects else x
    return layers.ReLU(name=f"res{block}_out")(layers.Add()([y, shortcut]))


def compute_backbone_shapes(config, image_shape):
    """Sizes of the pyramid's levels for an input of `image_shape` (height, width, ...): (levels, 2) int, height and width in cells.

    A callable BACKBONE may bring its own rule, COMPUTE_BACKBONE_SHAPE; otherwise each side is divided by the strides, rounded up.
    """
    if callable(config.BACKBONE) and config.COMPUTE_BACKBONE_SHAPE is not None:
        return np.asarray(config.COMPUTE_BACKBONE_SHAPE(image_shape))
    height, width = image_shape[:2]
    return np.array([(-(-int(height) // stride), -(-int(width) // stride)) for stride in config.BACKBONE_STRIDES])
