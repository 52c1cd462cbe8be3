"""Necks: from the feature maps C2..C5 of a backbone to the levels that the RPN and heads read.

A neck has `levels`, the numbers of its output levels (level n has stride 2 ** n), and `roi_levels`,
the first of them, which RoIs are pooled from.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from mrcnn.modeling.plain_graphs import PlainConv2D
from mrcnn.typing import Tensor

REDUCTION = 16  # Hu et al. 2018, table 10; CBAM takes the same


@keras.saving.register_keras_serializable(package="mrcnn")
class FPN(keras.layers.Layer):
    """Feature Pyramid Network (Lin et al. 2017, arXiv:1612.03144).

    P6 is every other cell of P5 and serves the region proposals only. Layers are named fpn_c5p5,
    fpn_p5 and so on.

    Args:
        channels: Channels of every level.
        attention: What each of P2..P5 passes through at last, a key of ATTENTION, or "none".
        **kwargs: As of `keras.layers.Layer`.

    Input:
        `[C2, C3, C4, C5]`, each `(B, H, W, C)`.

    Output:
        `[P2, P3, P4, P5, P6]`, each `(B, H, W, channels)`.
    """

    levels = (2, 3, 4, 5, 6)
    roi_levels = (2, 3, 4, 5)

    def __init__(
        self, channels: int = 256, attention: str = "none", *, name: str = "fpn", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.channels, self.attention_type = channels, attention
        dtype = {"dtype": self.dtype_policy}
        # Keyed by the name of the level: TensorFlow saves no layers under keys that are numbers.
        self.lateral = {
            f"p{n}": PlainConv2D(channels, 1, name=f"fpn_c{n}p{n}", **dtype)
            for n in self.roi_levels
        }
        self.smooth = {
            f"p{n}": PlainConv2D(channels, 3, padding="same", name=f"fpn_p{n}", **dtype)
            for n in self.roi_levels
        }
        self.attention = {}
        if attention != "none":
            self.attention = {
                f"p{n}": ATTENTION[attention](channels, name=f"fpn_p{n}_{attention}", **dtype)
                for n in self.roi_levels
            }
        # Detectron and Matterport make P6 so; RetinaNet has a convolution of stride 2 here.
        self.subsample = layers.MaxPooling2D(1, 2, name="fpn_p6", **dtype)

    def call(self, features: Sequence[Tensor]) -> list[Tensor]:
        top = self.lateral["p5"](features[3])
        merged = {5: top}
        # From coarse to fine: each level adds what the coarser ones know about the objects (Lin et
        # al. 2017, figure 3). Nearest-neighbour enlargement, as there and in Matterport's code.
        for level in (4, 3, 2):
            top = self.lateral[f"p{level}"](features[level - 2]) + _doubled(top)
            merged[level] = top
        pyramid = []
        for level in self.roi_levels:
            p = self.smooth[f"p{level}"](merged[level])
            pyramid.append(self.attention[f"p{level}"](p) if self.attention else p)
        return [*pyramid, self.subsample(pyramid[-1])]

    def get_config(self) -> dict[str, Any]:
        own = {"channels": self.channels, "attention": self.attention_type}
        return super().get_config() | own


@keras.saving.register_keras_serializable(package="mrcnn")
class C4Neck(keras.layers.Layer):
    """One level instead of a pyramid: the baseline that a pyramid is measured against.

    The single scale of Faster R-CNN (Ren et al. 2015), but with the box and mask heads of a
    pyramid; the original pools C4 and runs the backbone's last stage on every RoI. Layers are named
    as those of the FPN, so that its weights fit.

    Args:
        channels: Channels of the level.
        attention: As of `FPN`.
        **kwargs: As of `keras.layers.Layer`.

    Input:
        `[C2, C3, C4]`, each `(B, H, W, C)`; more are ignored.

    Output:
        `[P4]`, `(B, H, W, channels)` at stride 16.
    """

    levels = roi_levels = (4,)

    def __init__(
        self, channels: int = 256, attention: str = "none", *, name: str = "fpn", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.channels, self.attention_type = channels, attention
        dtype = {"dtype": self.dtype_policy}
        self.lateral = PlainConv2D(channels, 1, name="fpn_c4p4", **dtype)
        self.smooth = PlainConv2D(channels, 3, padding="same", name="fpn_p4", **dtype)
        self.attention = None
        if attention != "none":
            self.attention = ATTENTION[attention](channels, name=f"fpn_p4_{attention}", **dtype)

    def call(self, features: Sequence[Tensor]) -> list[Tensor]:
        p4 = self.smooth(self.lateral(features[2]))
        return [self.attention(p4) if self.attention else p4]

    def get_config(self) -> dict[str, Any]:
        own = {"channels": self.channels, "attention": self.attention_type}
        return super().get_config() | own


@keras.saving.register_keras_serializable(package="mrcnn")
class SqueezeExcitation(keras.layers.Layer):
    """Squeeze-and-excitation (Hu et al. 2018, arXiv:1709.01507): channel attention.

    The factor is 2 * sigmoid where the paper has sigmoid, and the last layer starts at zeros. So a
    fresh layer changes nothing, and can be added to a network that is already trained.

    Args:
        channels: Channels of the features.
        **kwargs: As of `keras.layers.Layer`.

    Input:
        `(B, H, W, channels)`.

    Output:
        As the input, each channel times a factor.
    """

    def __init__(self, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.reduce = layers.Dense(
            max(1, channels // REDUCTION),
            activation="relu",
            name=f"{self.name}_reduce",
            dtype=self.dtype_policy,
        )
        self.expand = layers.Dense(
            channels,
            kernel_initializer="zeros",
            name=f"{self.name}_expand",
            dtype=self.dtype_policy,
        )

    def call(self, features: Tensor) -> Tensor:
        return features * _factor(self._logits(ops.mean(features, axis=(1, 2), keepdims=True)))

    def _logits(self, pooled):
        return self.expand(self.reduce(pooled))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"channels": self.channels}


@keras.saving.register_keras_serializable(package="mrcnn")
class CBAM(SqueezeExcitation):
    """Convolutional block attention (Woo et al. 2018, arXiv:1807.06521): channels, then cells.

    Channels are weighed by their mean and maximum, then cells by the mean and maximum of their
    channels. A fresh layer changes nothing, see `SqueezeExcitation`. The paper normalises the logit
    of a cell; we do not: it has one channel, and our statistics would be frozen.

    Args:
        channels: Channels of the features.
        **kwargs: As of `keras.layers.Layer`.

    Input:
        `(B, H, W, channels)`.

    Output:
        As the input, each channel and each cell times a factor.
    """

    def __init__(self, channels: int, **kwargs: Any) -> None:
        super().__init__(channels, **kwargs)
        # 7 x 7 cells, as in the paper.
        self.place = layers.Conv2D(
            1,
            7,
            padding="same",
            kernel_initializer="zeros",
            name=f"{self.name}_place",
            dtype=self.dtype_policy,
        )

    def call(self, features: Tensor) -> Tensor:
        mean, maximum = (pool(features, axis=(1, 2), keepdims=True) for pool in (ops.mean, ops.max))
        features = features * _factor(self._logits(mean) + self._logits(maximum))
        pooled = [pool(features, axis=-1, keepdims=True) for pool in (ops.mean, ops.max)]
        return features * _factor(self.place(ops.concatenate(pooled, axis=-1)))


ATTENTION = {"se": SqueezeExcitation, "cbam": CBAM}


def _factor(logits):
    return 2.0 * ops.sigmoid(logits)


def _doubled(features):
    """Each cell four times: (B, H, W, C) -> (B, 2 H, 2 W, C).

    A quarter of the operations of `UpSampling2D`.
    """
    _, height, width, channels = features.shape
    pairs = ops.stack([features, features], axis=3)
    wide = ops.reshape(pairs, (-1, height, 1, 2 * width * channels))
    return ops.reshape(ops.concatenate([wide, wide], axis=2), (-1, 2 * height, 2 * width, channels))
