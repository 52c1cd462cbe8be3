"""Optimisers and learning-rate schedules."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.config import Config
from mrcnn.keras_internals import path_of_variable
from mrcnn.modeling.build import stage_of_layer
from mrcnn.modeling.devices import replicas
from mrcnn.training.fused_updates import fused
from mrcnn.typing import Tensor

# A moving average covers at most this share of a stage, so that a short stage does not end with an
# average of its first steps.
AVERAGED_SHARE = 0.1


def make_optimizer(
    config: Config, learning_rate: float, total_steps: int
) -> keras.optimizers.Optimizer:
    """Makes the optimiser of a stage.

    Gradients are clipped by their global norm, which GRADIENT_CLIP_NORM was tuned for. Weight decay
    is decoupled from the gradient and spares biases and BatchNorm. So SGD with momentum 0.9 decays
    about 10 times less than in Matterport's code or Detectron2 at the same WEIGHT_DECAY.

    Args:
        config: OPTIMIZER, WEIGHT_DECAY, LR_SCHEDULE, ACCUMULATE, EMA_MOMENTUM and so on.
        learning_rate: At its highest, after warm-up.
        total_steps: Batches of the stage.

    Returns:
        A Keras optimiser.

    Raises:
        ValueError: ACCUMULATE is used on several devices of TensorFlow.
    """
    # A stage shorter than the warm-up would never reach its rate.
    warmup = min(config.WARMUP_STEPS, total_steps // 2)
    rate = rate_over_time(
        learning_rate,
        warmup,
        total_steps,
        config.LR_SCHEDULE,
        config.LR_STEPS,
        config.LR_STEP_FACTOR,
    )
    # On several devices TensorFlow clips the gradients of each, then adds them up.
    clip = config.GRADIENT_CLIP_NORM / replicas(config)
    options = {"learning_rate": rate, "weight_decay": config.WEIGHT_DECAY, "global_clipnorm": clip}
    kind, of_kind = _kind_of(config)
    options |= of_kind
    if config.ACCUMULATE > 1:
        if replicas(config) > 1:
            raise ValueError(
                f"ACCUMULATE = {config.ACCUMULATE} needs GPU_COUNT = 1: TensorFlow cannot "
                f"accumulate gradients on several devices. Got GPU_COUNT = {config.GPU_COUNT}."
            )
        options["gradient_accumulation_steps"] = config.ACCUMULATE
    if config.EMA_MOMENTUM:
        kind = _keeping_weights(kind)
        options |= {"use_ema": True, "ema_momentum": average_momentum(config, total_steps)}
    if config.LAYER_DECAY != 1:
        kind = _with_layer_rates(kind, functools.partial(rate_factor, config))
    optimizer = kind(**options)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _kind_of(config: Config) -> tuple[type, dict[str, Any]]:
    """The class of an optimiser, and the options that it has beside those of all."""
    optimizers = keras.optimizers
    if config.OPTIMIZER in ("sgd", "nesterov"):
        nesterov = config.OPTIMIZER == "nesterov"
        return fused(optimizers.SGD), {"momentum": config.LEARNING_MOMENTUM, "nesterov": nesterov}
    if config.OPTIMIZER == "adam":
        # Keras' Adam would decay like AdamW.
        return fused(optimizers.Adam), {"weight_decay": None}
    if config.OPTIMIZER == "adamw":
        return fused(optimizers.AdamW), {}
    return optimizers.RMSprop, {"momentum": config.LEARNING_MOMENTUM}


def average_momentum(config: Config, total_steps: int) -> float:
    """Computes the momentum of the moving average of the weights in a stage.

    Args:
        config: Whose EMA_MOMENTUM is read.
        total_steps: Batches of the stage.

    Returns:
        EMA_MOMENTUM, or less: 1 / (1 - momentum) batches are averaged, a tenth of a stage at most.
    """
    return min(config.EMA_MOMENTUM, 1 - 1 / max(1.0, AVERAGED_SHARE * total_steps))


def rate_factor(config: Config, path: str) -> float:
    """Computes the factor on the learning rate of a weight.

    Early stages of a trained backbone are general, and a small data set should not spoil them
    (Howard and Ruder 2018, arXiv:1801.06146, section 3.2; Clark et al. 2020, arXiv:2003.10555).

    Args:
        config: LAYER_DECAY, and BACKBONE.
        path: Of the weight, "layer/kernel".

    Returns:
        LAYER_DECAY for stage 5 of the backbone, its square for stage 4, and so on; 1 for layers of
        the neck and the heads.
    """
    layer = path.split("/")[-2] if "/" in path else path
    stage = None if callable(config.BACKBONE) else stage_of_layer(config, layer)
    # Neck and heads come after stage 5 and so count as 6, see `trainable_layers.HEADS`.
    return 1.0 if stage is None else float(config.LAYER_DECAY ** (6 - stage))


def _with_layer_rates(optimizer: type, factor_of: Callable[[str], float]) -> type:
    """A subclass whose learning rate depends on the weight."""

    def own_factor(self, variable):
        return factor_of(path_of_variable(self, variable))

    def update_step(self, gradient, variable, learning_rate):
        optimizer.update_step(self, gradient, variable, own_factor(self, variable) * learning_rate)

    members: dict[str, Any] = {"rate_factor": own_factor}
    if not hasattr(optimizer, "rate_factor"):  # not a fused one, which asks by itself
        members["update_step"] = update_step
    return type(optimizer.__name__, (optimizer,), members | {"__module__": optimizer.__module__})


@functools.cache
def _keeping_weights(optimizer: type) -> type:
    """A subclass that leaves weights alone at the end of a training.

    Keras would replace them by their average. Checkpoints keep both, and the next stage continues
    from the weights.
    """
    members = {"finalize_variable_values": lambda self, var_list: None}
    return type(optimizer.__name__, (optimizer,), members | {"__module__": optimizer.__module__})


def rate_over_time(
    peak: float,
    warmup: int,
    total: int,
    decay: str,
    drops: Sequence[float] = (),
    factor: float = 0.1,
) -> "float | WarmupSchedule":
    """Makes the learning rate of a Keras optimiser.

    Args:
        peak: The highest rate.
        warmup: Steps of linear warm-up.
        total: Steps in all.
        decay: "constant", "step" or "cosine".
        drops: Fractions of `total` after which "step" multiplies the rate by `factor`.
        factor: See `drops`.

    Returns:
        A schedule; or `peak` itself if it never changes, since callbacks such as ReduceLROnPlateau
        can change a number only.
    """
    if not warmup and decay == "constant":
        return peak
    return WarmupSchedule(peak, warmup, total, decay, drops, factor)


class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up (Goyal et al., 2017, section 2.2), then constant, steps or a half cosine.

    Args:
        peak: The highest rate.
        warmup: Steps of linear warm-up from 0.
        total: Steps until a cosine has fallen to 1 % of `peak`.
        decay: "constant", "step" or "cosine".
        drops: Fractions of `total` after which "step" multiplies the rate by `factor`.
        factor: See `drops`.
    """

    def __init__(
        self,
        peak: float,
        warmup: int,
        total: int,
        decay: str = "constant",
        drops: Sequence[float] = (),
        factor: float = 0.1,
    ) -> None:
        self.peak, self.warmup, self.total, self.decay = peak, warmup, total, decay
        self.drops, self.factor = tuple(drops), factor

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "float32")
        rate = self.peak
        if self.decay == "cosine":
            steps = max(1.0, float(self.total - self.warmup))
            progress = ops.clip((step - self.warmup) / steps, 0.0, 1.0)
            rate = self.peak * (0.01 + 0.99 * 0.5 * (1.0 + ops.cos(math.pi * progress)))
        elif self.decay == "step":
            for drop in self.drops:
                # `step` is a tensor inside a graph, so a product takes the place of an `if`.
                dropped = ops.cast(step >= round(drop * self.total), "float32")
                rate = rate * (1.0 + dropped * (self.factor - 1.0))
        if self.warmup:
            # Steps count from 0, and the first one should train already.
            rate = rate * ops.minimum(1.0, (step + 1.0) / self.warmup)
        return ops.convert_to_tensor(rate, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "warmup": self.warmup,
            "total": self.total,
            "decay": self.decay,
            "drops": self.drops,
            "factor": self.factor,
        }
