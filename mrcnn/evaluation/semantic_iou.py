"""Label maps: how many pixels of each real label were said to have which, and the scores that follow from those counts.

Counts of all images are added up first and divided last: a mean over images or batches would weigh a pixel by the company it is in.
"""

import numpy as np


def confusion(real, said, count):
    """(count, count) int64: row r, column s holds how many pixels of label r were said to have label s.

    real, said: whole numbers of one shape; said lies in 0..count-1; pixels whose real label is `count` or more are passed over
    """
    counted = real < count
    if not counted.all():
        real, said = real[counted], said[counted]
    return np.bincount(
        (real.astype(np.int64) * count + said).ravel(), minlength=count * count
    ).reshape(count, count)


def pixel_scores(counts, categories):
    """Pixel accuracy, binary IoU and the IoU of each category.

    counts: (1 + K, 1 + K) int, of `confusion`, label 0 is the background; categories: K dicts with "id" and "name", of labels 1..K
    Returns: {"pixel_accuracy": share of pixels with the right label, background included; "foreground_iou": of all that is not
        background; "background_iou"; "binary_iou": the mean of these two; "mean_iou": of the categories that occur, said or real;
        "mean_iou_with_background": likewise, with the background as one more; "pixels": how many; "per_category": {category id:
        {"name", "iou", "pixels": real ones}}}. Floats 0..1; 0/0 is -1 and enters no mean.
    """
    right, real, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    iou = [_ratio(r, union) for r, union in zip(right.tolist(), (real + said - right).tolist())]
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


def _ratio(part, whole):
    return part / whole if whole else -1.0


def _mean(values):
    known = [value for value in values if value >= 0]
    return float(np.mean(known)) if known else -1.0
