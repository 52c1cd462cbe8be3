"""BatchNorm: batch normalisation whose statistics stay as they were stored, unless asked otherwise."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mrcnn")
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation for detectors, whose batches are too small to estimate statistics from.

    update_statistics: False runs on the stored mean and variance also while training; gamma and beta are trained either way.
    Epsilon is 1e-3, as in every published Matterport and EfficientNet-Lite weight file.
    """

    def __init__(self, update_statistics=False, *, epsilon=1e-3, momentum=0.99, **kwargs):
        super().__init__(epsilon=epsilon, momentum=momentum, **kwargs)
        self.update_statistics = update_statistics

    def get_config(self):
        return super().get_config() | {"update_statistics": self.update_statistics}

    def call(self, inputs, training=False, used=None):
        """used: bool, one for each row of `inputs` (rows, ..., C), in any shape: statistics are of these rows; None: of all. If none is
        used, the stored ones stay as they are."""
        learns = bool(training) and self.update_statistics
        if learns and used is None and self._has_fused_kernel(inputs):
            return self._fused(inputs)
        if used is None or not learns:
            return super().call(inputs, training=learns)
        stored = self.moving_mean, self.moving_variance
        before = [ops.copy(statistic) for statistic in stored]
        cells = ops.reshape(used, (-1, *(1,) * (len(inputs.shape) - 2)))
        outputs = super().call(
            inputs, training=True, mask=ops.broadcast_to(cells, ops.shape(inputs)[:-1])
        )
        for statistic, value in zip(stored, before, strict=True):
            statistic.assign(ops.where(ops.any(used), ops.convert_to_tensor(statistic), value))
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
        """What Keras computes from a batch's statistics, by TensorFlow's one operation in place of a dozen passes over the batch: a
        seventh of a training step of EfficientNet-Lite on a CPU."""
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
        count = ops.cast(ops.prod(ops.shape(inputs)[:3]), "float32")
        variance = variance * (
            ops.maximum(count - 1.0, 1.0) / count
        )  # the kernel's is that of a sample
        for stored, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            stored.assign(stored * self.momentum + tf.stop_gradient(value) * (1.0 - self.momentum))
        return ops.cast(outputs, self.compute_dtype)
