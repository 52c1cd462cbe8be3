"""Average precision of one image as Matterport defines it: all classes in one list, one mask IoU.

For numbers to publish use `mrcnn.evaluation.coco`: COCO sorts the detections of all images
together, keeps classes apart and ignores crowds. This one is for single images, and for comparison
with published numbers of Matterport's code.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mrcnn.typing import Array

# Masks are compared by stripes of pixels: 52 MB of float32 for a hundred masks of any image size.
STRIPE_PIXELS = 1 << 17
# COCO's IoU thresholds.
IOU_THRESHOLDS = np.arange(0.5, 1.0, 0.05)


@dataclass(frozen=True)
class Comparison:
    """The predictions and the ground truth of one image.

    Attributes:
        gt_class_ids: `(M,)` int.
        pred_class_ids: `(N,)` int, in descending order of score.
        overlaps: `(N, M)` float32, IoU of the masks.
    """

    gt_class_ids: Array
    pred_class_ids: Array
    overlaps: Array

    def matches(
        self, iou_threshold: float = 0.5, overlap_floor: float = 0.0
    ) -> tuple[Array, Array]:
        """Matches predictions with objects.

        Predictions choose in order of score. Each takes the unmatched object of its class that it
        overlaps most.

        Args:
            iou_threshold: Least IoU of a match.
            overlap_floor: A second least IoU.

        Returns:
            gt_match: `(M,)` int64, the prediction of each object, -1 for none.
            pred_match: `(N,)` int64, the object of each prediction, -1 for none.
        """
        gt_match = np.full(len(self.gt_class_ids), -1)
        pred_match = np.full(len(self.pred_class_ids), -1)
        candidates = self.pred_class_ids[:, None] == self.gt_class_ids
        candidates &= (self.overlaps >= iou_threshold) & (self.overlaps >= overlap_floor)
        for i in np.flatnonzero(candidates.any(axis=1)):
            # The most confident prediction chooses first, as in COCO and in Matterport's code.
            free = candidates[i] & (gt_match < 0)
            if free.any():
                pred_match[i] = np.argmax(np.where(free, self.overlaps[i], -1.0))
                gt_match[pred_match[i]] = i
        return gt_match, pred_match

    def average_precision(self, iou_threshold: float = 0.5) -> tuple[float, Array, Array]:
        """Computes the area under the precision-recall curve.

        Precision is made monotonic, as PASCAL VOC does since 2010.

        Args:
            iou_threshold: Least IoU of a match.

        Returns:
            ap: 0 without predictions. Without objects there is no recall: nan, so that np.nanmean
                over images leaves this one out.
            precisions: `(N + 2,)` float64, with both ends of the curve.
            recalls: `(N + 2,)` float64.
        """
        objects = len(self.gt_class_ids)
        matched = np.cumsum(self.matches(iou_threshold)[1] > -1)
        precisions = np.concatenate([[0.0], matched / np.arange(1, len(matched) + 1), [0.0]])
        # Precision at a recall is the best at this recall or a larger one (PASCAL VOC since 2010).
        precisions = np.maximum.accumulate(precisions[::-1])[::-1]
        recalls = np.concatenate(
            [[0.0], matched / objects if objects else np.full(len(matched), np.nan), [1.0]]
        )
        if not objects:
            return float("nan"), precisions, recalls
        return float(np.sum(np.diff(recalls) * precisions[1:])), precisions, recalls


def compare(
    gt_boxes: Array,
    gt_class_ids: Array,
    gt_masks: Array,
    pred_boxes: Array,
    pred_class_ids: Array,
    pred_scores: Array,
    pred_masks: Array,
) -> Comparison:
    """Compares the predictions and the ground truth of one image.

    Args:
        gt_boxes: `(M, 4)`; rows of zeros are padding.
        gt_class_ids: `(M,)`.
        gt_masks: `(H, W, M)` of the whole image; pixels above 0.5 are covered.
        pred_boxes: `(N, 4)`; rows of zeros are padding.
        pred_class_ids: `(N,)`.
        pred_scores: `(N,)`.
        pred_masks: `(H, W, N)` of the whole image.

    Returns:
        The comparison, without padding.

    Raises:
        ValueError: A box lacks its class id, mask or score; or masks have different sizes.
    """
    gt, pred = real_rows(gt_boxes), real_rows(pred_boxes)
    _check_counts(
        "ground truth", gt, {"class ids": len(gt_class_ids), "masks": np.shape(gt_masks)[-1]}
    )
    _check_counts(
        "predictions",
        pred,
        {
            "class ids": len(pred_class_ids),
            "masks": np.shape(pred_masks)[-1],
            "scores": len(pred_scores),
        },
    )
    pred = pred[np.argsort(-np.asarray(pred_scores)[pred], kind="stable")]
    # Sorted after comparing: gathering masks along the last axis takes longer than comparing all.
    overlaps = mask_overlaps(pred_masks, gt_masks)[np.ix_(pred, gt)]
    return Comparison(np.asarray(gt_class_ids)[gt], np.asarray(pred_class_ids)[pred], overlaps)


def real_rows(rows: Array) -> Array:
    """Finds rows that are not padding.

    Args:
        rows: `(n, k)`; rows of zeros are padding.

    Returns:
        `(m,)` int64, indices of the others.

    Raises:
        ValueError: There are not two axes.
    """
    rows = np.asarray(rows)
    if rows.ndim != 2:
        raise ValueError(
            "Boxes, or other rows that may be padded with zeros, have two axes. Got shape "
            f"{rows.shape}."
        )
    return np.flatnonzero((rows != 0).any(axis=1))


def mask_overlaps(masks_a: Array, masks_b: Array) -> Array:
    """Computes the IoU of all pairs of masks.

    Args:
        masks_a: `(H, W, N)`, bool or numbers; pixels above 0.5 are covered.
        masks_b: `(H, W, M)`.

    Returns:
        `(N, M)` float32; 0 where both are empty.

    Raises:
        ValueError: The sizes differ.
    """
    masks_a, masks_b = np.asarray(masks_a), np.asarray(masks_b)
    n, m = masks_a.shape[-1], masks_b.shape[-1]
    if not (n and m):
        return np.zeros((n, m), np.float32)
    if masks_a.shape[:-1] != masks_b.shape[:-1]:
        raise ValueError(
            "Masks can be compared only on one canvas (height, width). Got "
            f"{masks_a.shape[:-1]} and {masks_b.shape[:-1]}; mini-masks have to be expanded first, "
            "or the ground truth loaded with use_mini_mask=False."
        )
    masks_a, masks_b = masks_a.reshape(-1, n), masks_b.reshape(-1, m)
    area_a, area_b, intersection = np.zeros(n), np.zeros(m), np.zeros((n, m))
    for start in range(0, len(masks_a), STRIPE_PIXELS):
        # float32, since matrix products of integers do not use BLAS; counts of a stripe are exact.
        a, b = (
            _covered(masks[start : start + STRIPE_PIXELS]).astype(np.float32)
            for masks in (masks_a, masks_b)
        )
        area_a += a.sum(axis=0)
        area_b += b.sum(axis=0)
        intersection += a.T @ b
    union = area_a[:, None] + area_b - intersection
    return (intersection / np.maximum(union, 1.0)).astype(np.float32)


def _covered(masks: Array) -> Array:
    return masks if masks.dtype == bool else masks > 0.5


def recall(overlaps: Array, iou_threshold: float) -> tuple[float, Array]:
    """Computes recall without regard to class.

    A prediction can match only the object that it overlaps most.

    Args:
        overlaps: `(N, M)` IoU of predictions and objects.
        iou_threshold: Least IoU of a match.

    Returns:
        recall: Matched objects over all objects; nan without objects.
        indices: `(n,)` int64, the predictions that match.
    """
    if not overlaps.size:
        return 0.0 if overlaps.shape[1] else float("nan"), np.zeros(0, np.int64)
    positive = np.flatnonzero(overlaps.max(axis=1) >= iou_threshold)
    return len(np.unique(overlaps[positive].argmax(axis=1))) / overlaps.shape[1], positive


def _check_counts(what: str, rows: Array, counts: Mapping[str, int]) -> None:
    """Raises ValueError if a box lacks its class id, mask or score. There may be more of those."""
    needed = int(rows[-1]) + 1 if len(rows) else 0
    if min(counts.values()) < needed:
        raise ValueError(
            f"Every box of the {what} needs a class id, a mask and, if predicted, a score. Got "
            f"{needed} boxes, but "
            + ", ".join(f"{n} {name}" for name, n in counts.items())
            + "; masks are (height, width, number of objects)."
        )
