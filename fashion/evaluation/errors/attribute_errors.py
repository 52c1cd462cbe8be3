"""Attributes: which ones are missing on objects that were found, which ones were invented, and what both cost in f1AP50.

f1AP50 is AP at mask IoU 0.5 where a match also needs an F1 of the attributes of at least 0.5; see `fashion.evaluation.metrics.f1_ap`. The F1 of
an object that has no attributes is 1 there, so what is invented on such an object is counted here but costs nothing.
"""

import numpy as np

from fashion.evaluation.errors.precision import (
    average_precisions,
    match,
    mean_ap,
    outcomes,
    right_rows,
)

ENOUGH = 0.5  # F1


def attribute_errors(ground_truth, overlaps, binned, score_threshold):
    """Missing and invented attributes of the objects that were found at IoU 0.5, by any detection that found them.

    Returns: {"found": how many objects were found, "f1ap50", "bins": [{"bin": "attribute missing", "attribute invented" or
        "attributes together", "pairs": of an object and an attribute, "objects": that are touched, "sure": pairs where the detection's
        score is at least `score_threshold`, "f1ap50_gain": what f1AP50 grows by if they were added or removed, together up to AP50}],
        "per_attribute": [{"name", "objects": found ones that have it, "missing", "invented"}] of those that occur}. None where the truth
        has no attributes.
    """
    listed = sorted(ground_truth.get("attributes") or (), key=lambda row: row["id"])
    column = {row["id"]: i for i, row in enumerate(listed)}
    real, said = (_multi_hot(rows, column) for rows in (overlaps.objects, overlaps.detections))
    if not real[~overlaps.crowd].any():
        return None
    rows = right_rows(overlaps, binned.partner)
    has = real[binned.partner[rows]]
    missing, invented = has & ~said[rows], said[rows] & ~has
    hits = np.flatnonzero(overlaps.hits)
    enough = np.zeros(len(overlaps.iou), bool)
    enough[hits] = _enough(real[overlaps.pair_object[hits]], said[overlaps.pair_row[hits]])
    pair_of_row = np.zeros(len(overlaps.score), np.int64)
    of_partner = hits[binned.partner[overlaps.pair_row[hits]] == overlaps.pair_object[hits]]
    pair_of_row[overlaps.pair_row[of_partner]] = of_partner
    base, sure = _f1_ap50(overlaps, enough), overlaps.score[rows] >= score_threshold

    def row(name, wrong, repaired):
        """repaired: (rows, T) bool, what the detections say then of the objects that they found"""
        allowed = enough.copy()
        allowed[pair_of_row[rows]] |= _enough(has, repaired)
        return {
            "bin": name,
            "pairs": int(wrong.sum()),
            "objects": int(wrong.any(axis=1).sum()),
            "sure": int(wrong[sure].sum()),
            "f1ap50_gain": _f1_ap50(overlaps, allowed) - base,
        }

    bins = [
        row("attribute missing", missing, said[rows] | has),
        row("attribute invented", invented, said[rows] & has),
        row("attributes together", missing | invented, has),
    ]
    counts = np.stack([table.sum(axis=0) for table in (has, missing, invented)], axis=1)
    per_attribute = [
        {"name": attribute["name"], "objects": int(n), "missing": int(m), "invented": int(i)}
        for attribute, (n, m, i) in zip(listed, counts)
        if n or i
    ]
    return {"found": len(rows), "f1ap50": base, "bins": bins, "per_attribute": per_attribute}


def _multi_hot(rows, column):
    """(N, T) bool, True where a row has an attribute."""
    hot = np.zeros((len(rows), len(column)), bool)
    for i, row in enumerate(rows):
        hot[
            i,
            [
                column[attribute]
                for attribute in row.get("attribute_ids") or ()
                if attribute in column
            ],
        ] = True
    return hot


def _enough(real, said):
    """(n,) bool: the F1 is enough for a match. real, said: (n, T) bool"""
    both = real.sum(axis=1) + said.sum(axis=1)
    return (2 * (real & said).sum(axis=1) / np.maximum(both, 1) >= ENOUGH) | ~real.any(axis=1)


def _f1_ap50(overlaps, allowed):
    """allowed: (Q,) bool, the pairs that match in mask and attributes"""
    outcome = outcomes(match(overlaps, allowed), overlaps.crowd)
    objects = np.bincount(
        overlaps.object_category[~overlaps.crowd], minlength=len(overlaps.categories)
    )
    return mean_ap(average_precisions(overlaps.row_category, overlaps.score, outcome, objects))
