"""Schedules: the stages of a training, and the learning rate within a stage."""

import math
from dataclasses import dataclass

import keras
from keras import ops


@dataclass(frozen=True)
class Stage:
    """One part of a training.

    layers: which layers learn, see `layer_groups.set_trainable`; epochs: how many this stage lasts; learning_rate: at its height.
    """

    name: str
    layers: str
    epochs: int
    learning_rate: float


def rate_over_time(peak, warmup, total, shape):
    """What a Keras optimiser takes as its learning rate: a `WarmupSchedule`, or `peak` itself where it never changes: callbacks such as
    ReduceLROnPlateau can set a number, and no schedule."""
    return WarmupSchedule(peak, warmup, total, shape) if warmup or shape != "constant" else peak


class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise from 0 over `warmup` steps (Goyal et al. 2017), then constant, or a half cosine down to 1 % at `total` steps."""

    def __init__(self, peak, warmup, total, shape="constant"):
        self.peak, self.warmup, self.total, self.shape = peak, warmup, total, shape

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rate = self.peak
        if self.shape == "cosine":
            progress = ops.clip(
                (step - self.warmup) / max(1.0, float(self.total - self.warmup)), 0.0, 1.0
            )
            rate = self.peak * (0.01 + 0.99 * 0.5 * (1.0 + ops.cos(math.pi * progress)))
        if self.warmup:
            rate = rate * ops.minimum(1.0, (step + 1.0) / self.warmup)
        return ops.convert_to_tensor(rate, dtype="float32")

    def get_config(self):
        return {"peak": self.peak, "warmup": self.warmup, "total": self.total, "shape": self.shape}
