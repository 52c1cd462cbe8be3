"""Convolutions that a CPU can train: the weights and results of Keras' layers, many times faster.

Each is written as the matrix product that it is. TensorFlow without oneDNN differentiates a
convolution whose kernel covers its input by walking over the padding: the 7 x 7 layer of the box
head took 20 of the 24 seconds of a ResNet-50 training step, and takes .3 seconds as a product.
"""

from typing import Any

import keras
from keras import layers, ops

from mrcnn.typing import Tensor


@keras.saving.register_keras_serializable(package="mrcnn")
class CoveringConv2D(layers.Conv2D):
    """A convolution whose kernel is as large as its input.

    Weights, names and file format are those of `Conv2D(filters, kernel_size)`.

    Args:
        filters: Number of output channels.
        kernel_size: Side or (height, width) of the kernel, and so of the input.
        **kwargs: As of `keras.layers.Conv2D`.

    Input:
        `(R, h, w, C)`.

    Output:
        `(R, 1, 1, filters)`.
    """

    def __init__(self, filters: int, kernel_size: int | tuple[int, int], **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, **kwargs)

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Multiplies the flattened input and kernel; Keras calls this.

        Args:
            inputs: `(R, h, w, C)`.
            kernel: `(h, w, C, filters)`, dtype of the inputs.

        Returns:
            `(R, 1, 1, filters)`.

        Raises:
            ValueError: The kernel does not cover the input.
        """
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

    The cells of a block stay together; `merge_blocks` moves them to their places. A 1 x 1
    convolution that follows commutes with that move and leaves fewer channels to move. Weights,
    names and file format are those of `Conv2DTranspose(filters, size, size)`.

    Args:
        filters: Number of output channels.
        size: Side of a block.
        **kwargs: As of `keras.layers.Conv2DTranspose`.

    Input:
        `(R, h, w, C)`.

    Output:
        `(R, h, w, size, size, filters)`.
    """

    def __init__(self, filters: int, size: int, **kwargs: Any) -> None:
        super().__init__(filters, size, strides=size, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        size = config.pop("strides")[0]
        for name in ("kernel_size", "padding", "output_padding", "dilation_rate"):
            config.pop(name, None)
        return config | {"size": size}

    def call(self, inputs: Tensor) -> Tensor:
        size, channels = self.strides[0], inputs.shape[-1]
        # Windows of a stride equal to the kernel do not overlap, so this is a matrix product.
        kernel = ops.reshape(self.kernel, (size * size * self.filters, channels))
        rows = ops.matmul(ops.reshape(inputs, (-1, channels)), ops.transpose(kernel))
        blocks = ops.reshape(rows, (-1, *inputs.shape[1:3], size, size, self.filters))
        blocks = ops.add(blocks, self.bias) if self.use_bias else blocks
        return self.activation(blocks)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        size = self.strides[0]
        return (*input_shape[:3], size, size, self.filters)

    # Conv2DTranspose overrides it for the shape that `merge_blocks` makes.
    compute_output_spec = keras.Layer.compute_output_spec


def merge_blocks(blocks: Tensor) -> Tensor:
    """Moves blocks of cells to their places.

    Args:
        blocks: `(R, h, w, n, n, C)`.

    Returns:
        `(R, h * n, w * n, C)`.
    """
    _, height, width, size, _, channels = blocks.shape
    ordered = ops.transpose(blocks, (0, 1, 3, 2, 4, 5))
    return ops.reshape(ordered, (-1, height * size, width * size, channels))


@keras.saving.register_keras_serializable(package="mrcnn")
class GroupedConv2D(layers.Conv2D):
    """A convolution in groups of channels, without padding.

    Accelerators run Keras' own. A CPU has no fast gradient of a grouped convolution, on TensorFlow
    or on JAX: 0.6 to 2.3 s for 32 x 32 cells of 256 channels in 32 groups. There, the cells of the
    kernel are added up one by one, each a product of `groups` pairs of matrices: the same sum, 20
    to 200 times as fast to train and no slower to predict with.

    Args:
        filters: Number of output channels.
        kernel_size: Side or (height, width) of the kernel.
        strides: Cells between two windows.
        groups: Number of groups that the channels are split into.
        **kwargs: As of `keras.layers.Conv2D`.

    Input:
        `(B, H, W, C)`.

    Output:
        `(B, H', W', filters)`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = 1,
        *,
        groups: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, kernel_size, strides, "valid", groups=groups, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["padding"]
        return config

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Convolves; Keras calls this.

        Args:
            inputs: `(B, H, W, C)`.
            kernel: `(kh, kw, C / groups, filters)`, dtype of the inputs.

        Returns:
            `(B, H', W', filters)`.
        """
        if _has_accelerator():
            return super().convolution_op(inputs, kernel)
        return _grouped_conv(inputs, ops.convert_to_tensor(kernel), self.strides, self.groups)


@keras.saving.register_keras_serializable(package="mrcnn")
class ChannelwiseConv2D(layers.Conv2D):
    """A convolution of each channel by itself, with the weights of `Conv2D(groups=channels)`.

    keras.applications writes the 7 x 7 layers of ConvNeXt as convolutions in groups of one channel.
    Computed as a depthwise convolution, they can be trained on a CPU.

    Args:
        filters: Number of channels, of the input and of the output.
        kernel_size: Side or (height, width) of the kernel.
        **kwargs: As of `keras.layers.Conv2D`; `groups` is `filters`.

    Input:
        `(B, H, W, filters)`.

    Output:
        `(B, H', W', filters)`.
    """

    def __init__(self, filters: int, kernel_size: int | tuple[int, int], **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, **(kwargs | {"groups": filters}))

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Convolves; Keras calls this.

        Args:
            inputs: `(B, H, W, filters)`.
            kernel: `(kh, kw, 1, filters)`, dtype of the inputs.

        Returns:
            `(B, H', W', filters)`.
        """
        depthwise = ops.transpose(ops.convert_to_tensor(kernel), (0, 1, 3, 2))
        return ops.depthwise_conv(
            inputs, depthwise, self.strides, self.padding, data_format="channels_last"
        )


def _grouped_conv(inputs, kernel, strides, groups):
    """(B, H, W, C) and (kh, kw, C / groups, filters) -> (B, H', W', filters)."""
    batch, height, width, _ = ops.shape(inputs)
    channels = inputs.shape[-1]
    kernel_h, kernel_w, incoming, filters = kernel.shape
    step_y, step_x = strides
    out_h, out_w = (height - kernel_h) // step_y + 1, (width - kernel_w) // step_x + 1
    by_group = ops.transpose(
        ops.reshape(inputs, (batch, height, width, groups, channels // groups)), (3, 0, 1, 2, 4)
    )
    kernel = ops.transpose(
        ops.reshape(kernel, (kernel_h, kernel_w, incoming, groups, filters // groups)),
        (0, 1, 3, 2, 4),
    )
    # One product for each cell of the kernel, nine in ResNeXt, without an im2col table.
    total = 0.0
    for i in range(kernel_h):
        for j in range(kernel_w):
            rows = slice(i, i + (out_h - 1) * step_y + 1, step_y)
            columns = slice(j, j + (out_w - 1) * step_x + 1, step_x)
            cells = ops.reshape(by_group[:, :, rows, columns], (groups, -1, incoming))
            total = total + ops.matmul(cells, kernel[i, j])
    total = ops.reshape(total, (groups, batch, out_h, out_w, filters // groups))
    return ops.reshape(ops.transpose(total, (1, 2, 3, 0, 4)), (batch, out_h, out_w, filters))


def _has_accelerator():
    devices = keras.distribution.list_devices()
    return any(not str(device).lower().startswith("cpu") for device in devices)
