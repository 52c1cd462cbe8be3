"""The average precision of one image's instances, as Matterport defines it: all classes in one list, one mask IoU threshold.

For a number to publish use `mrcnn.evaluation.coco`: COCO sorts the detections of all images before it takes an average, keeps
classes apart and forgives crowds. This one is for looking at single images, and for comparing with figures of old.
"""

from dataclasses import dataclass

import numpy as np

# Masks are compared a stripe of pixels at a time: 52 MB of float32 for a hundred of them, whatever the size of the image.
STRIPE_PIXELS = 1 << 17
# COCO's thresholds of the IoU.
IOU_THRESHOLDS = np.arange(0.5, 1.0, 0.05)


@dataclass(frozen=True)
class Comparison:
    """The predictions of one image, best first, beside its objects.

    gt_class_ids: (M,) int; pred_class_ids: (N,) int, in descending order of score; overlaps: (N, M) float32, IoU of their masks
    """

    gt_class_ids: np.ndarray
    pred_class_ids: np.ndarray
    overlaps: np.ndarray

    def matches(self, iou_threshold=0.5, overlap_floor=0.0):
        """Who found whom. Best first, every prediction takes the object of its class that it overlaps most, among those that are
        still free and overlap it by `iou_threshold` and `overlap_floor` at least.

        Returns: gt_match (M,) int64, the prediction that found each object; pred_match (N,) int64, the object that each prediction
        found; -1 for none.
        """
        gt_match = np.full(len(self.gt_class_ids), -1)
        pred_match = np.full(len(self.pred_class_ids), -1)
        candidates = self.pred_class_ids[:, None] == self.gt_class_ids
        candidates &= (self.overlaps >= iou_threshold) & (self.overlaps >= overlap_floor)
        for i in np.flatnonzero(candidates.any(axis=1)):
            free = candidates[i] & (gt_match < 0)
            if free.any():
                pred_match[i] = np.argmax(np.where(free, self.overlaps[i], -1.0))
                gt_match[pred_match[i]] = i
        return gt_match, pred_match

    def average_precision(self, iou_threshold=0.5):
        """Area under the precision-recall curve, the precision made to fall monotonically (as PASCAL VOC does since 2010).

        Returns: AP, float; precisions and recalls, both (N + 2,) float64, with the curve's two ends. Without predictions AP is 0.
        Without objects there is no recall: AP and the recalls are nan, so that np.nanmean over images leaves this one out.
        """
        objects = len(self.gt_class_ids)
        found = np.cumsum(self.matches(iou_threshold)[1] > -1)
        precisions = np.concatenate([[0.0], found / np.arange(1, len(found) + 1), [0.0]])
        precisions = np.maximum.accumulate(precisions[::-1])[::-1]
        recalls = np.concatenate(
            [[0.0], found / objects if objects else np.full(len(found), np.nan), [1.0]]
        )
        if not objects:
            return float("nan"), precisions, recalls
        return float(np.sum(np.diff(recalls) * precisions[1:])), precisions, recalls


def compare(gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks):
    """The `Comparison` of an image's objects and predictions.

    *_boxes: (n, 4), where a row of zeros is padding; *_class_ids: (n,); pred_scores: (n,)
    *_masks: (H, W, n) of the whole image, bool or any numbers, of which more than 0.5 is covered
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
    # All are compared and then sorted: gathering masks along their last axis would take longer than comparing them.
    overlaps = mask_overlaps(pred_masks, gt_masks)[np.ix_(pred, gt)]
    return Comparison(np.asarray(gt_class_ids)[gt], np.asarray(pred_class_ids)[pred], overlaps)


def real_rows(rows):
    """(n, k), padded with rows of zeros -> (m,) int64, the indices of the others."""
    rows = np.asarray(rows)
    if rows.ndim != 2:
        raise ValueError(
            f"Boxes, or other rows that may be padded with zeros, have two axes. Got shape {rows.shape}."
        )
    return np.flatnonzero((rows != 0).any(axis=1))


def mask_overlaps(masks_a, masks_b):
    """IoU of every mask with every other: (H, W, N), (H, W, M) -> (N, M) float32; 0 where both are empty.

    A pixel is covered where a mask, bool or any numbers, is above 0.5.
    """
    masks_a, masks_b = np.asarray(masks_a), np.asarray(masks_b)
    n, m = masks_a.shape[-1], masks_b.shape[-1]
    if not (n and m):
        return np.zeros((n, m), np.float32)
    if masks_a.shape[:-1] != masks_b.shape[:-1]:
        raise ValueError(
            f"Masks can be compared only on one canvas (height, width). Got {masks_a.shape[:-1]} and {masks_b.shape[:-1]}; "
            "mini-masks have to be expanded first, or the ground truth loaded with use_mini_mask=False."
        )
    masks_a, masks_b = masks_a.reshape(-1, n), masks_b.reshape(-1, m)
    area_a, area_b, intersection = np.zeros(n), np.zeros(m), np.zeros((n, m))
    for start in range(0, len(masks_a), STRIPE_PIXELS):
        # float32, because matrix products of integers do not use BLAS; a stripe's counts are exact in it.
        a, b = (
            _covered(masks[start : start + STRIPE_PIXELS]).astype(np.float32)
            for masks in (masks_a, masks_b)
        )
        area_a += a.sum(axis=0)
        area_b += b.sum(axis=0)
        intersection += a.T @ b
    union = area_a[:, None] + area_b - intersection
    return (intersection / np.maximum(union, 1.0)).astype(np.float32)


def _covered(masks):
    return masks if masks.dtype == bool else masks > 0.5


def recall(overlaps, iou_threshold):
    """How many objects are found, whatever their class.

    overlaps: (N, M) IoU of predictions and objects; a prediction speaks for the object that it overlaps most
    Returns: share of the M objects that a prediction speaks for by `iou_threshold` or more, float, nan without objects;
        indices of those predictions, (n,) int64.
    """
    if not overlaps.size:
        return 0.0 if overlaps.shape[1] else float("nan"), np.zeros(0, np.int64)
    positive = np.flatnonzero(overlaps.max(axis=1) >= iou_threshold)
    return len(np.unique(overlaps[positive].argmax(axis=1))) / overlaps.shape[1], positive


def _check_counts(what, rows, counts):
    """counts may exceed the boxes (padding that the boxes no longer have), but every box that is none needs its own."""
    needed = int(rows[-1]) + 1 if len(rows) else 0
    if min(counts.values()) < needed:
        raise ValueError(
            f"Every box of the {what} needs a class id, a mask and, if predicted, a score of its own. Got {needed} boxes, but "
            + ", ".join(f"{n} {name}" for name, n in counts.items())
            + "; masks are (height, width, number of objects)."
        )
