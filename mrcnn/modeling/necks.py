"""Necks: from the feature maps of a backbone to those that the heads read."""

import keras
from keras import layers, ops

from mrcnn.modeling.plain_graphs import PlainConv2D

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


ATTENTION = {"se": SqueezeExcitation, "cbam": CBAM}


def _factor(logits):
    return 2.0 * ops.sigmoid(logits)


class FPN(keras.layers.Layer):
    """Feature Pyramid Network (Lin et al. 2017): [C2, C3, C4, C5] -> [P2, P3, P4, P5, P6], all of `channels`.

    P6 is every other cell of P5 and serves the region proposals only. Layers are named fpn_c5p5, fpn_p5 and so on.
    gate: what each of P2..P5 passes through at last, see `modeling.gates`, or "none".
    """

    levels = (2, 3, 4, 5, 6)

    def __init__(self, channels, gate="none", **kwargs):
        super().__init__(**kwargs)
        # By the name of the level: TensorFlow saves no layers under keys that are numbers.
        self.lateral = {
            f"p{n}": PlainConv2D(channels, 1, name=f"fpn_c{n}p{n}") for n in (2, 3, 4, 5)
        }
        self.smooth = {
            f"p{n}": PlainConv2D(channels, 3, padding="same", name=f"fpn_p{n}")
            for n in (2, 3, 4, 5)
        }
        self.gates = (
            {f"p{n}": ATTENTION[gate](channels, name=f"fpn_p{n}_{gate}") for n in (2, 3, 4, 5)}
            if gate != "none"
            else {}
        )
        self.subsample = layers.MaxPooling2D(1, 2, name="fpn_p6")

    def call(self, features):
        top = self.lateral["p5"](features[3])
        merged = {5: top}
        for level in (4, 3, 2):
            top = self.lateral[f"p{level}"](features[level - 2]) + _doubled(top)
            merged[level] = top
        pyramid = [self.smooth[f"p{level}"](merged[level]) for level in (2, 3, 4, 5)]
        if self.gates:
            pyramid = [
                self.gates[f"p{level}"](p) for level, p in zip((2, 3, 4, 5), pyramid, strict=True)
            ]
        return [*pyramid, self.subsample(pyramid[-1])]


def _doubled(features):
    """Each cell four times: (B, H, W, C) -> (B, 2 H, 2 W, C). In a quarter of the operations of `UpSampling2D`."""
    _, height, width, channels = features.shape
    wide = ops.reshape(
        ops.stack([features, features], axis=3), (-1, height, 1, 2 * width * channels)
    )
    return ops.reshape(ops.concatenate([wide, wide], axis=2), (-1, 2 * height, 2 * width, channels))


class C4Neck(keras.layers.Layer):
    """[C2, C3, C4] -> [P4] of `channels`: a 1x1 and a 3x3 convolution of C4, at stride 16, as in the fourth level of an `FPN`.

    Faster R-CNN's single scale (Ren et al. 2015), but with the box and mask heads of a pyramid, where the original pools C4 and runs the
    backbone's last stage on every roi. gate: see `modeling.gates`, or "none". Layers are named as those of the FPN: its weights fit.
    """

    levels = (4,)

    def __init__(self, channels, gate="none", **kwargs):
        super().__init__(**kwargs)
        self.lateral = PlainConv2D(channels, 1, name="fpn_c4p4")
        self.smooth = PlainConv2D(channels, 3, padding="same", name="fpn_p4")
        self.gate = ATTENTION[gate](channels, name=f"fpn_p4_{gate}") if gate != "none" else None

    def call(self, features):
        p4 = self.smooth(self.lateral(features[2]))
        return [self.gate(p4) if self.gate else p4]
