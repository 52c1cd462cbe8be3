"""Confusion: what is an object of each category taken for?"""

import numpy as np

from fashion.evaluation.errors.overlaps import FOUND
from fashion.evaluation.errors.precision import match, right_rows

NOTHING = "nothing"
_LISTED = 30  # confusions in the list


def confusion_matrix(overlaps, score_threshold):
    """How often an object of one category was found as each category, by sure detections.

    The detections of at least `score_threshold` choose by falling score, whatever their category, each the free object of the largest mask
    IoU, at least 0.5. Crowds are left out, and so is a detection that finds nothing but a crowd of its category.
    Returns: {"names": of the categories that occur, then "nothing"; "matrix": list of rows of counts, row: the truth ("nothing": a
        detection of the background), column: the prediction ("nothing": a missed object); "confused": [{"true", "predicted", "count",
        "objects": of the true category}], of two different categories, the most frequent first, 30 at most}.
    """
    sure = overlaps.score >= score_threshold
    allowed = (
        (overlaps.iou >= FOUND)
        & sure[overlaps.pair_row]
        & (overlaps.same | ~overlaps.crowd[overlaps.pair_object])
    )
    partner, nothing = match(overlaps, allowed), len(overlaps.categories)
    matrix = np.zeros((nothing + 1, nothing + 1), np.int64)
    rows = right_rows(overlaps, partner)
    np.add.at(matrix, (overlaps.object_category[partner[rows]], overlaps.row_category[rows]), 1)
    background = sure & (partner < 0)
    matrix[nothing, :nothing] = np.bincount(overlaps.row_category[background], minlength=nothing)
    missed = ~overlaps.crowd
    missed[partner[rows]] = False
    matrix[:nothing, nothing] = np.bincount(overlaps.object_category[missed], minlength=nothing)

    occurs = np.append((matrix.sum(axis=0) + matrix.sum(axis=1) > 0)[:nothing], True)
    matrix, names = (
        matrix[occurs][:, occurs],
        [category["name"] for category, here in zip(overlaps.categories, occurs) if here],
    )
    return {
        "names": [*names, NOTHING],
        "matrix": matrix.tolist(),
        "confused": _confused(matrix, names),
    }


def _confused(matrix, names):
    objects, wrong = matrix.sum(axis=1), matrix[:-1, :-1].copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_LISTED]
    return [
        {
            "true": names[i],
            "predicted": names[j],
            "count": int(wrong[i, j]),
            "objects": int(objects[i]),
        }
        for i, j in zip(*np.unravel_index(order, wrong.shape))
        if wrong[i, j]
    ]
