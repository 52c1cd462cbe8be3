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
        if used is None or not learns:
            return super().call(inputs, training=learns)
        stored = self.moving_mean, self.moving_variance
        before = [ops.copy(statistic) for statistic in stored]
        cells = ops.reshape(used, (-1, *(1,) * (len(inputs.shape) - 2)))
        outputs = super().call(inputs, training=True, mask=ops.broadcast_to(cells, ops.shape(inputs)[:-1]))
        for statistic, value in zip(stored, before, strict=True):
            statistic.assign(ops.where(ops.any(used), statistic, value))
        return outputs
