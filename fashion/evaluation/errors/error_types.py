"""Bins: every wrong detection and every missed object has one reason, and each reason has a price in AP50.

In the spirit of TIDE (Bolya et al. 2020, "TIDE: A General Toolbox for Identifying Object Detection Errors", arXiv:2008.08115): all
detections count, whatever their score, objects are found at mask IoU 0.5, and a relation needs IoU 0.1. The bins are asked for in the
order of TIDE's program, so a detection that lies on two objects has one reason only. Other than there, 100 detections of each category in
a photo are read (as COCO does); an object that a wrong class and a wrong place are about is given to each of the two when it is repaired;
and a category whose objects were all missed leaves the mean when the missed objects are taken out of the truth.
"""

import dataclasses

import numpy as np

from fashion.evaluation.average_precision import FALSE, IGNORED, TRUE
from fashion.evaluation.errors.overlaps import FOUND
from fashion.evaluation.errors.precision import (
    average_precisions,
    found_objects,
    match,
    mean_ap,
    outcomes,
)

FALSE_BINS = (
    "location",
    "class",
    "duplicate",
    "both",
    "background",
)  # in the order in which they are asked for
BINS = ("class", "location", "both", "duplicate", "background", "missed")
RIGHT = -1


@dataclasses.dataclass(frozen=True)
class Binned:
    """Outcomes of N detections at IoU 0.5, and the reason of each that is false."""

    partner: np.ndarray  # (N,) the object that each found, -1 for none
    outcome: np.ndarray  # (N,) TRUE, FALSE, IGNORED
    reason: np.ndarray  # (N,) index into FALSE_BINS; RIGHT for what is not false
    target: (
        np.ndarray
    )  # (N,) the object that a "location" or "class" error was about, -1 for other detections


def sort_into_bins(overlaps):
    """The reason of every detection's error.

    location: IoU of 0.1 to 0.5 with an object of its category; class: at least 0.5 with one of another; duplicate: at least 0.5 with one of
    its own, which a better detection has found; both: 0.1 to 0.5 with one of another category; background: less than 0.1 with every object.
    """
    partner = match(overlaps, overlaps.hits)
    outcome = outcomes(partner, overlaps.crowd)
    regular = ~overlaps.crowd[overlaps.pair_object]
    own, own_iou = _best(overlaps, regular & overlaps.same)
    other, other_iou = _best(overlaps, regular & ~overlaps.same)
    reason = np.select(
        [(own >= 0) & (own_iou < FOUND), other_iou >= FOUND, own_iou >= FOUND, other >= 0],
        list(range(4)),
        4,
    )
    reason[outcome != FALSE] = RIGHT
    return Binned(partner, outcome, reason, np.select([reason == 0, reason == 1], [own, other], -1))


def missed_objects(overlaps, binned, rows=None):
    """(M,) bool: objects that are not found and that no "location" or "class" error is about.

    rows: (N,) bool, the detections that there are; default: all
    """
    rows = np.ones(len(overlaps.score), bool) if rows is None else rows
    found = found_objects(np.where(rows, binned.partner, -1), len(overlaps.objects))
    return ~(found | found_objects(np.where(rows, binned.target, -1), len(found)) | overlaps.crowd)


def price_bins(overlaps, binned, score_threshold):
    """What each bin costs.

    Returns: {"ap50", "ap50_per_category": -1 where there are no objects, "bins": [{"bin", "count", "sure": how many there would be of
        detections of at least `score_threshold`, "ap50_gain", "per_category": [{"count", "ap50_gain"}] in the order of the categories}]}.
        The bins are BINS, and two that hold others together, "false detections" and "not found". ap50_gain: what AP50 grows by if these
        errors alone were repaired; the gains do not add up. A wrong class or place is set right (of several detections of one object the
        most certain, the others go; all go if the object was found already), duplicates and other false detections go, missed objects
        leave the truth. A gain of None: the category has no objects, or none are left.
    """
    regular, number = ~overlaps.crowd, len(overlaps.categories)
    objects = np.bincount(overlaps.object_category[regular], minlength=number)
    base = average_precisions(overlaps.row_category, overlaps.score, binned.outcome, objects)
    sure = overlaps.score >= score_threshold
    false = binned.outcome == FALSE
    missed, missed_by_sure = (
        missed_objects(overlaps, binned),
        missed_objects(overlaps, binned, sure),
    )
    found, found_by_sure = (
        found_objects(np.where(rows, binned.partner, -1), len(regular)) for rows in (True, sure)
    )

    def row(name, where, certain, category, repaired):
        """where: (N or M,) bool, the errors; certain: (N or M,) bool, those that count as sure"""
        counts = np.bincount(category[where], minlength=number)
        return {
            "bin": name,
            "count": int(where.sum()),
            "sure": int(certain.sum()),
            "ap50_gain": _gain(mean_ap(repaired), mean_ap(base)),
            "per_category": [
                {"count": int(n), "ap50_gain": None if np.isnan(gain) else float(gain)}
                for n, gain in zip(counts, repaired - base)
            ],
        }

    def of_rows(name, where, category, outcome):
        return row(
            name,
            where,
            where & sure,
            overlaps.row_category,
            average_precisions(category, overlaps.score, outcome, objects),
        )

    def of_objects(name, where, certain):
        left = objects - np.bincount(overlaps.object_category[where], minlength=number)
        return row(
            name,
            where,
            certain,
            overlaps.object_category,
            average_precisions(overlaps.row_category, overlaps.score, binned.outcome, left),
        )

    rows = {
        name: of_rows(name, binned.reason == i, *_repaired(overlaps, binned, i))
        for i, name in enumerate(FALSE_BINS)
    }
    rows["missed"] = of_objects("missed", missed, missed_by_sure)
    together = [
        of_rows(
            "false detections",
            false,
            overlaps.row_category,
            np.where(false, IGNORED, binned.outcome),
        ),
        of_objects("not found", regular & ~found, regular & ~found_by_sure),
    ]
    return {
        "ap50": mean_ap(base),
        "ap50_per_category": np.where(np.isnan(base), -1, base).tolist(),
        "bins": [rows[name] for name in BINS] + together,
    }


def _best(overlaps, pairs):
    """The object of largest IoU that each detection has among some pairs: ((N,) its index or -1, (N,) the IoU or 0)."""
    chosen = np.flatnonzero(pairs)
    chosen = chosen[np.argsort(overlaps.iou[chosen], kind="stable")]  # the largest is written last
    best, iou = np.full(len(overlaps.score), -1), np.zeros(len(overlaps.score))
    best[overlaps.pair_row[chosen]], iou[overlaps.pair_row[chosen]] = (
        overlaps.pair_object[chosen],
        overlaps.iou[chosen],
    )
    return best, iou


def _repaired(overlaps, binned, reason):
    """Categories and outcomes of the detections after one bin was repaired, (N,) each."""
    rows = np.flatnonzero(binned.reason == reason)
    category, outcome = overlaps.row_category.copy(), binned.outcome.copy()
    outcome[rows] = IGNORED
    free = ~found_objects(binned.partner, len(overlaps.objects))
    rows = rows[binned.target[rows] >= 0]
    rows = rows[free[binned.target[rows]]]
    rows = rows[np.argsort(-overlaps.score[rows], kind="stable")]
    rows = rows[
        np.unique(binned.target[rows], return_index=True)[1]
    ]  # the most certain one of each object
    outcome[rows] = TRUE
    category[rows] = overlaps.object_category[binned.target[rows]]
    return category, outcome


def _gain(after, before):
    """Of means over categories; -1 means that no category has objects (left)."""
    return after - before if after >= 0 and before >= 0 else 0.0
