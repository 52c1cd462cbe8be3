"""CorLoc and weighted mAP: does one of the few best boxes lie where the category is? The measures of Jia et al. (2018).

"A Deep-Learning-Based Fashion Attributes Detection Model", arXiv 1810.10148: boxes, IoU 0.5, the top 5 detections. The definitions
that go with the words are those of the field: CorLoc as in Deselaers et al. (IJCV 2012), AP as in COCO. Chosen here: "top 5" means the
five best of each image and category, and the weight of a category is how often it occurs.
"""

from collections import defaultdict

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.matching import grouped
from fashion.evaluation.metrics.coco import evaluate_coco_ap


def corloc(ground_truth, detections, *, top=5, iou_threshold=0.5):
    """Correct localization and box AP of each category, from the best few detections of each image and category.

    ground_truth: COCO dict; detections: list of COCO results; both with "bbox" [x, y, w, h], a detection may have its "segmentation"
        instead
    top: so many detections of an image and category count, those of the highest scores (equal scores: the earlier in the list)
    iou_threshold: of boxes, for CorLoc; a box that overlaps by this much is correct. AP is at 0.5.
    Returns: {"mean_corloc", "weighted_corloc": the mean over categories, the latter by "images"; "mean_ap", "weighted_ap": likewise,
        by "instances"; "per_category": {category_id: {"name", "images": how many show it, "located": in how many of them a
        detection of it is correct, "corloc": their ratio, "instances", "ap": box AP at IoU 0.5}}}, every category of the ground
        truth. Floats 0..1; -1 for what does not occur, and for the means if nothing does. Crowds are left out of CorLoc and are as
        COCO has them in AP.
    """
    best = _top(detections, top)
    objects, said = grouped(ground_truth, best)
    ap = evaluate_coco_ap(ground_truth, best, "bbox")["per_category"]

    per_category = {
        category["id"]: {
            "name": category["name"],
            "images": 0,
            "located": 0,
            "corloc": -1.0,
            "instances": ap[category["id"]]["instances"],
            "ap": ap[category["id"]]["AP50"],
        }
        for category in ground_truth["categories"]
    }
    for key, real in objects.items():
        row = per_category[key[1]]
        row["images"] += 1
        row["located"] += bool(
            said[key]
            and _iou(map(_box, said[key]), [o["bbox"] for o in real]).max() >= iou_threshold
        )
    for row in per_category.values():
        row["corloc"] = row["located"] / row["images"] if row["images"] else -1.0
    rows = [row for row in per_category.values() if row["instances"]]
    return {
        "mean_corloc": _mean(rows, "corloc"),
        "weighted_corloc": _mean(rows, "corloc", "images"),
        "mean_ap": _mean(rows, "ap"),
        "weighted_ap": _mean(rows, "ap", "instances"),
        "per_category": per_category,
    }


def _top(detections, number):
    """The best `number` of each image and category, in the order of the list."""
    if number < 1:
        raise ValueError(
            f"top is how many detections of an image and category count, at least 1. Got {number}."
        )
    groups = defaultdict(list)
    for i, row in enumerate(detections):
        groups[row["category_id"], row["image_id"]].append(i)
    kept = sorted(
        i
        for group in groups.values()
        for i in sorted(group, key=lambda i: -detections[i]["score"])[:number]
    )
    return [detections[i] for i in kept]


def _box(row):
    return row["bbox"] if "bbox" in row else coco_mask.toBbox(row["segmentation"]).tolist()


def _iou(boxes, others):
    """(N, M) of boxes [x, y, w, h]."""
    return coco_mask.iou(
        np.array(list(boxes), np.float64), np.array(others, np.float64), [0] * len(others)
    )


def _mean(rows, value, weight=None):
    if not rows:
        return -1.0
    return float(
        np.average(
            [row[value] for row in rows], weights=[row[weight] for row in rows] if weight else None
        )
    )
