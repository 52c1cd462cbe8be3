"""Confusions: which category is predicted for objects of each category. Class-agnostic matching."""

from typing import Any

import numpy as np

from fashion.evaluation.errors.ap50 import match, true_positive_rows
from fashion.evaluation.errors.overlaps import MATCH_IOU, Overlaps
from mrcnn.typing import Array

_BACKGROUND = "background"
_LISTED = 30  # confusions


def confusion_matrix(overlaps: Overlaps, score_threshold: float) -> dict[str, Any]:
    """Counts which categories confident detections predict for objects of each category.

    Confident detections choose by falling score, whatever their category, each the free object
    with the largest mask IoU, at least 0.5. Crowds are left out, and so is a detection that
    matches only a crowd of its category.

    Args:
        overlaps: Objects, detections and pairs.
        score_threshold: Confident detections reach this score.

    Returns:
        "names" of the categories that occur, then "background"; "matrix" of counts: a row for each
        ground-truth category (background: false positives without an object), a column for each
        predicted one (background: missed objects); "confused": up to 30 of {"true", "predicted",
        "count", "objects"}, the most frequent first.
    """
    confident = overlaps.score >= score_threshold
    allowed = (
        (overlaps.iou >= MATCH_IOU)
        & confident[overlaps.pair_row]
        & (overlaps.same_category | ~overlaps.crowd[overlaps.pair_object])
    )
    partner, none = match(overlaps, allowed), len(overlaps.categories)
    matrix = np.zeros((none + 1, none + 1), np.int64)
    rows = true_positive_rows(overlaps, partner)
    np.add.at(matrix, (overlaps.object_category[partner[rows]], overlaps.row_category[rows]), 1)
    background = overlaps.row_category[confident & (partner < 0)]
    matrix[none, :none] = np.bincount(background, minlength=none)
    missed = ~overlaps.crowd
    missed[partner[rows]] = False
    matrix[:none, none] = np.bincount(overlaps.object_category[missed], minlength=none)

    # 46 categories fill a page; those that occur neither here nor there are left out.
    occurs = np.append((matrix.sum(axis=0) + matrix.sum(axis=1) > 0)[:none], True)
    matrix = matrix[occurs][:, occurs]
    names = [row["name"] for row, here in zip(overlaps.categories, occurs) if here]
    return {
        "names": [*names, _BACKGROUND],
        "matrix": matrix.tolist(),
        "confused": _most_confused(matrix, names),
    }


def _most_confused(matrix: Array, names: list[str]) -> list[dict[str, Any]]:
    objects, wrong = matrix.sum(axis=1), matrix[:-1, :-1].copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_LISTED]
    confused = []
    for i, j in zip(*np.unravel_index(order, wrong.shape)):
        if wrong[i, j]:
            confused.append(
                {
                    "true": names[i],
                    "predicted": names[j],
                    "count": int(wrong[i, j]),
                    "objects": int(objects[i]),
                }
            )
    return confused
