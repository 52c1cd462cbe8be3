"""Convolution and batch normalisation as one: where statistics are fixed, the kernel absorbs them.

A frozen `BatchNorm` multiplies and shifts every activation, and its backward pass reads them all
again. Folded into the kernel, the same numbers cost one pass over the weights. Gradients reach
gamma and beta through the folded kernel; they are the same sums in another sequence.
"""

import inspect

import keras
from keras import layers, ops

from mrcnn.modeling.grouped_conv import GroupedConv2D
from mrcnn.modeling.plain_graphs import PlainConv2D, convolve

FOLDABLE = (layers.Conv2D, layers.DepthwiseConv2D, GroupedConv2D, PlainConv2D)


class ConvNorm(keras.layers.Layer):
    """`norm(conv(inputs))`, computed as one convolution unless the batch's statistics are needed.

    Args:
        conv: A layer of one of the types FOLDABLE, without an activation.
        norm: A `BatchNormalization` over the last axis.
    """

    def __init__(self, conv: keras.Layer, norm: keras.Layer, **kwargs):
        # Without autocast: the kernel is folded in float32, then rounded once to the conv's type.
        super().__init__(dtype="float32", autocast=False, **kwargs)
        self.conv, self.norm = conv, norm

    def build(self, input_shape):
        if not self.conv.built:
            self.conv.build(input_shape)
        if not self.norm.built:
            self.norm.build(self.conv.compute_output_shape(input_shape))

    def call(self, inputs, training=False, used=None):
        if training and self.norm.trainable and getattr(self.norm, "update_statistics", True):
            options = {} if used is None else {"used": used}
            return self.norm(self.conv(inputs), training=True, **options)
        conv, norm = self.conv, self.norm
        scale = ops.rsqrt(ops.add(norm.moving_variance, norm.epsilon))
        scale = scale * norm.gamma if norm.scale else scale
        shift = -norm.moving_mean * scale
        shift = shift + norm.beta if norm.center else shift
        shift = shift + conv.bias * scale if conv.use_bias else shift
        dtype = conv.compute_dtype
        inputs, shift = ops.cast(inputs, dtype), ops.cast(shift, dtype)
        if isinstance(conv, layers.DepthwiseConv2D):
            kernel = ops.cast(conv.kernel * ops.reshape(scale, conv.kernel.shape[2:]), dtype)
            outputs = ops.depthwise_conv(
                inputs,
                kernel,
                conv.strides,
                conv.padding,
                data_format=conv.data_format,
                dilation_rate=conv.dilation_rate,
            )
            outputs = ops.add(outputs, shift)
        else:
            outputs = convolve(conv, inputs, ops.cast(conv.kernel * scale, dtype), shift)
        return ops.cast(outputs, norm.compute_dtype)


class FoldedGraph:
    """Runs a functional Keras model with each convolution and the norm behind it as a `ConvNorm`.

    The model stays as it is: its layers, their names and its weight file do not change. This is no
    Keras layer, so that nothing is tracked twice.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self._pairs, self._absorbed = {}, set()
        for conv, norm in _pairs(model):
            self._pairs[id(conv)] = ConvNorm(conv, norm, name=f"{conv.name}_folded")
            self._absorbed.add(id(norm))

    def __call__(self, images, training: bool = False) -> list:
        """The model's outputs for `images` (B, H, W, C)."""
        # Keras has no public way to run a graph with some of its layers replaced.
        run = getattr(self.model, "_run_through_graph", None)
        if run is None or not self._pairs:
            return self.model(images, training=training)
        with keras.name_scope(self.model.name):
            return run([images], operation_fn=lambda layer: self._call_of(layer, training))

    def _call_of(self, layer, training):
        if id(layer) in self._absorbed:
            return _identity
        layer = self._pairs.get(id(layer), layer)
        takes_training = isinstance(layer, keras.Layer) and (
            "training" in inspect.signature(layer.call).parameters
        )
        if not takes_training:
            return layer
        return lambda *args, **kwargs: layer(*args, **{**kwargs, "training": training})


def _identity(inputs, *_, **__):
    return inputs


def _pairs(model):
    """(conv, norm) wherever the norm is all that reads the convolution, and both are used once."""
    operations = {id(operation) for operation in model.operations}
    outputs = {id(tensor) for tensor in model.outputs}
    for conv in model.operations:
        if not _foldable(conv) or len(conv._inbound_nodes) != 1:
            continue
        readers = [node.operation for node in conv._outbound_nodes]
        if len(readers) != 1 or id(conv.output) in outputs or id(readers[0]) not in operations:
            continue
        norm = readers[0]
        if _normalises_channels(norm, conv.output) and len(norm._inbound_nodes) == 1:
            yield conv, norm


def _foldable(layer):
    return (
        type(layer) in FOLDABLE
        and layer.activation is keras.activations.linear
        and layer.data_format == "channels_last"
        and layer.activity_regularizer is None
    )


def _normalises_channels(layer, tensor):
    if not isinstance(layer, layers.BatchNormalization) or getattr(layer, "renorm", False):
        return False
    return layer.axis in (-1, len(tensor.shape) - 1)
