"""Precision: which detections find an object, and AP from that, for many what-ifs one after the other.

COCO's rules (pycocotools), at one IoU threshold and for a list of pairs instead of a matrix for every photo.
"""

import numpy as np

from fashion.evaluation.average_precision import FALSE, IGNORED, RECALLS, TRUE


def match(overlaps, allowed, ignored=None):
    """The object that each detection finds: (N,) index into the objects, -1 for none.

    allowed: (Q,) bool, the pairs that count as a match
    ignored: (M,) bool, objects that neither help nor harm; they are taken only where nothing else can be. Default: the crowds
    The detections choose by falling score (equal scores: in their order), each the free object of the largest IoU; of equal ones that of
    its own category, then the last. An object is found once, a crowd any number of times.
    """
    ignored = overlaps.crowd if ignored is None else ignored
    turn = np.empty(len(overlaps.score), np.int64)
    turn[np.argsort(-overlaps.score, kind="stable")] = np.arange(len(overlaps.score))
    pairs = np.flatnonzero(allowed)
    row, target = overlaps.pair_row[pairs], overlaps.pair_object[pairs]
    order = np.lexsort(
        (-target, ~overlaps.same[pairs], -overlaps.iou[pairs], ignored[target], turn[row])
    )
    partner, free, crowd = (
        [-1] * len(overlaps.score),
        [True] * len(overlaps.objects),
        overlaps.crowd.tolist(),
    )
    for r, o in zip(row[order].tolist(), target[order].tolist()):
        if partner[r] < 0 and (free[o] or crowd[o]):
            partner[r], free[o] = o, False
    return np.array(partner, np.int64)


def outcomes(partner, ignored):
    """(N,) TRUE, FALSE or IGNORED of detections. partner: of `match`; ignored: (M,) bool, what was ignored there"""
    outcome = np.full(len(partner), FALSE)
    found = np.flatnonzero(partner >= 0)
    outcome[found] = np.where(ignored[partner[found]], IGNORED, TRUE)
    return outcome


def right_rows(overlaps, partner):
    """Detections that found an object that is no crowd: (n,) indices. partner: of `match`"""
    rows = np.flatnonzero(partner >= 0)
    return rows[~overlaps.crowd[partner[rows]]]


def found_objects(partner, number):
    """(M,) bool: the objects that a detection found. number: M"""
    found = np.zeros(number, bool)
    found[partner[partner >= 0]] = True
    return found


def average_precisions(category, score, outcome, objects):
    """AP of each category at 101 recalls, as COCO has it: (K,) float64, NaN where there are no objects.

    category, score, outcome: (N,), of each detection; the ignored ones take no part. objects: (K,), how many there are to be found
    """
    order = np.lexsort((-score, category))
    order = order[outcome[order] != IGNORED]
    groups = np.split(
        outcome[order] == TRUE, np.searchsorted(category[order], np.arange(1, len(objects)))
    )
    return np.array([_average_precision(true, number) for true, number in zip(groups, objects)])


def mean_ap(average):
    """Mean over the categories that have objects; -1 if none has."""
    known = average[~np.isnan(average)]
    return float(known.mean()) if len(known) else -1.0


def _average_precision(true, objects):
    """true: (n,) bool, best first"""
    if objects == 0:
        return np.nan
    found = np.cumsum(true)
    precision = found / np.arange(1, len(true) + 1)
    envelope = np.append(
        np.maximum.accumulate(precision[::-1])[::-1], 0
    )  # 0 beyond the last recall
    return envelope[np.searchsorted(found / objects, RECALLS)].mean()
