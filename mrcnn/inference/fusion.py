"""Fusion: one list of detections from those of several views of an image, or of several models.

Three methods, each within a class:

* "nms": non-maximum suppression of all detections together.
* "soft_linear", "soft_gaussian": soft-NMS (Bodla et al. 2017, arXiv:1704.04503, equations 3 and 4)
  lowers the scores of what overlaps, and drops only what falls below a least score.
* "wbf": weighted boxes fusion (Solovyev et al. 2021, arXiv:1910.13302, section 3) averages the
  boxes that overlap, weighted by score. What only some members find loses score.

Boxes and scores equal those of the package ensemble-boxes 1.0.9, with four differences. Boxes may
be in pixels and are not clipped. Soft-NMS returns the lowered scores. With "nms" and soft-NMS,
weights are divided by the largest, not by their sum, so that equal weights change no score.
Detections with a score of 0 are dropped.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrcnn.typing import Array

__all__ = ["METHODS", "Fused", "FusionSettings", "fuse", "weighted_mean"]


@dataclass(frozen=True)
class FusionSettings:
    """How detections are fused.

    Attributes:
        method: "wbf", "nms", "soft_linear" or "soft_gaussian".
        iou_threshold: Detections of one class whose IoU is above this are one object.
            "soft_gaussian" lowers scores at any overlap.
        sigma: Of "soft_gaussian": a score is multiplied by exp(-IoU² / sigma).
        min_score: Detections with a lower score are dropped. Soft-NMS also drops what it lowers to
            this score or less.
        wbf_score: "avg": the sum of a cluster's weighted scores over the sum of the members'
            weights. "max": its largest weighted score over the largest weight.
    """

    method: str = "wbf"
    iou_threshold: float = 0.6
    sigma: float = 0.5
    min_score: float = 0.001
    wbf_score: str = "avg"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"A fusion method is one of {sorted(METHODS)}. Got {self.method!r}.")
        if self.wbf_score not in ("avg", "max"):
            raise ValueError(f'wbf_score is "avg" or "max". Got {self.wbf_score!r}.')
        if not 0 <= self.iou_threshold < 1:
            raise ValueError(f"iou_threshold lies in [0, 1). Got {self.iou_threshold}.")
        if not self.sigma > 0:
            raise ValueError(f"sigma is above 0. Got {self.sigma}.")


@dataclass(frozen=True)
class Fused:
    """Fused detections, best first, and what each was made of.

    M counts the detections of all members, one member after the other.

    Attributes:
        boxes: `(N, 4)` float32, yxyx, in the frame of the members' boxes.
        scores: `(N,)` float32.
        class_ids: `(N,)` int32.
        clusters: `(M,)` int32, the fused detection that each one became part of; -1 for none.
        shares: `(M,)` float64, the weight of each in its cluster, by score and member; they sum to
            1 in a cluster.
    """

    boxes: Array
    scores: Array
    class_ids: Array
    clusters: Array
    shares: Array

    def average(self, values: Sequence[Array]) -> Array:
        """Averages a field over the detections of each cluster.

        Args:
            values: `(n, ...)` of each member, a row for each of its detections.

        Returns:
            `(N, ...)` float32. Masks can be averaged so only if they fill the same box.
        """
        rows = np.concatenate([np.asarray(own, np.float64) for own in values])
        inside = self.clusters >= 0
        shares = self.shares[inside].reshape(-1, *[1] * (rows.ndim - 1))
        total = np.zeros((len(self.boxes), *rows.shape[1:]))
        np.add.at(total, self.clusters[inside], shares * rows[inside])
        return total.astype(np.float32)


def fuse(
    members: Sequence[Mapping[str, Any]],
    settings: FusionSettings | None = None,
    *,
    weights: Array | Sequence[float] | None = None,
    max_outputs: int | None = None,
) -> Fused:
    """Fuses the detections of several views or models in one image.

    Args:
        members: Of each, "boxes" `(n, 4)` yxyx in one frame, "scores" `(n,)` and "class_ids"
            `(n,)`, as a `Predictor` returns them.
        settings: Method and thresholds.
        weights: `(T,)`, of each of the T members, or `(T, K)`, of each member and class id. At
            least 0; a member with weight 0 for a class has no say in it. None: 1 each.
        max_outputs: Fused detections kept at most, the best; None for all.

    Returns:
        The fused detections. Boxes without area take no part.

    Raises:
        ValueError: Arrays or weights do not fit together.
    """
    settings = settings or FusionSettings()
    boxes, scores, class_ids, owners = _pooled(members)
    by_class = _weights_of(weights, len(members), class_ids)
    row_weights = by_class[owners, class_ids] if len(boxes) else np.zeros(0)
    has_area = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    taken = has_area & (scores >= settings.min_score) & (scores * row_weights > 0)

    out_boxes, out_scores, out_ids, count = [], [], [], 0
    clusters = np.full(len(boxes), -1, np.int32)
    for class_id in np.unique(class_ids[taken]):
        rows = np.flatnonzero(taken & (class_ids == class_id))
        rows = rows[np.argsort(-(scores * row_weights)[rows], kind="stable")]
        own = _Rows(boxes[rows], (scores * row_weights)[rows], by_class[:, class_id])
        class_boxes, class_scores, own_clusters = METHODS[settings.method](own, settings)
        clusters[rows] = np.where(own_clusters >= 0, own_clusters + count, -1)
        out_boxes.append(class_boxes)
        out_scores.append(class_scores)
        out_ids.append(np.full(len(class_boxes), class_id))
        count += len(class_boxes)
    fused = (
        np.concatenate([np.zeros((0, 4)), *out_boxes]),
        np.concatenate([np.zeros(0), *out_scores]),
        np.concatenate([np.zeros(0, int), *out_ids]),
    )
    return _best_first(*fused, clusters, scores * row_weights, max_outputs)


def weighted_mean(values: Sequence[Array], weights: Sequence[float | Array] | None = None) -> Array:
    """Averages what several views or models say of the same boxes.

    Args:
        values: `(N, ...)` of each member.
        weights: Of each member, a number or an array that broadcasts to its values; None: equal
            ones.

    Returns:
        `(N, ...)` float32, 0 where all weights are 0.
    """
    shares = [1.0] * len(values) if weights is None else weights
    shares = [np.asarray(share, np.float64) for share in shares]
    mean = sum(share * np.asarray(own, np.float64) for share, own in zip(shares, values))
    total = np.asarray(sum(shares))
    return (mean / np.where(total > 0, total, 1)).astype(np.float32)


@dataclass(frozen=True)
class _Rows:
    """The detections of one class, best first."""

    boxes: Array  # (n, 4)
    scores: Array  # (n,), times the weight of their member
    weights: Array  # (T,), of all members


def _nms(rows, settings):
    alive, kept = np.ones(len(rows.boxes), bool), []
    clusters = np.full(len(rows.boxes), -1)
    for i in range(len(rows.boxes)):
        if alive[i]:
            same = alive & (_iou(rows.boxes[i], rows.boxes) > settings.iou_threshold)
            same[i] = True
            clusters[same] = len(kept)
            alive &= ~same
            kept.append(i)
    return rows.boxes[kept], rows.scores[kept] / rows.weights.max(), clusters


def _soft_linear(rows, settings):
    def factor(iou):
        return np.where(iou > settings.iou_threshold, 1 - iou, 1.0)

    return _soft_nms(rows, settings, factor)


def _soft_gaussian(rows, settings):
    return _soft_nms(rows, settings, lambda iou: np.exp(-(iou**2) / settings.sigma))


def _soft_nms(rows, settings, factor):
    scores = rows.scores / rows.weights.max()
    waiting, kept = np.ones(len(scores), bool), []
    while waiting.any():
        i = int(np.argmax(np.where(waiting, scores, -np.inf)))
        if scores[i] <= settings.min_score:
            break  # the others score less
        kept.append(i)
        waiting[i] = False
        scores[waiting] *= factor(_iou(rows.boxes[i], rows.boxes[waiting]))
    clusters = np.full(len(scores), -1)
    for i in np.flatnonzero(waiting) if kept else []:
        # What is dropped belongs to the detection that it overlaps most.
        overlaps = _iou(rows.boxes[i], rows.boxes[kept])
        if overlaps.max() > settings.iou_threshold:
            clusters[i] = np.argmax(overlaps)
    clusters[kept] = np.arange(len(kept))
    return rows.boxes[kept], scores[kept], clusters


def _wbf(rows, settings):
    means = np.zeros((len(rows.boxes), 4))  # of the clusters so far
    totals, sizes, tops = (np.zeros(len(rows.boxes)) for _ in range(3))
    clusters, count = np.zeros(len(rows.boxes), int), 0
    for i, (box, score) in enumerate(zip(rows.boxes, rows.scores, strict=True)):
        overlaps = _iou(box, means[:count])
        at = int(np.argmax(overlaps)) if count else 0
        if count == 0 or overlaps[at] <= settings.iou_threshold:
            at, count = count, count + 1
        means[at] = (means[at] * totals[at] + box * score) / (totals[at] + score)
        totals[at] += score
        sizes[at] += 1
        tops[at] = max(tops[at], score)
        clusters[i] = at
    if settings.wbf_score == "max":
        scores = tops / rows.weights.max()
    else:
        # A member may find one object twice, so a cluster may hold more boxes than there are
        # members: their mean counts then.
        largest = np.count_nonzero(rows.weights)
        sizes = sizes[:count]
        scores = totals[:count] / sizes * np.minimum(largest, sizes) / rows.weights.sum()
    return means[:count], scores[:count], clusters


METHODS: dict[str, Callable[[_Rows, FusionSettings], tuple[Array, Array, Array]]] = {
    "nms": _nms,
    "soft_gaussian": _soft_gaussian,
    "soft_linear": _soft_linear,
    "wbf": _wbf,
}


def _iou(box, boxes):
    """The IoU of a box (4,) with boxes (n, 4), all with area: (n,) float64."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    return shared / (
        (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - shared
    )


def _best_first(boxes, scores, class_ids, clusters, row_scores, max_outputs):
    order = np.argsort(-scores, kind="stable")[:max_outputs]
    places = np.full(len(scores) + 1, -1)  # the last is that of cluster -1
    places[order] = np.arange(len(order))
    clusters = places[clusters].astype(np.int32)
    inside = clusters >= 0
    totals = np.zeros(len(order))
    np.add.at(totals, clusters[inside], row_scores[inside])
    shares = np.zeros(len(clusters))
    shares[inside] = row_scores[inside] / totals[clusters[inside]]
    return Fused(
        boxes[order].astype(np.float32),
        scores[order].astype(np.float32),
        class_ids[order].astype(np.int32),
        clusters,
        shares,
    )


def _pooled(members):
    """Boxes (M, 4), scores (M,), class ids (M,) and the member (M,) of all detections."""
    if not members:
        raise ValueError("Fusion needs the detections of at least one view or model. Got none.")
    columns = ([], [], [], [])
    for t, member in enumerate(members):
        boxes = np.asarray(member["boxes"], np.float64).reshape(-1, 4)
        scores = np.asarray(member["scores"], np.float64)
        class_ids = np.asarray(member["class_ids"], np.int64)
        if not scores.shape == class_ids.shape == (len(boxes),):
            raise ValueError(
                f"Member {t} has {len(boxes)} boxes, scores of shape {scores.shape} and class_ids "
                f"of shape {class_ids.shape}. Expected one of each for every detection."
            )
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise ValueError(f"Member {t} has boxes or scores that are not finite numbers.")
        own = (boxes, scores, class_ids, np.full(len(boxes), t))
        for column, part in zip(columns, own, strict=True):
            column.append(part)
    return tuple(np.concatenate(column) for column in columns)


def _weights_of(weights, count, class_ids):
    """Weights (T, K) of each member and class id."""
    classes = int(class_ids.max(initial=0)) + 1
    given = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if given.ndim == 1:
        given = np.repeat(given[:, None], classes, axis=1)
    if given.ndim != 2 or len(given) != count or given.shape[1] < classes:
        raise ValueError(
            f"Expected weights of shape ({count},), or ({count}, K) with K of at least {classes}, "
            f"for {count} members. Got shape {np.shape(weights)}."
        )
    if not np.isfinite(given).all() or given.min() < 0 or given.max() == 0:
        raise ValueError("Weights are at least 0, finite, and not all 0.")
    return given
