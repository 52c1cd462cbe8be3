"""Pixels: instances painted into one label map, and how many of its pixels are right.

Painting: a pixel's label is the category of the smallest mask that covers it, so the larger masks are painted first and a pocket stays
visible on its coat. Of masks of equal area the one with the higher score is painted last, then the later one of the list. What no mask
covers is background, label 0; a crowd is painted as any object; category k of the ground truth's list (from 0) is label k + 1.
"""
from collections import defaultdict

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.frames import areas


def score_pixels(ground_truth, detections, *, score_threshold=0.5):
    """Pixel accuracy, binary IoU and the IoU of each category. Every count is taken over all pixels of all images together.

    ground_truth: COCO dict; detections: list of COCO results; both with "segmentation" (RLE)
    score_threshold: detections with a lower score are not painted
    Returns: {"pixel_accuracy": share of pixels with the right label, background included; "foreground_iou": of all that is not
        background; "background_iou"; "binary_iou": the mean of these two; "mean_iou": of the categories that occur, said or real;
        "mean_iou_with_background": likewise, with the background as one more; "pixels": how many; "per_category": {category_id:
        {"name", "iou", "pixels": real ones}}}. Floats 0..1; 0/0 is -1 and enters no mean.
    """
    label_of = {category["id"]: k for k, category in enumerate(ground_truth["categories"], start=1)}
    real, said = defaultdict(list), defaultdict(list)
    for row in ground_truth["annotations"]:
        real[row["image_id"]].append(row)
    for row in detections:
        if row["score"] >= score_threshold:
            said[row["image_id"]].append(row)
    unknown = said.keys() - {image["id"] for image in ground_truth["images"]}
    if unknown:
        raise ValueError(f"Every detection must belong to an image of the ground truth. {len(unknown)} image ids are unknown, for example "
                         f"{sorted(unknown, key=str)[:3]}.")
    n = len(label_of) + 1
    confusion = np.zeros((n, n), np.int64)   # [real label, said label]
    for image in ground_truth["images"]:
        size_hw = image["height"], image["width"]
        maps = [label_map(rows[image["id"]], label_of, size_hw) for rows in (real, said)]
        confusion += np.bincount((maps[0] * n + maps[1]).ravel(order="F"), minlength=n * n).reshape(n, n)
    return _scores(confusion, ground_truth["categories"])


def label_map(rows, label_of, size_hw):
    """Masks painted over one another, see the head of this file.

    rows: dicts with "segmentation" (RLE of size_hw), "category_id" and perhaps "score"; label_of: {category id: label}
    Returns: (H, W) int32, 0 where nothing is.
    """
    labels = np.zeros(size_hw, np.int32, order="F")   # as pycocotools has its masks
    if not rows:
        return labels
    area = areas([row["segmentation"] for row in rows])
    for i in sorted(range(len(rows)), key=lambda i: (-area[i], rows[i].get("score", 0), i)):
        mask = coco_mask.decode(rows[i]["segmentation"])
        if mask.shape != tuple(size_hw):
            raise ValueError(f"A mask of {mask.shape[0]}x{mask.shape[1]} belongs to an image of {size_hw[0]}x{size_hw[1]}. A mask must "
                             "have the size of its photo.")
        np.putmask(labels.T, mask.T, label_of[rows[i]["category_id"]])
    return labels


def _scores(confusion, categories):
    """(1 + K, 1 + K) counts of [real, said] -> the dict of `score_pixels`."""
    right, real, said = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    iou = [_ratio(r, union) for r, union in zip(right.tolist(), (real + said - right).tolist())]
    foreground, total = int(confusion[1:, 1:].sum()), int(confusion.sum())
    binary = [iou[0], _ratio(foreground, total - int(confusion[0, 0]))]
    return {"pixel_accuracy": _ratio(int(right.sum()), total), "foreground_iou": binary[1], "background_iou": binary[0],
            "binary_iou": _mean(binary), "mean_iou": _mean(iou[1:]), "mean_iou_with_background": _mean(iou), "pixels": total,
            "per_category": {category["id"]: {"name": category["name"], "iou": iou[k], "pixels": int(real[k])}
                             for k, category in enumerate(categories, start=1)}}


def _ratio(part, whole):
    return part / whole if whole else -1.0


def _mean(values):
    known = [value for value in values if value >= 0]
    return float(np.mean(known)) if known else -1.0
