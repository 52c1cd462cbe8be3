"""Optimisers: from a Config and a stage to a Keras optimiser."""

import keras

from mrcnn.modeling.devices import replicas
from mrcnn.training.fused_updates import fused
from mrcnn.training.schedules import rate_over_time


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
