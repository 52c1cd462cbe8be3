"""Moving averages of weights, which a Keras optimiser with `use_ema` keeps beside the weights.

They are variables of the optimiser, and so in every checkpoint that training resumes from.
"""

import contextlib
from collections.abc import Iterator

import keras

from mrcnn.keras_internals import moving_averages


def has_averages(model: keras.Model) -> bool:
    """Returns whether the optimiser of a model averages weights.

    Args:
        model: Compiled.

    Returns:
        Whether `averaged_weights` would change the model. With a momentum of 0, as in stages of
        few batches, the average is the weights themselves.
    """
    optimizer = model.optimizer
    return bool(getattr(optimizer, "use_ema", False)) and optimizer.ema_momentum > 0


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Gives a model its averaged weights while the block runs.

    Weights that are not trained, such as the statistics of BatchNorm, stay as they are.

    Args:
        model: Compiled, with an optimiser that averages weights.

    Yields:
        Nothing.
    """
    pairs = moving_averages(model.optimizer)
    own = [keras.ops.convert_to_numpy(weight).copy() for weight, _ in pairs]
    try:
        for weight, average in pairs:
            weight.assign(keras.ops.convert_to_numpy(average))
        yield
    finally:
        for (weight, _), value in zip(pairs, own, strict=True):
            weight.assign(value)
