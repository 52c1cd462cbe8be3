"""BatchNorm, called as Matterport calls it: with training=False where the statistics should stay."""

from mrcnn.modeling import batch_norm


class BatchNorm(batch_norm.BatchNorm):
    """`mrcnn.modeling.batch_norm.BatchNorm` that is told by its first call, not when it is made, whether it learns statistics.

    BatchNorm(name="bn")(x, training=False) keeps the stored statistics for good, TRAIN_BN's False; with training=None or True, or
    nothing said, they are learned whenever the model trains.
    """

    def __init__(self, update_statistics=True, **kwargs):
        super().__init__(update_statistics, **kwargs)

    def __call__(self, inputs, *args, training=None, **kwargs):
        # In a functional model Keras 3 replaces a layer's training=False by the model's training=True, so it has to be remembered.
        if not self.built and training is not None:
            self.update_statistics = bool(training)
        return super().__call__(inputs, *args, training=training, **kwargs)
