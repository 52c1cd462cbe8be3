"""Optimisers and their learning rates: from a Config and a stage to a Keras optimiser."""

import math

import keras
from keras import ops

from mrcnn.modeling.devices import replicas
from mrcnn.training.fused_updates import fused


def make_optimizer(config, learning_rate, total_steps):
    """A Keras optimiser with the Config's schedule, weight decay and clipping, for a stage of `total_steps` steps.

    Gradients are clipped by their global norm, which is what GRADIENT_CLIP_NORM was tuned for. Weight decay is decoupled and spares
    biases and BatchNorm.
    """
    warmup = min(config.WARMUP_STEPS, total_steps // 2)
    rate = rate_over_time(learning_rate, warmup, total_steps, config.LR_SCHEDULE)
    # TensorFlow clips on each device what is added up afterwards.
    clip = config.GRADIENT_CLIP_NORM / replicas(config)
    shared = {"learning_rate": rate, "weight_decay": config.WEIGHT_DECAY, "global_clipnorm": clip}
    if config.OPTIMIZER == "adamw":
        optimizer = fused(keras.optimizers.AdamW)(**shared)
    else:
        optimizer = fused(keras.optimizers.SGD)(momentum=config.LEARNING_MOMENTUM, **shared)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


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
