"""The mean of the weights of several checkpoints of one network."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from mrcnn.typing import Array, PathLike
from mrcnn.weights.layer_files import load_weights, own_weights, weight_layers


def average_weights(
    model: keras.Model,
    paths: Sequence[PathLike],
    on_file: Callable[[], Any] = lambda: None,
) -> None:
    """Sets the weights of a model to the mean of checkpoints.

    Checkpoints that were fine-tuned from the same weights lie close enough to each other that their
    mean is often better than each of them, at the cost of one model (Wortsman et al. 2022, Model
    soups, https://arxiv.org/abs/2203.05482). Trainings that started from other weights have no
    useful mean.

    Args:
        model: Any model.
        paths: Checkpoints of its layers.
        on_file: Called after each file.

    Raises:
        WeightShapeError: A shape differs from that of the model.
        ValueError: A file has other layers than the model, or cannot be read.
        FileNotFoundError: There is no such file.
    """
    weights = [w for layer in weight_layers(model).values() for w in own_weights(layer)]
    totals: list[Array] = [np.zeros(weight.shape) for weight in weights]
    for path in paths:
        report = load_weights(model, path)
        different = report.only_in_model or report.only_in_file
        if different:
            raise ValueError(
                f"{path} has other layers than the first checkpoint, such as {different[0]}. Only "
                "checkpoints of one network have a mean: give runs with the same backbone and "
                "heads."
            )
        for total, weight in zip(totals, weights, strict=True):
            total += np.asarray(weight, np.float64)
        on_file()
    for total, weight in zip(totals, weights, strict=True):
        weight.assign((total / len(paths)).astype(np.float32))
