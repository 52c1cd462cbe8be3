"""Optimiser and loss: what a recipe asks of Keras."""

import contextlib

import keras
import numpy as np
from keras import ops

from mrcnn.training.optimizers import rate_over_time


class AveragingAdam(keras.optimizers.Adam):
    """Adam that keeps a moving average of the weights beside them, and leaves the weights alone.

    Keras puts the averages in place of the weights whenever `fit` ends; here `fit` is called once an epoch.
    """

    def finalize_variable_values(self, var_list):
        """Not at the end of `fit`; see `averaged_weights`."""

    def put_averages(self, variables):
        """Assign the averages to `variables`, the weights that the optimiser was built with."""
        super().finalize_variable_values(variables)


def make_optimizer(recipe, steps, epochs):
    """Adam with the recipe's rate and decay. steps: of an epoch; epochs: after which the cosine ends"""
    rate = rate_over_time(recipe.rate, round(recipe.warmup * steps), epochs * steps, recipe.shape)
    average = {"use_ema": True, "ema_momentum": recipe.average} if recipe.average else {}
    optimizer = AveragingAdam(rate, weight_decay=recipe.weight_decay or None, **average)
    if recipe.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


@contextlib.contextmanager
def averaged_weights(model):
    """While the block runs, `model` has the averages of its weights, if its optimiser keeps them."""
    if not model.optimizer.use_ema:
        yield
        return
    own = _values(model.trainable_variables)
    model.optimizer.put_averages(model.trainable_variables)
    _assign(
        model.trainable_variables, _values(model.trainable_variables)
    )  # copies: JAX hands the averages' own arrays on
    try:
        yield
    finally:
        _assign(model.trainable_variables, own)


def _values(variables):
    return [np.array(ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def cross_entropy(smoothing=0.0):
    """A loss for Keras: labels (B,) or (B, 1) int, logits (B, K) -> (B,). Sparse categorical cross-entropy, the label's probability
    1 - smoothing, and smoothing / K more for every class."""

    def loss(labels, logits):
        log_p = ops.log_softmax(logits, axis=-1)
        at_label = ops.take_along_axis(
            log_p, ops.reshape(ops.cast(labels, "int32"), (-1, 1)), axis=-1
        )[:, 0]
        return -(1 - smoothing) * at_label - smoothing * ops.mean(log_p, axis=-1)

    return loss
