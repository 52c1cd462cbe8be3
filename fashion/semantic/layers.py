"""Layers that the networks share: convolution with batch normalisation, and invertible pooling.

Every layer with weights has a unique name, since weight files are keyed by layer names.
"""

from keras import layers, ops

from mrcnn.typing import Tensor

# Momentum of the moving statistics. A small data set has few steps: with Keras' 0.99 the
# validation scores would lag epochs behind.
MOMENTUM = 0.9


def conv_bn_relu(x: Tensor, filters: int, name: str, kernel_size: int = 3) -> Tensor:
    """Applies a convolution without bias, batch normalisation and ReLU.

    Args:
        x: `(B, H, W, C)` float32.
        filters: Channels of the result.
        name: Prefix of the names of the layers.
        kernel_size: Side of the kernel.

    Returns:
        `(B, H, W, filters)` float32.
    """
    x = layers.Conv2D(filters, kernel_size, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def classify(x: Tensor, num_classes: int, name: str = "logits") -> Tensor:
    """Applies a 1x1 convolution with a bias.

    Args:
        x: `(B, H, W, C)` float32.
        num_classes: Channels of the result.
        name: Name of the layer.

    Returns:
        `(B, H, W, num_classes)` logits.
    """
    return layers.Conv2D(num_classes, 1, name=name)(x)


def pool(x: Tensor) -> tuple[Tensor, Tensor]:
    """Max-pools 2x2 windows and remembers where each maximum was.

    Args:
        x: `(B, H, W, C)`; H and W are even and static.

    Returns:
        values: `(B, H / 2, W / 2, C)`.
        places: Same shape, int32 from 0 to 3, the pixel of the window, row by row. Of equal
            pixels the first one counts.
    """
    _, height, width, channels = x.shape
    windows = ops.reshape(x, (-1, height // 2, 2, width // 2, 2, channels))
    a, b, c, d = (windows[:, :, i, :, j] for i in (0, 1) for j in (0, 1))
    top, bottom = ops.maximum(a, b), ops.maximum(c, d)
    places = ops.where(top >= bottom, ops.where(a >= b, 0, 1), ops.where(c >= d, 2, 3))
    # Selected, not a maximum: the gradient of a maximum is shared among equal pixels.
    values = ops.where(top >= bottom, ops.where(a >= b, a, b), ops.where(c >= d, c, d))
    return values, ops.cast(places, "int32")


def unpool(values: Tensor, places: Tensor) -> Tensor:
    """Puts every value at its place in a window of 2x2 zeros; the inverse of `pool`.

    Needs no scatter, so it compiles on every backend.

    Args:
        values: `(B, H, W, C)`.
        places: `(B, H, W, C)` int32 from 0 to 3.

    Returns:
        `(B, 2 H, 2 W, C)`.
    """
    _, height, width, channels = values.shape
    zeros = ops.zeros_like(values)
    # `ops.equal`: the operator == compares a layer's symbolic output by identity.
    a, b, c, d = (ops.where(ops.equal(places, i), values, zeros) for i in range(4))
    rows = [ops.stack(pair, axis=3) for pair in ((a, b), (c, d))]  # (B, H, W, 2, C)
    return ops.reshape(ops.stack(rows, axis=2), (-1, 2 * height, 2 * width, channels))
