"""Convolutions that are matrix products: same weights, same results, many times faster on a CPU.

TensorFlow without oneDNN differentiates a convolution whose kernel covers its input by walking over
the padding: the 7 x 7 layer of the box head took 20 of the 24 seconds of a ResNet-50 training step.
Written as the product that it is, it takes .3 seconds.
"""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="mrcnn")
class CoveringConv2D(layers.Conv2D):
    """A convolution whose kernel is as large as its input: (R, h, w, C) -> (R, 1, 1, filters).

    Weights, names and file format are those of `Conv2D(filters, (h, w))`.
    """

    def __init__(self, filters: int, kernel_size: int | tuple[int, int], **kwargs):
        super().__init__(filters, kernel_size, **kwargs)

    def convolution_op(self, inputs, kernel):
        """The product of `inputs` (R, h, w, C) and `kernel` (h, w, C, filters)."""
        if tuple(inputs.shape[1:3]) != tuple(self.kernel_size):
            raise ValueError(
                f"The kernel of {self.name} must cover its input. Got inputs of "
                f"{tuple(inputs.shape[1:3])} cells for a kernel of {tuple(self.kernel_size)}."
            )
        rows = ops.reshape(inputs, (-1, kernel.shape[0] * kernel.shape[1] * kernel.shape[2]))
        products = ops.matmul(rows, ops.reshape(kernel, (rows.shape[1], self.filters)))
        return ops.reshape(products, (-1, 1, 1, self.filters))


@keras.saving.register_keras_serializable(package="mrcnn")
class BlockConv2DTranspose(layers.Conv2DTranspose):
    """A transposed convolution whose kernel is as large as its stride: every cell becomes a block.

    `call` takes (R, h, w, C) and leaves the cells of a block beside each other, as
    (R, h, w, size, size, filters); `merge_blocks` moves them to their places. What follows may be
    a 1 x 1 convolution, which commutes with moving cells and leaves fewer channels to move.
    Weights, names and file format are those of `Conv2DTranspose(filters, size, size)`.
    """

    def __init__(self, filters: int, size: int, **kwargs):
        super().__init__(filters, size, strides=size, **kwargs)

    def get_config(self):
        config = super().get_config()
        size = config.pop("strides")[0]
        for name in ("kernel_size", "padding", "output_padding", "dilation_rate"):
            config.pop(name, None)
        return config | {"size": size}

    def call(self, inputs):
        size, channels = self.strides[0], inputs.shape[-1]
        kernel = ops.reshape(self.kernel, (size * size * self.filters, channels))
        rows = ops.matmul(ops.reshape(inputs, (-1, channels)), ops.transpose(kernel))
        blocks = ops.reshape(rows, (-1, *inputs.shape[1:3], size, size, self.filters))
        blocks = ops.add(blocks, self.bias) if self.use_bias else blocks
        return self.activation(blocks)

    def compute_output_shape(self, input_shape):
        size = self.strides[0]
        return (*input_shape[:3], size, size, self.filters)

    compute_output_spec = keras.Layer.compute_output_spec


def merge_blocks(blocks):
    """Moves blocks of cells to their places: (R, h, w, n, n, C) -> (R, h * n, w * n, C)."""
    _, height, width, size, _, channels = blocks.shape
    ordered = ops.transpose(blocks, (0, 1, 3, 2, 4, 5))
    return ops.reshape(ordered, (-1, height * size, width * size, channels))


@keras.saving.register_keras_serializable(package="mrcnn")
class GroupedConv2D(layers.Conv2D):
    """Conv2D(groups=...), not padded: (B, H, W, C) -> (B, H', W', filters); kernel as Keras has it, (kh, kw, C / groups, filters).

    On accelerators it is Keras' own. A CPU has no fast gradient of a grouped convolution, on TensorFlow or on JAX: 0.6 to 2.3 s for
    32 x 32 cells of 256 channels in 32 groups. There, the kernel's cells are added up one by one, each a product of `groups` pairs of
    matrices: the same sum, 20 to 200 times as fast to train and no slower to predict with.
    """

    def __init__(self, filters, kernel_size, strides=1, *, groups, **kwargs):
        super().__init__(filters, kernel_size, strides, "valid", groups=groups, **kwargs)

    def get_config(self):
        config = super().get_config()
        del config["padding"]
        return config

    def convolution_op(self, inputs, kernel):
        if _accelerator():
            return super().convolution_op(inputs, kernel)
        return _grouped_conv(inputs, ops.convert_to_tensor(kernel), self.strides, self.groups)


def _grouped_conv(inputs, kernel, strides, groups):
    """inputs: (B, H, W, C); kernel: (kh, kw, C / groups, filters) -> (B, H', W', filters)."""
    batch, height, width, channels = *ops.shape(inputs)[:3], inputs.shape[-1]
    kernel_h, kernel_w, incoming, filters = kernel.shape
    out_h, out_w = (
        (n - k) // step + 1
        for n, k, step in zip((height, width), (kernel_h, kernel_w), strides, strict=True)
    )
    by_group = ops.transpose(
        ops.reshape(inputs, (batch, height, width, groups, channels // groups)), (3, 0, 1, 2, 4)
    )
    kernel = ops.transpose(
        ops.reshape(kernel, (kernel_h, kernel_w, incoming, groups, filters // groups)),
        (0, 1, 3, 2, 4),
    )
    total = 0.0
    for i in range(kernel_h):
        for j in range(kernel_w):
            seen = by_group[
                :,
                :,
                i : i + (out_h - 1) * strides[0] + 1 : strides[0],
                j : j + (out_w - 1) * strides[1] + 1 : strides[1],
            ]
            total = total + ops.matmul(ops.reshape(seen, (groups, -1, incoming)), kernel[i, j])
    total = ops.reshape(total, (groups, batch, out_h, out_w, filters // groups))
    return ops.reshape(ops.transpose(total, (1, 2, 3, 0, 4)), (batch, out_h, out_w, filters))


def _accelerator():
    return any(
        not str(device).lower().startswith("cpu") for device in keras.distribution.list_devices()
    )
