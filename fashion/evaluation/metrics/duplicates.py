"""Duplicates: several confident predictions of one object, whatever their categories."""

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.coco_dicts import geometry_of, sizes_of
from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.recall import UNDEFINED
from fashion.evaluation.metrics.registry import CONFIDENT, Inputs, metric
from mrcnn.typing import Array

IOU_THRESHOLD = 0.5


def duplicate_predictions(table: MatchTable, iou_threshold: float = IOU_THRESHOLD) -> Array:
    """Finds the predictions whose mask another, more confident one covers as well.

    Args:
        table: Predictions and objects.
        iou_threshold: Least mask IoU of two predictions of one object. The second one is not a
            duplicate if each of the two matches an object of its own, such as a vest on a shirt.

    Returns:
        `(N,)` bool, the rows of `table` that are duplicates.
    """
    matched = np.full(len(table.pred_score), -1)
    rows, objects = table.matches(0.5)
    matched[rows] = objects
    found = np.zeros(len(matched), bool)
    sizes_hw = sizes_of(table.ground_truth)
    for image in range(len(table.image_ids)):
        rows = np.flatnonzero(table.pred_image == image)
        rows = rows[np.lexsort((table.pred_index[rows], -table.pred_score[rows]))]
        masks = [geometry_of(table.detections[i], sizes_hw, "segm") for i in table.pred_index[rows]]
        if len(masks) < 2:
            continue
        overlap = coco_mask.iou(masks, masks, [0] * len(masks)) >= iou_threshold
        own = matched[rows] >= 0
        both_match = own[:, None] & own  # one to one, so never the same object
        # [i, j] below the diagonal: prediction j is more confident than i.
        found[rows] = np.tril(overlap & ~both_match, k=-1).any(axis=1)
    return found


def _rows(scores: dict) -> list[str]:
    found = scores["duplicates"]
    if not found["predictions"]:
        return []
    return [
        f"duplicates: {found['duplicates']:,} of {found['predictions']:,} predictions "
        f"({found['share']:.1%}), {found['per_image']:.2f} per image"
    ]


@metric(
    "duplicates",
    "Duplicate predictions",
    section=CONFIDENT,
    order=55,
    rows=_rows,
    formula="confident predictions with mask IoU >= 0.5 with a more confident one, of any category",
    numbers={
        "per_image": "duplicates, averaged over the images; -1 without images",
        "share": "duplicates of all confident predictions; -1 without any",
        "duplicates": "how many there are",
        "predictions": "confident predictions",
    },
    documentation=(
        "Two boxes on one shoe are a duplicate, and so are a dress and a skirt on the same cloth. "
        "A pair is left out if each of the two matches an object of its own."
    ),
)
def duplicates(inputs: Inputs) -> dict[str, float]:
    """Counts the duplicates among the confident predictions.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        Numbers under the keys of metrics.json.
    """
    table = inputs.confident_masks
    count, number = int(duplicate_predictions(table).sum()), len(table.pred_score)
    images = len(table.image_ids)
    return {
        "per_image": count / images if images else UNDEFINED,
        "share": count / number if number else UNDEFINED,
        "duplicates": count,
        "predictions": number,
    }
