"""Batch normalisation for detectors, and convolutions that absorb it where statistics are fixed.

A frozen `BatchNorm` multiplies and shifts every activation, and its backward pass reads them all
again. Folded into the kernel, the same numbers cost one pass over the weights. Gradients reach
gamma and beta through the folded kernel; they are the same sums in another order.
"""

import inspect
from collections.abc import Iterator
from typing import Any

import keras
from keras import layers, ops

from mrcnn import keras_internals
from mrcnn.modeling.convolutions import GroupedConv2D
from mrcnn.modeling.plain_graphs import PlainConv2D, convolve
from mrcnn.typing import Tensor

FOLDABLE = (layers.Conv2D, layers.DepthwiseConv2D, GroupedConv2D, PlainConv2D)


@keras.saving.register_keras_serializable(package="mrcnn")
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation for detectors, whose batches are too small to estimate statistics from.

    Args:
        update_statistics: False uses the stored mean and variance also while training; gamma and
            beta are trained either way.
        epsilon: Added to the variance; 1e-3 in every published Matterport and EfficientNet-Lite
            weight file.
        momentum: Share of the stored statistics that a training step keeps.
        **kwargs: As of `keras.layers.BatchNormalization`.

    Input:
        `inputs` `(rows, ..., C)`. `valid`, bool, one for each row in any shape: statistics are of
        these rows alone; None: of all. If no row is valid, the stored ones stay as they are.

    Output:
        As the inputs.
    """

    def __init__(
        self,
        update_statistics: bool = False,
        *,
        epsilon: float = 1e-3,
        momentum: float = 0.99,
        **kwargs: Any,
    ) -> None:
        super().__init__(epsilon=epsilon, momentum=momentum, **kwargs)
        self.update_statistics = update_statistics

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"update_statistics": self.update_statistics}

    def call(self, inputs: Tensor, training: bool = False, valid: Tensor | None = None) -> Tensor:
        updates = bool(training) and self.update_statistics
        if updates and valid is None and self._has_fused_kernel(inputs):
            return self._fused(inputs)
        if valid is None or not updates:
            return super().call(inputs, training=updates)
        stored = self.moving_mean, self.moving_variance
        # Of no valid row Keras would store a mean of 0.
        before = [ops.copy(statistic) for statistic in stored]
        cells = ops.reshape(valid, (-1, *(1,) * (len(inputs.shape) - 2)))
        mask = ops.broadcast_to(cells, ops.shape(inputs)[:-1])
        outputs = super().call(inputs, training=True, mask=mask)
        for statistic, value in zip(stored, before, strict=True):
            statistic.assign(ops.where(ops.any(valid), ops.convert_to_tensor(statistic), value))
        return outputs

    def _has_fused_kernel(self, inputs):
        return (
            keras.backend.backend() == "tensorflow"
            and self.trainable
            and self.scale
            and self.center
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
        )

    def _fused(self, inputs):
        """Keras' result by one TensorFlow operation instead of a dozen passes over the batch.

        Saves a seventh of a training step of EfficientNet-Lite on a CPU.
        """
        import tensorflow as tf

        inputs = ops.cast(inputs, "float32")
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=ops.cast(self.gamma, "float32"),
            offset=ops.cast(self.beta, "float32"),
            mean=tf.constant([], tf.float32),
            variance=tf.constant([], tf.float32),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel's variance is that of a sample (n - 1), Keras' that of the batch (n).
        count = ops.cast(ops.prod(ops.shape(inputs)[:3]), "float32")
        variance = variance * (ops.maximum(count - 1.0, 1.0) / count)
        for stored, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            stored.assign(stored * self.momentum + tf.stop_gradient(value) * (1.0 - self.momentum))
        return ops.cast(outputs, self.compute_dtype)


@keras.saving.register_keras_serializable(package="mrcnn")
class ConvNorm(keras.layers.Layer):
    """`norm(conv(inputs))`, computed as one convolution unless the batch's statistics are needed.

    Args:
        conv: A layer of one of the types FOLDABLE, without an activation.
        norm: A `BatchNormalization` over the last axis.
        **kwargs: As of `keras.layers.Layer`.

    Input:
        `inputs` `(B, H, W, C)`, and `valid`, see `BatchNorm`.

    Output:
        `(B, H', W', filters)`.
    """

    def __init__(self, conv: keras.Layer, norm: keras.Layer, **kwargs: Any) -> None:
        # Without autocast: the kernel is folded in float32, then rounded once to the conv's type.
        super().__init__(**(kwargs | {"dtype": "float32", "autocast": False}))
        self.conv, self.norm = conv, norm

    def build(self, input_shape: tuple) -> None:
        if not self.conv.built:
            self.conv.build(input_shape)
        if not self.norm.built:
            self.norm.build(self.conv.compute_output_shape(input_shape))

    def call(self, inputs: Tensor, training: bool = False, valid: Tensor | None = None) -> Tensor:
        if training and self.norm.trainable and getattr(self.norm, "update_statistics", True):
            # Keras' own norm knows no `valid`.
            options = {} if valid is None else {"valid": valid}
            return self.norm(self.conv(inputs), training=True, **options)
        return self._folded(inputs)

    def _folded(self, inputs):
        conv, norm = self.conv, self.norm
        # gamma * (conv(x) - mean) / sigma + beta = conv(x) with kernel * scale, plus this shift.
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

    def get_config(self) -> dict[str, Any]:
        parts = {"conv": self.conv, "norm": self.norm}
        own = {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()}
        return super().get_config() | own

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ConvNorm":
        parts = {name: keras.saving.deserialize_keras_object(config[name]) for name in _PARTS}
        return cls(**(config | parts))


_PARTS = ("conv", "norm")


class FoldedGraph:
    """Runs a functional Keras model with each convolution and the norm behind it as a `ConvNorm`.

    The model stays as it is: its layers, their names and its weight file do not change. This is not
    a Keras layer, so that nothing is tracked twice.

    Args:
        model: A functional model.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self._pairs, self._absorbed = {}, set()
        for conv, norm in _pairs(model):
            self._pairs[id(conv)] = ConvNorm(conv, norm, name=f"{conv.name}_folded")
            self._absorbed.add(id(norm))

    def __call__(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """Returns the model's outputs for `images` (B, H, W, C)."""
        if self._pairs:
            with keras.name_scope(self.model.name):
                outputs = keras_internals.run_graph(
                    self.model, [images], lambda layer: self._call_of(layer, training)
                )
            if outputs is not None:
                return outputs
        return self.model(images, training=training)

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


def _pairs(model) -> Iterator[tuple[keras.Layer, keras.Layer]]:
    """(conv, norm) wherever only the norm reads the convolution, and both are called once."""
    operations = {id(operation) for operation in model.operations}
    outputs = {id(tensor) for tensor in model.outputs}
    for conv in model.operations:
        if not _is_foldable(conv) or keras_internals.times_called(conv) != 1:
            continue
        readers = keras_internals.readers(conv)
        if len(readers) != 1 or id(conv.output) in outputs or id(readers[0]) not in operations:
            continue
        norm = readers[0]
        if _normalises_channels(norm, conv.output) and keras_internals.times_called(norm) == 1:
            yield conv, norm


def _is_foldable(layer):
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
