"""Losses of attributes: cross-entropy, focal or asymmetric, with weights for rare attributes and a choice of the hardest absent ones."""

import dataclasses

import numpy as np
from keras import ops

from fashion.config import CHOICES
from mrcnn.ops.losses import asymmetric_loss, binary_cross_entropy, focal_loss

KINDS = CHOICES["ATTRIBUTE_LOSS"]
ROIS, EMPTY = CHOICES["ATTRIBUTE_ROIS"], CHOICES["ATTRIBUTE_EMPTY"]
MOST = 100.0  # a positive counts at most this often, however rare it is


def targets_of(samples, empty):
    """The truth at the sampled rois.

    samples: `mrcnn.modeling.roi_sampling.RoISamples` with gt_attributes (B, M, T), 0 or 1
    empty: objects without attributes are taught as having none ("none"), are left out ("exclude"), or have one attribute more, the last,
        which stands for them ("background"; a CS231n report's 295th)
    Returns: targets (B, R, T or T + 1) float32, used (B, R) float32. Rois on the background have no attributes.
    """
    on_objects = samples.is_positive[..., None]
    targets = ops.cast(samples.gather("gt_attributes"), "float32") * on_objects
    described = ops.max(targets, axis=-1)
    used = samples.valid
    if empty == "exclude":
        used = used * ops.maximum(1.0 - samples.is_positive, described)
    if empty == "background":
        targets = ops.concatenate([targets, 1.0 - described[..., None]], axis=-1)
    return targets, used


@dataclasses.dataclass(frozen=True)
class AttributeLoss:
    """kind: one of KINDS; alpha, gamma: of the focal loss; gamma_positive, gamma_negative, margin: of the asymmetric one
    positive_weight: (T,) floats, how often a present attribute counts; empty: once
    hard_negatives: of the absent attributes of a roi only so many count, those that cost the most; 0: all
    """

    kind: str = "bce"
    alpha: float = 0.25
    gamma: float = 2.0
    gamma_positive: float = 0.0
    gamma_negative: float = 4.0
    margin: float = 0.05
    positive_weight: tuple = ()
    hard_negatives: int = 0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(
                f"The loss of attributes is one of {', '.join(KINDS)}. Got {self.kind!r}."
            )
        if self.hard_negatives < 0:
            raise ValueError(
                f"hard_negatives is how many absent attributes of a roi count, or 0 for all. Got {self.hard_negatives}."
            )

    def __call__(self, logits, targets):
        """logits, targets: (B, R, T) -> (B, R) float32, the sum over attributes.

        A sum, not a mean: the strength of what is learned must not depend on how many absent attributes are listed.
        """
        if self.kind == "focal":
            each = focal_loss(logits, targets, self.alpha, self.gamma)
        elif self.kind == "asymmetric":
            each = asymmetric_loss(
                logits, targets, self.gamma_positive, self.gamma_negative, self.margin
            )
        else:
            each = binary_cross_entropy(logits, targets)
        present, absent = each * targets, each * (1.0 - targets)
        if len(self.positive_weight):
            weight = np.ones(
                targets.shape[-1], np.float32
            )  # an attribute for "none", the last, counts once
            weight[: len(self.positive_weight)] = self.positive_weight
            present = present * weight
        if 0 < self.hard_negatives < targets.shape[-1]:
            absent = ops.top_k(absent, self.hard_negatives, sorted=False)[0]
        return ops.sum(present, axis=-1) + ops.sum(absent, axis=-1)


def positive_weights(counts, objects, power):
    """How often a present attribute counts: (absent / present) ** power, at most MOST.

    counts: (T,) int, objects of the training data that have each; objects: int, all that could; power: 1 balances, 0 does nothing
    Returns: tuple of T floats, empty for power 0.
    """
    if not power:
        return ()
    present = np.maximum(
        np.asarray(counts, np.float64), 0.5
    )  # one that never occurs must not divide by zero
    return tuple(np.minimum((np.maximum(objects - present, 0.5) / present) ** power, MOST).tolist())
