"""The study of semantic segmentation as data: networks x losses x optimizers x schedules."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fashion.semantic.names import NETWORK_TITLES
from mrcnn.typing import Array, Tensor

if TYPE_CHECKING:  # the options of `segment` need the names alone
    import keras

# Losses of regions are added to cross-entropy: alone they ignore categories that a batch lacks.
LOSSES = {
    "ce": "cross-entropy",
    "focal": "focal loss",
    "dice": "cross-entropy + Dice",
    "lovasz": "cross-entropy + Lovász",
}
REPORTED_LOSSES = ("ce", "focal")  # those of the report
# Learning rates over a training; the report has constant ones.
SCHEDULES = {"constant": "", "step": "in steps", "cosine": "cosine"}
# "step" divides the rate by 10 after these shares of the training, as the detector's does.
STEPS = (2 / 3, 8 / 9)
OPTIMIZERS = {"adam": "Adam", "sgd": "SGD"}
RATES = {"adam": 1e-3, "sgd": 1e-2}
MOMENTUM = 0.9  # of SGD
REPORTED = ("unet", "segnet", "fcn")  # the networks of the report


@dataclasses.dataclass(frozen=True)
class Variant:
    """A training of the study, with any seed.

    Attributes:
        network: A key of `NETWORK_TITLES`.
        loss: A key of `LOSSES`.
        optimizer: A key of `OPTIMIZERS`.
        size: Side of the input in pixels.
        schedule: A key of `SCHEDULES`.
    """

    network: str
    loss: str
    optimizer: str
    size: int
    schedule: str = "constant"

    @property
    def name(self) -> str:
        """Name on the command line and of folders, without the size."""
        schedule = "" if self.schedule == "constant" else f"-{self.schedule}"
        return f"{self.network}-{self.loss}-{self.optimizer}{schedule}"

    @property
    def how(self) -> str:
        """How it is trained: loss, optimizer and schedule, in tables and pages."""
        schedule = SCHEDULES[self.schedule]
        optimizer = f"{OPTIMIZERS[self.optimizer]} {schedule}".strip()
        return f"{LOSSES[self.loss]}, {optimizer}"

    @property
    def title(self) -> str:
        """Name in tables and pages."""
        return f"{NETWORK_TITLES[self.network]}, {self.how}"

    def make_loss(
        self, gamma: float, class_weights: Sequence[float] | Array | None = None
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """Makes the loss for Keras.

        Args:
            gamma: Exponent of the focal loss.
            class_weights: `(K,)`, weights of the classes in the mean over pixels; None for equal
                ones.

        Returns:
            `(labels, logits)` -> scalar, see `fashion.semantic.losses`.
        """
        from fashion.semantic.losses import dice_loss, lovasz_loss, pixel_loss

        gamma = gamma if self.loss == "focal" else 0.0
        of_pixels = functools.partial(pixel_loss, gamma=gamma, class_weights=class_weights)
        of_regions = {"dice": dice_loss, "lovasz": lovasz_loss}.get(self.loss)
        if of_regions is None:
            return lambda labels, logits: of_pixels(logits, labels)
        return lambda labels, logits: of_pixels(logits, labels) + of_regions(logits, labels)

    def make_optimizer(self, total_steps: int) -> "keras.optimizers.Optimizer":
        """Makes a new optimizer.

        Args:
            total_steps: Batches of the training.

        Returns:
            Adam, or SGD with momentum.
        """
        import keras

        from mrcnn.training.optimizers import rate_over_time

        rate = rate_over_time(RATES[self.optimizer], 0, total_steps, self.schedule, STEPS)
        if self.optimizer == "sgd":
            return keras.optimizers.SGD(rate, momentum=MOMENTUM)
        return keras.optimizers.Adam(rate)


def variants(
    networks: Iterable[str],
    size: int,
    losses: Iterable[str] = REPORTED_LOSSES,
    schedules: Iterable[str] = ("constant",),
) -> list[Variant]:
    """Lists all variants of some networks at one size.

    Args:
        networks: Keys of `NETWORK_TITLES`.
        size: Side of the input in pixels.
        losses: Keys of `LOSSES`.
        schedules: Keys of `SCHEDULES`.

    Returns:
        The variants, in the order of the tables.
    """
    every = itertools.product(networks, losses, OPTIMIZERS, schedules)
    return [
        Variant(network, loss, optimizer, size, schedule)
        for network, loss, optimizer, schedule in every
    ]


def every_variant(size: int) -> list[Variant]:
    """Lists all variants of one size: every network, loss, optimizer and schedule.

    Args:
        size: Side of the input in pixels.

    Returns:
        The variants.
    """
    return variants(NETWORK_TITLES, size, LOSSES, SCHEDULES)


def best(scores: Mapping[Variant, Sequence[Mapping[str, Any]]], count: int = 2) -> list[Variant]:
    """Finds the variants with the highest binary IoU, the report's metric, then pixel accuracy.

    Args:
        scores: `pixel_scores` of the validation images for each seed, by variant.
        count: Number of variants.

    Returns:
        The best variants by the means over the seeds, the best first.
    """

    def merit(variant):
        rows = scores[variant]
        binary_iou = np.mean([row["binary_iou"] for row in rows])
        return binary_iou, np.mean([row["pixel_accuracy"] for row in rows])

    return sorted(scores, key=merit, reverse=True)[:count]


def only_background(scores: Mapping[str, Any]) -> Array:
    """Counts the confusion of a network that predicts background everywhere.

    Args:
        scores: `pixel_scores` of any network on the same images.

    Returns:
        `(1 + K, 1 + K)` int64; row: ground truth, column: prediction.
    """
    pixels = [row["pixels"] for row in scores["per_category"].values()]
    counts = np.zeros((1 + len(pixels),) * 2, np.int64)
    counts[:, 0] = [scores["pixels"] - sum(pixels), *pixels]
    return counts
