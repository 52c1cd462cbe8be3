"""One type for every false positive and missed object, and what each type costs in AP50.

After TIDE (Bolya et al. 2020, "TIDE: A General Toolbox for Identifying Object Detection Errors",
arXiv:2008.08115): all detections count, whatever their score; a match needs mask IoU 0.5, a
relation 0.1. Types are tested in the order of TIDE's program, so a detection that overlaps two
objects has one type only. Differences from TIDE:

* 100 detections of each category in an image are read, as in COCO.
* An object that a "class" and a "location" error are about is given to both when they are fixed.
* A category whose objects were all missed leaves the mean when the missed objects are removed.
"""

import dataclasses
from typing import Any

import numpy as np

from fashion.evaluation.average_precision import FALSE, IGNORED, TRUE
from fashion.evaluation.errors.ap50 import (
    average_precisions,
    match,
    matched_objects,
    mean_ap,
    outcomes_of,
)
from fashion.evaluation.errors.overlaps import MATCH_IOU, Overlaps
from mrcnn.typing import Array

# Types of false positives, in the order in which they are tested.
FALSE_TYPES = ("location", "class", "duplicate", "both", "background")
# All types, in the order of the page.
TYPES = ("class", "location", "both", "duplicate", "background", "missed")
NO_ERROR = -1


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """Outcomes of N detections at IoU 0.5, and the error type of each false positive.

    Attributes:
        partner: `(N,)` matched object, -1 for none.
        outcome: `(N,)` TRUE, FALSE or IGNORED.
        error: `(N,)` index into FALSE_TYPES, or NO_ERROR.
        target: `(N,)` object that a "location" or "class" error is about, else -1.
    """

    partner: Array
    outcome: Array
    error: Array
    target: Array


def classify_errors(overlaps: Overlaps) -> Outcomes:
    """Finds the error type of every false positive.

    | type | definition |
    |---|---|
    | location | IoU 0.1 to 0.5 with an object of its category |
    | class | IoU 0.5 or more with an object of another category |
    | duplicate | IoU 0.5 or more with an object that a higher-scoring detection matched |
    | both | IoU 0.1 to 0.5 with an object of another category |
    | background | IoU below 0.1 with every object |

    Args:
        overlaps: Objects, detections and pairs.

    Returns:
        Outcomes and types.
    """
    partner = match(overlaps, overlaps.can_match)
    outcome = outcomes_of(partner, overlaps.crowd)
    regular = ~overlaps.crowd[overlaps.pair_object]
    own, own_iou = _best_object(overlaps, regular & overlaps.same_category)
    other, other_iou = _best_object(overlaps, regular & ~overlaps.same_category)
    # In TIDE's order: the first condition that holds decides.
    error = np.select(
        [
            (own >= 0) & (own_iou < MATCH_IOU),
            other_iou >= MATCH_IOU,
            own_iou >= MATCH_IOU,
            other >= 0,
        ],
        list(range(4)),
        4,
    )
    error[outcome != FALSE] = NO_ERROR
    target = np.select([error == 0, error == 1], [own, other], -1)
    return Outcomes(partner, outcome, error, target)


def _best_object(overlaps: Overlaps, pairs: Array) -> tuple[Array, Array]:
    """Of some pairs, the object of largest IoU of each detection: index or -1, and the IoU or 0."""
    chosen = np.flatnonzero(pairs)
    chosen = chosen[np.argsort(overlaps.iou[chosen], kind="stable")]  # the largest is written last
    best, iou = np.full(len(overlaps.score), -1), np.zeros(len(overlaps.score))
    best[overlaps.pair_row[chosen]] = overlaps.pair_object[chosen]
    iou[overlaps.pair_row[chosen]] = overlaps.iou[chosen]
    return best, iou


def missed_objects(overlaps: Overlaps, outcomes: Outcomes, rows: Array | None = None) -> Array:
    """Finds objects without a match that no "location" or "class" error is about.

    Args:
        overlaps: Objects and detections.
        outcomes: From `classify_errors`.
        rows: `(N,)` bool, the detections that count. Default: all.

    Returns:
        `(M,)` bool.
    """
    rows = np.ones(len(overlaps.score), bool) if rows is None else rows
    number = len(overlaps.objects)
    matched = matched_objects(np.where(rows, outcomes.partner, -1), number)
    targets = matched_objects(np.where(rows, outcomes.target, -1), number)
    return ~(matched | targets | overlaps.crowd)


def cost_of_errors(
    overlaps: Overlaps, outcomes: Outcomes, score_threshold: float
) -> dict[str, Any]:
    """Returns what AP50 would gain if the errors of one type alone were fixed.

    A "class" or "location" error is corrected: of several detections of one object that of the
    highest score stays, and none if the object is matched already. Other false positives are
    removed, and missed objects leave the ground truth. The gains do not add up.

    Args:
        overlaps: Objects and detections.
        outcomes: From `classify_errors`.
        score_threshold: Confident detections reach this score.

    Returns:
        "ap50"; "ap50_per_category", -1 without objects; "bins": for each of TYPES and for the two
        totals "false detections" and "not found" a dict of "bin", "count", "sure" (count with the
        confident detections alone), "ap50_gain" and "per_category": `[{"count", "ap50_gain"}]`,
        a gain of None where no objects are left.
    """
    costs = _Costs(overlaps, outcomes, overlaps.score >= score_threshold)
    rows = {}
    for i, name in enumerate(FALSE_TYPES):
        fixed = _fix(overlaps, outcomes, i)
        rows[name] = costs.of_detections(name, outcomes.error == i, *fixed)
    rows["missed"] = costs.of_objects(
        "missed",
        missed_objects(overlaps, outcomes),
        missed_objects(overlaps, outcomes, costs.confident),
    )
    number = len(overlaps.objects)
    matched = matched_objects(outcomes.partner, number)
    matched_by_confident = matched_objects(np.where(costs.confident, outcomes.partner, -1), number)
    false = outcomes.outcome == FALSE
    totals = [
        costs.of_detections(
            "false detections",
            false,
            overlaps.row_category,
            np.where(false, IGNORED, outcomes.outcome),
        ),
        costs.of_objects(
            "not found", ~overlaps.crowd & ~matched, ~overlaps.crowd & ~matched_by_confident
        ),
    ]
    return {
        "ap50": mean_ap(costs.base),
        "ap50_per_category": np.where(np.isnan(costs.base), -1, costs.base).tolist(),
        "bins": [rows[name] for name in TYPES] + totals,
    }


class _Costs:
    """AP50 after a fix, against AP50 as it is."""

    def __init__(self, overlaps: Overlaps, outcomes: Outcomes, confident: Array) -> None:
        self.overlaps, self.outcomes, self.confident = overlaps, outcomes, confident
        self.number = len(overlaps.categories)
        regular = overlaps.object_category[~overlaps.crowd]
        self.objects = np.bincount(regular, minlength=self.number)
        self.base = average_precisions(
            overlaps.row_category, overlaps.score, outcomes.outcome, self.objects
        )

    def of_detections(
        self, name: str, errors: Array, category: Array, outcome: Array
    ) -> dict[str, Any]:
        """The row of (N,) errors of detections that would have these categories and outcomes."""
        fixed = average_precisions(category, self.overlaps.score, outcome, self.objects)
        confident = errors & self.confident
        return self._row(name, errors, confident, self.overlaps.row_category, fixed)

    def of_objects(self, name: str, errors: Array, confident: Array) -> dict[str, Any]:
        """The row of (M,) objects that would leave the ground truth."""
        category = self.overlaps.object_category
        left = self.objects - np.bincount(category[errors], minlength=self.number)
        fixed = average_precisions(
            self.overlaps.row_category, self.overlaps.score, self.outcomes.outcome, left
        )
        return self._row(name, errors, confident, category, fixed)

    def _row(
        self, name: str, errors: Array, confident: Array, category: Array, fixed: Array
    ) -> dict[str, Any]:
        counts = np.bincount(category[errors], minlength=self.number)
        per_category = []
        for n, gain in zip(counts, fixed - self.base):
            per_category.append(
                {"count": int(n), "ap50_gain": None if np.isnan(gain) else float(gain)}
            )
        # Means are -1 where no category has objects (left).
        before, after = mean_ap(self.base), mean_ap(fixed)
        return {
            "bin": name,
            "count": int(errors.sum()),
            "sure": int(confident.sum()),
            "ap50_gain": after - before if after >= 0 and before >= 0 else 0.0,
            "per_category": per_category,
        }


def _fix(overlaps: Overlaps, outcomes: Outcomes, error: int) -> tuple[Array, Array]:
    """Categories and outcomes of the detections once the errors of one type are fixed, (N,)."""
    rows = np.flatnonzero(outcomes.error == error)
    category, outcome = overlaps.row_category.copy(), outcomes.outcome.copy()
    outcome[rows] = IGNORED
    free = ~matched_objects(outcomes.partner, len(overlaps.objects))
    rows = rows[outcomes.target[rows] >= 0]
    rows = rows[free[outcomes.target[rows]]]  # the others would be duplicates
    rows = rows[np.argsort(-overlaps.score[rows], kind="stable")]
    rows = rows[np.unique(outcomes.target[rows], return_index=True)[1]]  # the best of each object
    outcome[rows] = TRUE
    # A "class" error becomes a detection of the object's own category.
    category[rows] = overlaps.object_category[outcomes.target[rows]]
    return category, outcome
