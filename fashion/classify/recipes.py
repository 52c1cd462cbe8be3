"""Recipes: how a classifier is trained, and the optimiser and loss that a recipe means."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import ops

from fashion.classify.data import HELD_OUT
from mrcnn.training.optimizers import rate_over_time
from mrcnn.typing import Tensor

BATCH_SIZE = 128


@dataclass(frozen=True)
class Recipe:
    """One way to train a classifier.

    Attributes:
        summary: Sentence on the page.
        epochs: The network is measured after each of these; the last ends the training.
        rate: Learning rate of Adam; its maximum if it changes.
        warmup: Epochs over which the rate rises from 0.
        shape: "constant", or "cosine": half a cosine down to 1 % at the last epoch.
        weight_decay: Decoupled weight decay (AdamW) of kernels.
        smoothing: Share of a label that is spread over all classes.
        dropout: Rates before the hidden layer and before the last one.
        mirror: Whether images are mirrored at random.
        shift: Largest shift in pixels.
        erase: Share of the images that a rectangle is erased from.
        average: Momentum of the moving average of the weights (EMA) that is measured and kept;
            0 for none.
        both_sides: Whether a prediction is the mean over the image and its mirror image.
        held_out: Share of the training images that is validated on.

    Raises:
        ValueError: The cosine is to end after several numbers of epochs.
    """

    summary: str
    epochs: tuple[int, ...] = (10, 50)
    rate: float = 1e-3
    warmup: float = 0.0
    shape: str = "constant"
    weight_decay: float = 0.0
    smoothing: float = 0.0
    dropout: tuple[float, float] = (0.25, 0.25)
    mirror: bool = False
    shift: int = 0
    erase: float = 0.0
    average: float = 0.0
    both_sides: bool = False
    held_out: float = HELD_OUT

    def __post_init__(self) -> None:
        if self.shape == "cosine" and len(self.epochs) > 1:
            raise ValueError(
                "A rate that falls to the end of the training has one end: give one number of "
                f"epochs. Got {self.epochs}. For several, train into several folders."
            )


# AdamW with warm-up and cosine: Loshchilov & Hutter 2019. Smoothing: Szegedy et al. 2016. Erasing:
# Zhong et al. 2020, measured there on Fashion-MNIST with mirrored and shifted images. Averages:
# Polyak & Juditsky 1992, in the moving form of Tan & Le 2019.
BEST = Recipe(
    "the report's network, trained better: augmentation, a cosine, smoothing, decay, "
    "averaged weights",
    (100,),
    warmup=2.0,
    shape="cosine",
    weight_decay=0.05,
    smoothing=0.1,
    dropout=(0.25, 0.4),
    mirror=True,
    shift=2,
    erase=0.5,
    average=0.998,
    both_sides=True,
)
RECIPES = {
    "report": Recipe("as the report did: Adam at 0.001, no augmentation"),
    "best": BEST,
    "best-all": replace(
        BEST,
        held_out=0.0,
        summary="the same on all 60,000 training images, with nothing left to validate on",
    ),
}


class AveragingAdam(keras.optimizers.Adam):
    """Adam that keeps a moving average of the weights and leaves the weights alone.

    Keras assigns the averages to the weights whenever `fit` ends. Here the training continues
    from the weights themselves.
    """

    def finalize_variable_values(self, var_list: Sequence[Tensor]) -> None:
        """Does nothing at the end of `fit`; see `averaged_weights`.

        Args:
            var_list: Weights of the model.
        """

    def assign_averages(self, variables: Sequence[Tensor]) -> None:
        """Assigns the averages.

        Args:
            variables: The weights that the optimiser was built with.
        """
        super().finalize_variable_values(variables)


def make_optimizer(recipe: Recipe, steps: int, epochs: int) -> AveragingAdam:
    """Makes the optimiser of a recipe.

    Args:
        recipe: How the network is trained.
        steps: Batches of an epoch.
        epochs: Epochs after which the cosine ends.

    Returns:
        Adam with the recipe's rate, weight decay and moving average.
    """
    rate = rate_over_time(recipe.rate, round(recipe.warmup * steps), epochs * steps, recipe.shape)
    average = {"use_ema": True, "ema_momentum": recipe.average} if recipe.average else {}
    optimizer = AveragingAdam(rate, weight_decay=recipe.weight_decay or None, **average)
    if recipe.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Gives a model the averages of its weights while the block runs.

    Args:
        model: Compiled model. Nothing changes if its optimiser keeps no averages.

    Yields:
        Nothing.
    """
    if not model.optimizer.use_ema:
        yield
        return
    trained = _values(model.trainable_variables)
    model.optimizer.assign_averages(model.trainable_variables)
    # Assigned again as copies: on JAX the weights would share the arrays of the averages.
    _assign(model.trainable_variables, _values(model.trainable_variables))
    try:
        yield
    finally:
        _assign(model.trainable_variables, trained)


def _values(variables):
    return [np.array(ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def cross_entropy(smoothing: float = 0.0) -> Callable[[Tensor, Tensor], Tensor]:
    """Makes a cross-entropy loss with label smoothing.

    Args:
        smoothing: The label gets the probability 1 - smoothing, and each class smoothing / K more.

    Returns:
        Loss for Keras: labels `(B,)` or `(B, 1)` int, logits `(B, K)` -> `(B,)`.
    """

    def loss(labels, logits):
        log_p = ops.log_softmax(logits, axis=-1)
        index = ops.reshape(ops.cast(labels, "int32"), (-1, 1))
        at_label = ops.take_along_axis(log_p, index, axis=-1)[:, 0]
        return -(1 - smoothing) * at_label - smoothing * ops.mean(log_p, axis=-1)

    return loss
