"""Missing and wrong attributes of matched objects, and what both cost in f1AP50.

f1AP50 is AP at mask IoU 0.5 where a match also needs an F1 of the attributes of 0.5; see
`fashion.evaluation.metrics.f1_ap`. The F1 of an object without attributes is 1 there, so wrong
attributes on such an object are counted here but cost nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fashion.evaluation.coco_dicts import multi_hot
from fashion.evaluation.errors.ap50 import (
    average_precisions,
    match,
    mean_ap,
    outcomes_of,
    true_positive_rows,
)
from fashion.evaluation.errors.error_types import Outcomes
from fashion.evaluation.errors.overlaps import Overlaps
from mrcnn.typing import Array

_MIN_F1 = 0.5


def attribute_errors(
    ground_truth: Mapping[str, Any],
    overlaps: Overlaps,
    outcomes: Outcomes,
    score_threshold: float,
) -> dict[str, Any] | None:
    """Counts missing and wrong attributes of the objects that a detection of any score matches.

    Args:
        ground_truth: COCO dict with "attributes".
        overlaps: Objects, detections and pairs.
        outcomes: From `classify_errors`.
        score_threshold: Confident detections reach this score.

    Returns:
        "found": matched objects; "f1ap50"; "bins" of missing, of wrong, and of both: "pairs" of
        object and attribute, "objects", "sure" (confident pairs), "f1ap50_gain" if fixed; and
        "per_attribute". None if the ground truth has no attributes.
    """
    listed = sorted(ground_truth.get("attributes") or (), key=lambda row: row["id"])
    column = {row["id"]: i for i, row in enumerate(listed)}
    gt_attributes = multi_hot(overlaps.objects, column).astype(bool)
    pred_attributes = multi_hot(overlaps.detections, column).astype(bool)
    if not gt_attributes[~overlaps.crowd].any():
        return None
    rows = true_positive_rows(overlaps, outcomes.partner)
    gt, predicted = gt_attributes[outcomes.partner[rows]], pred_attributes[rows]
    missing, wrong = gt & ~predicted, predicted & ~gt
    enough, pair_of_row = _pairs(overlaps, outcomes, gt_attributes, pred_attributes)
    base, confident = _f1_ap50(overlaps, enough), overlaps.score[rows] >= score_threshold

    def cost(name: str, errors: Array, fixed: Array) -> dict[str, Any]:
        """errors, fixed: (rows, T) bool."""
        allowed = enough.copy()
        allowed[pair_of_row[rows]] |= _reaches_f1(gt, fixed)
        return {
            "bin": name,
            "pairs": int(errors.sum()),
            "objects": int(errors.any(axis=1).sum()),
            "sure": int(errors[confident].sum()),
            "f1ap50_gain": _f1_ap50(overlaps, allowed) - base,
        }

    bins = [
        cost("attribute missing", missing, predicted | gt),
        cost("attribute invented", wrong, predicted & gt),
        cost("attributes together", missing | wrong, gt),
    ]
    result = {"found": len(rows), "f1ap50": base, "bins": bins}
    return result | {"per_attribute": _per_attribute(listed, gt, missing, wrong)}


def _pairs(
    overlaps: Overlaps, outcomes: Outcomes, gt_attributes: Array, pred_attributes: Array
) -> tuple[Array, Array]:
    """(Q,) bool pairs whose attributes suffice for a match, and (N,) pair of each match."""
    pairs = np.flatnonzero(overlaps.can_match)
    row, target = overlaps.pair_row[pairs], overlaps.pair_object[pairs]
    enough = np.zeros(len(overlaps.iou), bool)
    enough[pairs] = _reaches_f1(gt_attributes[target], pred_attributes[row])
    pair_of_row = np.zeros(len(overlaps.score), np.int64)
    matched = pairs[outcomes.partner[row] == target]
    pair_of_row[overlaps.pair_row[matched]] = matched
    return enough, pair_of_row


def _per_attribute(
    listed: Sequence[Mapping[str, Any]], gt: Array, missing: Array, wrong: Array
) -> list[dict[str, Any]]:
    counts = np.stack([table.sum(axis=0) for table in (gt, missing, wrong)], axis=1).tolist()
    rows = []
    for attribute, (objects, num_missing, num_wrong) in zip(listed, counts):
        if objects or num_wrong:
            rows.append(
                {
                    "name": attribute["name"],
                    "objects": objects,
                    "missing": num_missing,
                    "invented": num_wrong,
                }
            )
    return rows


def _reaches_f1(gt: Array, predicted: Array) -> Array:
    """(n,) bool: the F1 of the attributes, (n, T) bool each, is enough for a match."""
    total = gt.sum(axis=1) + predicted.sum(axis=1)
    f1 = 2 * (gt & predicted).sum(axis=1) / np.maximum(total, 1)
    return (f1 >= _MIN_F1) | ~gt.any(axis=1)


def _f1_ap50(overlaps: Overlaps, allowed: Array) -> float:
    """allowed: (Q,) bool, the pairs that match in mask and attributes."""
    outcome = outcomes_of(match(overlaps, allowed), overlaps.crowd)
    regular = overlaps.object_category[~overlaps.crowd]
    objects = np.bincount(regular, minlength=len(overlaps.categories))
    return mean_ap(average_precisions(overlaps.row_category, overlaps.score, outcome, objects))
