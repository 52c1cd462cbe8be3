"""What TensorFlow can do better in a plain graph than in one that XLA compiles.

XLA needs shapes that are known beforehand, so the mask head trains on as many rows as there may be
positive RoIs. In a plain graph the rows can be those that are positive. And without oneDNN, which
TensorFlow switches on by itself only where a CPU has AVX-512 VNNI, gradients of convolutions run at
less than half the speed of the convolutions that compute the same sums (AMD EPYC 9005, two cores,
84 x 14 x 14 x 256: 154 of 398 GFLOP/s). Both are the same arithmetic, for `Detector.train_step`
alone; eager steps, XLA and other backends do without.
"""

import contextlib
import contextvars
import functools
from collections.abc import Iterator

import keras
from keras import layers, ops

from mrcnn.typing import Tensor

_PLAIN = contextvars.ContextVar("plain_graph", default=False)


@contextlib.contextmanager
def plain_graph(plain: bool) -> Iterator[None]:
    """Declares whether XLA compiles what is traced inside.

    Args:
        plain: True if it does not.

    Yields:
        Nothing.
    """
    token = _PLAIN.set(plain)
    try:
        yield
    finally:
        _PLAIN.reset(token)


def in_plain_graph() -> bool:
    """Returns whether a TensorFlow graph is being traced that XLA does not compile.

    Returns:
        False in eager code, under XLA and on other backends.
    """
    if not _PLAIN.get() or keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.executing_eagerly()


def convolve(
    layer: layers.Conv2D, inputs: Tensor, kernel: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Convolves as a layer does, but with another kernel and bias, and without its activation.

    Args:
        layer: Gives the strides, the padding and the kind of convolution.
        inputs: `(B, H, W, C)`, dtype of the kernel.
        kernel: Shaped as the layer's.
        bias: `(filters,)` or None.

    Returns:
        `(B, H', W', filters)`.
    """
    if in_plain_graph() and not _onednn() and _differentiable(layer):
        if layer.kernel_size == (1, 1) and layer.strides != (1, 1):
            inputs = inputs[:, :: layer.strides[0], :: layer.strides[1]]
        bias = ops.zeros((kernel.shape[-1],), inputs.dtype) if bias is None else bias
        return _same_conv()(inputs, kernel, bias)
    outputs = layer.convolution_op(inputs, kernel)
    return outputs if bias is None else ops.add(outputs, bias)


@keras.saving.register_keras_serializable(package="mrcnn")
class PlainConv2D(layers.Conv2D):
    """`keras.layers.Conv2D` with the gradients of `convolve`."""

    def call(self, inputs: Tensor) -> Tensor:
        bias = ops.convert_to_tensor(self.bias) if self.use_bias else None
        return self.activation(convolve(self, inputs, ops.convert_to_tensor(self.kernel), bias))


def _differentiable(layer):
    """Whether a gradient of the layer is a forward convolution: odd kernels, steps of one."""
    if type(layer) not in (layers.Conv2D, PlainConv2D):
        return False
    if layer.groups != 1 or layer.dilation_rate != (1, 1) or layer.data_format != "channels_last":
        return False
    if layer.kernel_size == (1, 1):
        return True
    odd = all(side % 2 == 1 for side in layer.kernel_size)
    return odd and layer.strides == (1, 1) and layer.padding == "same"


@functools.cache
def _onednn():
    import tensorflow as tf

    try:
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:  # a TensorFlow that says nothing: leave all as it is
        return True
    return bool(_pywrap_util_port.IsMklEnabled() or tf.config.list_physical_devices("GPU"))


@functools.cache
def _same_conv():
    import tensorflow as tf

    @tf.custom_gradient
    def same_conv(inputs, kernel, bias):
        scope = f"gradient_tape/{tf.get_current_name_scope()}/"

        def gradient(upstream):
            with tf.name_scope(scope):  # so that profiles show the layer
                return of(upstream)

        def of(upstream):
            mirrored = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
            of_inputs = tf.nn.conv2d(upstream, mirrored, 1, "SAME")
            if kernel.shape[:2] == (1, 1):
                cells = tf.reshape(inputs, (-1, inputs.shape[-1]))
                of_cells = tf.reshape(upstream, (-1, upstream.shape[-1]))
                of_kernel = tf.matmul(cells, of_cells, transpose_a=True)
            else:
                of_kernel = tf.raw_ops.Conv2DBackpropFilter(
                    input=inputs,
                    filter_sizes=tf.shape(kernel),
                    out_backprop=upstream,
                    strides=[1, 1, 1, 1],
                    padding="SAME",
                )
            of_bias = tf.raw_ops.BiasAddGrad(out_backprop=upstream)
            return of_inputs, tf.reshape(of_kernel, kernel.shape), of_bias

        return tf.nn.bias_add(tf.nn.conv2d(inputs, kernel, 1, "SAME"), bias), gradient

    return same_conv
