"""Gates: attention that weighs what a feature map says, channel by channel and place by place."""

import keras
from keras import layers, ops

REDUCTION = 16  # Hu et al. 2018, table 10; CBAM takes the same


class SqueezeExcitation(keras.layers.Layer):
    """Squeeze-and-excitation (Hu et al. 2018, arXiv:1709.01507): (B, H, W, C) -> the same, each channel times a factor.

    The factor is 2 * sigmoid where the paper has sigmoid, and the last layer starts at zeros: a fresh gate passes everything on as it
    is, so that it can be added to a network that is trained already.
    """

    def __init__(self, channels, **kwargs):
        super().__init__(**kwargs)
        self.reduce = layers.Dense(
            max(1, channels // REDUCTION), activation="relu", name=f"{self.name}_reduce"
        )
        self.expand = layers.Dense(channels, kernel_initializer="zeros", name=f"{self.name}_expand")

    def call(self, features):
        return features * _factor(self.logits(ops.mean(features, axis=(1, 2), keepdims=True)))

    def logits(self, pooled):
        """(B, 1, 1, C) of each channel's mean, say -> (B, 1, 1, C)."""
        return self.expand(self.reduce(pooled))


class CBAM(SqueezeExcitation):
    """Convolutional block attention (Woo et al. 2018, arXiv:1807.06521): (B, H, W, C) -> the same, each channel times a factor, from
    its mean and its maximum, then each place, from the mean and the maximum of its channels. Starts as `SqueezeExcitation` does.

    The paper's normalisation of the place's logit is left out: it has one channel, and our statistics would be frozen.
    """

    def __init__(self, channels, **kwargs):
        super().__init__(channels, **kwargs)
        self.place = layers.Conv2D(
            1, 7, padding="same", kernel_initializer="zeros", name=f"{self.name}_place"
        )

    def call(self, features):
        mean, maximum = (pool(features, axis=(1, 2), keepdims=True) for pool in (ops.mean, ops.max))
        features = features * _factor(self.logits(mean) + self.logits(maximum))
        seen = ops.concatenate(
            [pool(features, axis=-1, keepdims=True) for pool in (ops.mean, ops.max)], axis=-1
        )
        return features * _factor(self.place(seen))


GATES = {"se": SqueezeExcitation, "cbam": CBAM}


def _factor(logits):
    return 2.0 * ops.sigmoid(logits)
