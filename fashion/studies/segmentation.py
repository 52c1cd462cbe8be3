"""The study: networks x losses x optimisers at one size, and the best of them at a larger one."""

import dataclasses
import functools
import itertools

import keras
import numpy as np

from fashion.semantic.losses import pixel_loss
from fashion.semantic.networks import NETWORKS

LOSSES = {"ce": "cross-entropy", "focal": "focal loss"}
OPTIMIZERS = {"adam": "Adam", "sgd": "SGD"}
RATES = {"adam": 1e-3, "sgd": 1e-2}
MOMENTUM = 0.9  # of SGD
REPORTED = ("unet", "segnet", "fcn")  # the networks of the report


@dataclasses.dataclass(frozen=True)
class Variant:
    """One training of the study, whatever its seed; the fields are keys of NETWORKS, LOSSES and OPTIMIZERS, and pixels."""

    network: str
    loss: str
    optimizer: str
    size: int

    @property
    def name(self):
        """As the command line and folders call it, without the size."""
        return f"{self.network}-{self.loss}-{self.optimizer}"

    @property
    def title(self):
        """For people."""
        return f"{NETWORKS[self.network].title}, {LOSSES[self.loss]}, {OPTIMIZERS[self.optimizer]}"

    def make_loss(self, gamma, class_weights=None):
        """callable (labels, logits) -> scalar; gamma: of the focal loss. See `pixel_loss`."""
        loss = functools.partial(
            pixel_loss, gamma=gamma if self.loss == "focal" else 0.0, class_weights=class_weights
        )
        return lambda labels, logits: loss(logits, labels)

    def make_optimizer(self):
        """A Keras optimiser."""
        if self.optimizer == "sgd":
            return keras.optimizers.SGD(RATES["sgd"], momentum=MOMENTUM)
        return keras.optimizers.Adam(RATES["adam"])


def variants(networks, size):
    """All variants of these networks at one size, in the order of the tables."""
    return [Variant(*names, size) for names in itertools.product(networks, LOSSES, OPTIMIZERS)]


def best(scores, count=2):
    """The `count` best variants by the report's measure, binary IoU, then pixel accuracy, of the validation photos; means of the seeds.

    scores: {Variant: [scores of each seed, as `mrcnn.evaluation.semantic_iou.pixel_scores` returns them]}
    """

    def merit(variant):
        return tuple(
            np.mean([row[key] for row in scores[variant]])
            for key in ("binary_iou", "pixel_accuracy")
        )

    return sorted(scores, key=merit, reverse=True)[:count]


def only_background(scores):
    """(1 + K, 1 + K) counts if every pixel of the photos that gave these `pixel_scores` were said to be background."""
    pixels = [row["pixels"] for row in scores["per_category"].values()]
    counts = np.zeros((1 + len(pixels),) * 2, np.int64)
    counts[:, 0] = [scores["pixels"] - sum(pixels), *pixels]
    return counts
