"""Targets and losses of attributes: cross-entropy, focal or asymmetric, weighted by rarity."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from keras import ops

from fashion.config import CHOICES
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.ops.losses import asymmetric_loss, binary_cross_entropy, focal_loss
from mrcnn.typing import Array, Tensor

KINDS = CHOICES["ATTRIBUTE_LOSS"]
ROIS, EMPTY = CHOICES["ATTRIBUTE_ROIS"], CHOICES["ATTRIBUTE_EMPTY"]
MAX_WEIGHT = 100.0  # of a present attribute, however rare


def targets_of(samples: RoISamples, empty: str) -> tuple[Tensor, Tensor]:
    """Gathers the ground-truth attributes of sampled RoIs.

    Args:
        samples: With the column gt_attributes `(B, M, T)`, 0 or 1.
        empty: What objects without attributes mean. "none": they have none; "exclude": unknown,
            left out of the loss; "background": they have one more attribute, the last, which
            stands for "no attributes".

    Returns:
        targets: `(B, R, T)` float32, or `(B, R, T + 1)` for "background". RoIs on the background
            have no attributes.
        valid: `(B, R)` float32, 1 for RoIs that count in the loss.
    """
    on_objects = samples.is_positive[..., None]
    targets = ops.cast(samples.gather("gt_attributes"), "float32") * on_objects
    described = ops.max(targets, axis=-1)
    valid = samples.valid
    if empty == "exclude":
        valid = valid * ops.maximum(1.0 - samples.is_positive, described)
    if empty == "background":
        targets = ops.concatenate([targets, 1.0 - described[..., None]], axis=-1)
    return targets, valid


@dataclasses.dataclass(frozen=True)
class AttributeLoss:
    """Sums a binary loss over the attributes of each RoI.

    Attributes:
        kind: One of `KINDS`.
        alpha: Weight of present attributes in the focal loss (Lin et al., "Focal Loss", 2017).
        gamma: Focusing parameter of the focal loss.
        gamma_positive: Focusing parameter of present attributes in the asymmetric loss
            (Ridnik et al., "Asymmetric Loss", 2021).
        gamma_negative: Focusing parameter of absent attributes in the asymmetric loss.
        margin: Probability below which an absent attribute costs nothing in the asymmetric loss.
        positive_weight: T floats, weights of present attributes; empty for 1.
        hard_negatives: Number of absent attributes of a RoI that count, those with the highest
            loss; 0 for all.

    Raises:
        ValueError: If `kind` is unknown or `hard_negatives` negative.
    """

    kind: str = "bce"
    alpha: float = 0.25
    gamma: float = 2.0
    gamma_positive: float = 0.0
    gamma_negative: float = 4.0
    margin: float = 0.05
    positive_weight: Sequence[float] = ()
    hard_negatives: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(
                f"The loss of attributes is one of {', '.join(KINDS)}. Got {self.kind!r}."
            )
        if self.hard_negatives < 0:
            raise ValueError(
                "hard_negatives is how many absent attributes of a roi count, or 0 for all. Got "
                f"{self.hard_negatives}."
            )

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Computes the loss of each RoI.

        Args:
            logits: `(B, R, T)` float32.
            targets: `(B, R, T)` float32, 0 or 1.

        Returns:
            `(B, R)` float32.
        """
        each = LOSSES[self.kind](self, logits, targets)
        present, absent = each * targets, each * (1.0 - targets)
        if len(self.positive_weight):
            # The last attribute of `empty="background"` has weight 1.
            weight = np.ones(targets.shape[-1], np.float32)
            weight[: len(self.positive_weight)] = self.positive_weight
            present = present * weight
        if 0 < self.hard_negatives < targets.shape[-1]:
            absent = ops.top_k(absent, self.hard_negatives, sorted=False)[0]
        # A sum, not a mean: the gradient of a present attribute must not depend on how many absent
        # ones the label list has.
        return ops.sum(present, axis=-1) + ops.sum(absent, axis=-1)


def _cross_entropy(loss: AttributeLoss, logits: Tensor, targets: Tensor) -> Tensor:
    return binary_cross_entropy(logits, targets)


def _focal(loss: AttributeLoss, logits: Tensor, targets: Tensor) -> Tensor:
    return focal_loss(logits, targets, loss.alpha, loss.gamma)


def _asymmetric(loss: AttributeLoss, logits: Tensor, targets: Tensor) -> Tensor:
    return asymmetric_loss(logits, targets, loss.gamma_positive, loss.gamma_negative, loss.margin)


# A loss for each of KINDS: (the settings, logits, targets) -> (B, R, T), one loss for each output.
LOSSES = {"bce": _cross_entropy, "focal": _focal, "asymmetric": _asymmetric}


def positive_weights(counts: Sequence[int] | Array, objects: int, power: float) -> tuple:
    """Computes weights of present attributes, (absent / present) ** power, at most `MAX_WEIGHT`.

    Args:
        counts: `(T,)` int, training objects that have each attribute.
        objects: Training objects that could have attributes.
        power: 1 balances present and absent, 0 does nothing.

    Returns:
        T floats; empty for power 0.
    """
    if not power:
        return ()
    # 0.5: an attribute that never occurs must not divide by zero.
    present = np.maximum(np.asarray(counts, np.float64), 0.5)
    ratio = np.maximum(objects - present, 0.5) / present
    return tuple(np.minimum(ratio**power, MAX_WEIGHT).tolist())
