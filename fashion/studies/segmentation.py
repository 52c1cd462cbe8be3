"""The study of semantic segmentation as data: networks x losses x optimisers, at two sizes."""

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

LOSSES = {"ce": "cross-entropy", "focal": "focal loss"}
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
    """

    network: str
    loss: str
    optimizer: str
    size: int

    @property
    def name(self) -> str:
        """Name on the command line and of folders, without the size."""
        return f"{self.network}-{self.loss}-{self.optimizer}"

    @property
    def title(self) -> str:
        """Name in tables and pages."""
        return f"{NETWORK_TITLES[self.network]}, {LOSSES[self.loss]}, {OPTIMIZERS[self.optimizer]}"

    def make_loss(
        self, gamma: float, class_weights: Sequence[float] | Array | None = None
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """Makes the loss for Keras.

        Args:
            gamma: Exponent of the focal loss.
            class_weights: `(K,)`, weights of the classes; None for equal ones.

        Returns:
            `(labels, logits)` -> scalar, see `pixel_loss`.
        """
        from fashion.semantic.losses import pixel_loss

        loss = functools.partial(
            pixel_loss, gamma=gamma if self.loss == "focal" else 0.0, class_weights=class_weights
        )
        return lambda labels, logits: loss(logits, labels)

    def make_optimizer(self) -> "keras.optimizers.Optimizer":
        """Makes a new optimiser.

        Returns:
            Adam, or SGD with momentum.
        """
        import keras

        if self.optimizer == "sgd":
            return keras.optimizers.SGD(RATES["sgd"], momentum=MOMENTUM)
        return keras.optimizers.Adam(RATES["adam"])


def variants(networks: Iterable[str], size: int) -> list[Variant]:
    """Lists all variants of some networks at one size.

    Args:
        networks: Keys of `NETWORK_TITLES`.
        size: Side of the input in pixels.

    Returns:
        The variants, in the order of the tables.
    """
    return [Variant(*names, size) for names in itertools.product(networks, LOSSES, OPTIMIZERS)]


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
