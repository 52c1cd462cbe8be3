"""FPN: the feature pyramid, which gives every scale features that have seen the whole image."""

import keras
from keras import layers, ops

from mrcnn.modeling.gates import GATES
from mrcnn.modeling.plain_graphs import PlainConv2D


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
            {f"p{n}": GATES[gate](channels, name=f"fpn_p{n}_{gate}") for n in (2, 3, 4, 5)}
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
