"""Layers that the networks share: convolution with batch normalisation, and pooling that can be undone.

Every layer with weights has a name of its own, since weight files go by names.
"""

from keras import layers, ops

# Of the moving statistics: a small data set has few steps, and with Keras' 0.99 validation would lag epochs behind.
MOMENTUM = 0.9


def conv_bn_relu(x, filters, name, kernel_size=3):
    """(B, H, W, C) -> (B, H, W, filters): convolution without a bias, batch normalisation, ReLU."""
    x = layers.Conv2D(filters, kernel_size, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return layers.ReLU(name=f"{name}_relu")(
        layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(x)
    )


def classify(x, num_classes, name="logits"):
    """(B, H, W, C) -> (B, H, W, num_classes): a 1x1 convolution with a bias."""
    return layers.Conv2D(num_classes, 1, name=name)(x)


def pool(x):
    """Max pooling of 2x2 windows that remembers where each maximum was.

    x: (B, H, W, C), H and W even and known
    Returns: values (B, H / 2, W / 2, C), and places likewise, int32 0..3: which pixel of the window, row by row; of equal ones the first.
    """
    _, height, width, channels = x.shape
    windows = ops.reshape(x, (-1, height // 2, 2, width // 2, 2, channels))
    a, b, c, d = (windows[:, :, i, :, j] for i in (0, 1) for j in (0, 1))
    top, bottom = ops.maximum(a, b), ops.maximum(c, d)
    places = ops.where(top >= bottom, ops.where(a >= b, 0, 1), ops.where(c >= d, 2, 3))
    # Picked and not a maximum, whose gradient would be shared among equal pixels.
    values = ops.where(top >= bottom, ops.where(a >= b, a, b), ops.where(c >= d, c, d))
    return values, ops.cast(places, "int32")


def unpool(values, places):
    """The inverse of `pool`: every value at its place in a window of 2x2, zeros elsewhere. No scatter, so it compiles everywhere.

    values: (B, H, W, C); places: likewise, int32 0..3. Returns: (B, 2 H, 2 W, C).
    """
    _, height, width, channels = values.shape
    zeros = ops.zeros_like(values)
    a, b, c, d = (
        ops.where(ops.equal(places, i), values, zeros) for i in range(4)
    )  # ==, of a layer's output, asks which object it is
    rows = [ops.stack(pair, axis=3) for pair in ((a, b), (c, d))]  # (B, H, W, 2, C)
    return ops.reshape(ops.stack(rows, axis=2), (-1, 2 * height, 2 * width, channels))
