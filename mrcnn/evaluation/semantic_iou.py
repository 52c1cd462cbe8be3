"""Scores of semantic segmentation, from a confusion matrix over pixels.

Counts of all images are added first and divided last: with a mean over images, the weight of a
pixel would depend on its image.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mrcnn.typing import Array


def confusion(gt_labels: Array, labels: Array, count: int) -> Array:
    """Counts pixels by ground-truth label and predicted label.

    Args:
        gt_labels: Integers; pixels with a label of `count` or more are ignored.
        labels: Predicted labels in 0..count-1, the same shape.
        count: Number of labels.

    Returns:
        `(count, count)` int64, ground truth by rows.
    """
    counted = gt_labels < count
    if not counted.all():
        gt_labels, labels = gt_labels[counted], labels[counted]
    pairs = (gt_labels.astype(np.int64) * count + labels).ravel()
    return np.bincount(pairs, minlength=count * count).reshape(count, count)


def pixel_scores(counts: Array, categories: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Computes pixel accuracy, binary IoU and the IoU of each category.

    Args:
        counts: `(1 + K, 1 + K)` int from `confusion`; label 0 is the background.
        categories: K dicts with "id" and "name", for labels 1..K.

    Returns:
        pixel_accuracy: Share of pixels with the right label, background included.
        foreground_iou: Of all that is not background.
        background_iou: Of the background.
        binary_iou: The mean of these two.
        mean_iou: Over categories that occur in the ground truth or the predictions.
        mean_iou_with_background: Likewise, with the background as one more.
        pixels: Number of pixels.
        per_category: By id, {"name", "iou", "pixels" of the ground truth}.

        Scores are in 0..1; 0/0 is -1 and enters no mean.
    """
    # Rows are the ground truth, columns the predictions, so the diagonal is right.
    right, real, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    unions = (real + predicted - right).tolist()
    iou = [_ratio(matched, union) for matched, union in zip(right.tolist(), unions)]
    # The union of the two foregrounds is all but the pixels that both call background.
    foreground, total = int(counts[1:, 1:].sum()), int(counts.sum())
    binary = [iou[0], _ratio(foreground, total - int(counts[0, 0]))]
    return {
        "pixel_accuracy": _ratio(int(right.sum()), total),
        "foreground_iou": binary[1],
        "background_iou": binary[0],
        "binary_iou": _mean(binary),
        "mean_iou": _mean(iou[1:]),
        "mean_iou_with_background": _mean(iou),
        "pixels": total,
        "per_category": {
            category["id"]: {"name": category["name"], "iou": iou[k], "pixels": int(real[k])}
            for k, category in enumerate(categories, start=1)
        },
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else -1.0


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if value >= 0]
    return float(np.mean(known)) if known else -1.0
