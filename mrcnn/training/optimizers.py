"""Optimisers and learning-rate schedules."""

import math
from typing import Any

import keras
from keras import ops

from mrcnn.config import Config
from mrcnn.modeling.devices import replicas
from mrcnn.training.fused_updates import fused
from mrcnn.typing import Tensor


def make_optimizer(
    config: Config, learning_rate: float, total_steps: int
) -> keras.optimizers.Optimizer:
    """Makes the optimiser of a stage.

    Gradients are clipped by their global norm, which GRADIENT_CLIP_NORM was tuned for. Weight decay
    is decoupled from the gradient and spares biases and BatchNorm. So SGD with momentum 0.9 decays
    about 10 times less than in Matterport's code or Detectron2 at the same WEIGHT_DECAY.

    Args:
        config: OPTIMIZER, WEIGHT_DECAY, LR_SCHEDULE and so on.
        learning_rate: At its highest, after warm-up.
        total_steps: Steps of the stage.

    Returns:
        A Keras optimiser.
    """
    warmup = min(config.WARMUP_STEPS, total_steps // 2)
    rate = rate_over_time(learning_rate, warmup, total_steps, config.LR_SCHEDULE)
    # On several devices TensorFlow clips the gradients of each, then adds them up.
    clip = config.GRADIENT_CLIP_NORM / replicas(config)
    shared = {"learning_rate": rate, "weight_decay": config.WEIGHT_DECAY, "global_clipnorm": clip}
    if config.OPTIMIZER == "adamw":
        optimizer = fused(keras.optimizers.AdamW)(**shared)
    else:
        optimizer = fused(keras.optimizers.SGD)(momentum=config.LEARNING_MOMENTUM, **shared)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def rate_over_time(peak: float, warmup: int, total: int, decay: str) -> "float | WarmupSchedule":
    """Makes the learning rate of a Keras optimiser.

    Args:
        peak: The highest rate.
        warmup: Steps of linear warm-up.
        total: Steps in all.
        decay: "constant" or "cosine".

    Returns:
        A schedule; or `peak` itself if it never changes, since callbacks such as ReduceLROnPlateau
        can change a number only.
    """
    return WarmupSchedule(peak, warmup, total, decay) if warmup or decay != "constant" else peak


class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up (Goyal et al., 2017, section 2.2), then constant or a half cosine.

    Args:
        peak: The highest rate.
        warmup: Steps of linear warm-up from 0.
        total: Steps until a cosine has fallen to 1 % of `peak`.
        decay: "constant" or "cosine".
    """

    def __init__(self, peak: float, warmup: int, total: int, decay: str = "constant") -> None:
        self.peak, self.warmup, self.total, self.decay = peak, warmup, total, decay

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "float32")
        rate = self.peak
        if self.decay == "cosine":
            steps = max(1.0, float(self.total - self.warmup))
            progress = ops.clip((step - self.warmup) / steps, 0.0, 1.0)
            rate = self.peak * (0.01 + 0.99 * 0.5 * (1.0 + ops.cos(math.pi * progress)))
        if self.warmup:
            rate = rate * ops.minimum(1.0, (step + 1.0) / self.warmup)
        return ops.convert_to_tensor(rate, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "warmup": self.warmup, "total": self.total, "decay": self.decay}
