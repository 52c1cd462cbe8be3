"""Matching and AP at one IoU threshold, for many what-ifs one after another.

COCO's rules (pycocotools), for a list of pairs instead of a matrix for each image.
"""

from collections.abc import Sequence

import numpy as np

from fashion.evaluation.average_precision import FALSE, IGNORED, RECALLS, TRUE
from fashion.evaluation.errors.overlaps import Overlaps
from mrcnn.typing import Array


def match(overlaps: Overlaps, allowed: Array, ignored: Array | None = None) -> Array:
    """Matches detections with objects.

    Detections choose by falling score; equal scores in their order. Each takes the free object of
    the largest IoU; of equal ones that of its own category, then the last. An object is matched
    once, a crowd any number of times.

    Args:
        overlaps: Objects, detections and pairs.
        allowed: `(Q,)` bool, pairs that may match. `overlaps.can_match` is class-aware.
        ignored: `(M,)` bool, objects that neither help nor harm; they are taken only where nothing
            else can be. Default: the crowds.

    Returns:
        `(N,)` int64 object of each detection, -1 without a match.
    """
    ignored = overlaps.crowd if ignored is None else ignored
    turn = np.empty(len(overlaps.score), np.int64)
    turn[np.argsort(-overlaps.score, kind="stable")] = np.arange(len(overlaps.score))
    # One sort for all images: by turn of the detection, then by its preference of objects.
    pairs = np.flatnonzero(allowed)
    row, target = overlaps.pair_row[pairs], overlaps.pair_object[pairs]
    order = np.lexsort(
        (
            -target,
            ~overlaps.same_category[pairs],
            -overlaps.iou[pairs],
            ignored[target],
            turn[row],
        )
    )
    partner = [-1] * len(overlaps.score)
    free = [True] * len(overlaps.objects)
    crowd = overlaps.crowd.tolist()
    for r, o in zip(row[order].tolist(), target[order].tolist()):
        if partner[r] < 0 and (free[o] or crowd[o]):
            partner[r], free[o] = o, False
    return np.array(partner, np.int64)


def outcomes_of(partner: Array, ignored: Array) -> Array:
    """Separates true from false positives.

    Args:
        partner: `(N,)`, from `match`.
        ignored: `(M,)` bool, objects that were ignored there.

    Returns:
        `(N,)` TRUE, FALSE or IGNORED.
    """
    outcome = np.full(len(partner), FALSE)
    matched = np.flatnonzero(partner >= 0)
    outcome[matched] = np.where(ignored[partner[matched]], IGNORED, TRUE)
    return outcome


def true_positive_rows(overlaps: Overlaps, partner: Array) -> Array:
    """Lists the detections that match an object that is not a crowd.

    Args:
        overlaps: Objects and detections.
        partner: `(N,)`, from `match`.

    Returns:
        `(n,)` int64 indices of detections.
    """
    rows = np.flatnonzero(partner >= 0)
    return rows[~overlaps.crowd[partner[rows]]]


def matched_objects(partner: Array, num_objects: int) -> Array:
    """Returns which objects some detection matches.

    Args:
        partner: `(N,)` object of each detection, -1 for none.
        num_objects: M.

    Returns:
        `(M,)` bool.
    """
    matched = np.zeros(num_objects, bool)
    matched[partner[partner >= 0]] = True
    return matched


def average_precisions(
    category: Array, score: Array, outcome: Array, objects: Array | Sequence[int]
) -> Array:
    """Returns the AP of each category at 101 recalls, as COCO defines it.

    Args:
        category: `(N,)` category of each detection.
        score: `(N,)`.
        outcome: `(N,)` TRUE, FALSE or IGNORED; ignored detections take no part.
        objects: `(K,)` objects of each category.

    Returns:
        `(K,)` float64, NaN for a category without objects.
    """
    order = np.lexsort((-score, category))
    order = order[outcome[order] != IGNORED]
    starts = np.searchsorted(category[order], np.arange(1, len(objects)))
    groups = np.split(outcome[order] == TRUE, starts)
    return np.array([_average_precision(true, number) for true, number in zip(groups, objects)])


def mean_ap(average: Array) -> float:
    """Returns the mean over categories with objects.

    Args:
        average: `(K,)`, from `average_precisions`.

    Returns:
        The mean, -1 if no category has objects.
    """
    known = average[~np.isnan(average)]
    return float(known.mean()) if len(known) else -1.0


def _average_precision(true: Array, objects: int) -> float:
    """true: (n,) bool, the highest score first."""
    if objects == 0:
        return np.nan
    matched = np.cumsum(true)
    precision = matched / np.arange(1, len(true) + 1)
    # Best precision at this recall or beyond; 0 beyond the last recall.
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0)
    return envelope[np.searchsorted(matched / objects, RECALLS)].mean()
