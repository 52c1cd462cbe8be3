"""SingleLevel: one feature map in place of a pyramid, the baseline that a pyramid is measured against."""

import keras

from mrcnn.modeling.gates import GATES
from mrcnn.modeling.plain_graphs import PlainConv2D


class SingleLevel(keras.layers.Layer):
    """[C2, C3, C4] -> [P4] of `channels`: a 1x1 and a 3x3 convolution of C4, at stride 16, as in the fourth level of an `FPN`.

    Faster R-CNN's single scale (Ren et al. 2015), but with the box and mask heads of a pyramid, where the original pools C4 and runs the
    backbone's last stage on every roi. gate: see `modeling.gates`, or "none". Layers are named as those of the FPN: its weights fit.
    """

    levels = (4,)

    def __init__(self, channels, gate="none", **kwargs):
        super().__init__(**kwargs)
        self.lateral = PlainConv2D(channels, 1, name="fpn_c4p4")
        self.smooth = PlainConv2D(channels, 3, padding="same", name="fpn_p4")
        self.gate = GATES[gate](channels, name=f"fpn_p4_{gate}") if gate != "none" else None

    def call(self, features):
        p4 = self.smooth(self.lateral(features[2]))
        return [self.gate(p4) if self.gate else p4]
