"""BatchNorm: batch normalisation whose statistics stay as they were stored, unless asked otherwise."""
import keras


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

    def call(self, inputs, training=False):
        return super().call(inputs, training=bool(training) and self.update_statistics)
