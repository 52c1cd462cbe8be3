"""Small or intricate: which of the two makes objects hard to find, when the other is held fixed?

Objects are parted into thirds by their size and by their intricacy (`measures`). Small objects are compared with large ones within each
third of intricacy, intricate with plain ones within each third of size, and the differences are averaged as Mantel and Haenszel do: a group
of a and b objects weighs a b / (a + b). A second comparison holds the category fixed as well.
"""

import numpy as np

from fashion.evaluation.errors.breakdowns import ap50_of, recall_columns, share

NAMES = {"size": ("small", "medium", "large"), "intricacy": ("plain", "middling", "intricate")}
HARD, EASY = (
    {"size": 0, "intricacy": 2},
    {"size": 2, "intricacy": 0},
)  # the thirds that are compared
FEW_PHOTOS = 10  # fewer tell no standard error
_RESAMPLES = 200


def compare_size_and_intricacy(overlaps, binned, of_objects, of_rows, score_threshold, *, seed=0):
    """Tables and differences. of_objects, of_rows: of `breakdowns.measure`; seed: of the resampling that errors come from

    Returns: {"thirds": {"size", "intricacy": the two values that part them}, "cells": three rows by size of three cells by intricacy,
        {"objects", "recall", "ap50"}, -1 where a cell is empty, "size" and "intricacy": {"recall": of the three thirds, "difference":
        recall of the hard third (small; intricate) minus that of the easy one, at equal values of the other measure, "error": its standard
        error, from drawing whole photos with replacement, "difference_in_category", "error_in_category": the same at equal category too,
        null where no group has objects of both kinds; errors are null, too, where fewer than FEW_PHOTOS photos show what is compared}}.
        Recall is the share found at IoU 0.5 by any detection, -1 of an empty third. None where there are fewer than nine objects.
    """
    regular = ~overlaps.crowd
    if regular.sum() < 9:
        return None
    thirds = {name: np.quantile(of_objects[name][regular], [1 / 3, 2 / 3]) for name in NAMES}
    place, row_place = (
        {name: np.searchsorted(thirds[name], values[name], side="right") for name in NAMES}
        for values in (of_objects, of_rows)
    )
    found = recall_columns(overlaps, binned, score_threshold)[0]

    def cell(i, j):
        inside = regular & (place["size"] == i) & (place["intricacy"] == j)
        rows = (row_place["size"] == i) & (row_place["intricacy"] == j)
        return {
            "objects": int(inside.sum()),
            "recall": share(found[inside]),
            "ap50": ap50_of(overlaps, inside, rows),
        }

    result = {
        "thirds": {name: values.tolist() for name, values in thirds.items()},
        "cells": [[cell(i, j) for j in range(3)] for i in range(3)],
    }
    photos = len(overlaps.photos)
    draws = np.random.default_rng(seed).multinomial(
        photos, np.full(photos, 1 / photos), _RESAMPLES
    )  # how often each photo is drawn
    for name, other in (("size", "intricacy"), ("intricacy", "size")):
        compared = regular & np.isin(place[name], (HARD[name], EASY[name]))
        hard, stratum = place[name][compared] == HARD[name], place[other][compared]
        shown = overlaps.object_photo[compared]
        weights = draws[:, shown] if len(np.unique(shown)) >= FEW_PHOTOS else ()
        row = {"recall": [share(found[regular & (place[name] == i)]) for i in range(3)]}
        for suffix, strata in (
            ("", stratum),
            ("_in_category", stratum + 3 * overlaps.object_category[compared]),
        ):
            row[f"difference{suffix}"] = difference(hard, found[compared], strata)
            again = [difference(hard, found[compared], strata, w) for w in weights]
            again = [value for value in again if value is not None]
            row[f"error{suffix}"] = float(np.std(again)) if again else None
        result[name] = row
    return result


def difference(hard, found, stratum, weight=None):
    """Recall of hard objects minus recall of the others, averaged over strata (Mantel and Haenszel 1959); None where no stratum has both.

    hard, found: (n,) bool; stratum: (n,) int from 0; weight: (n,), how often each object counts
    """
    weight = np.ones(len(hard)) if weight is None else weight
    (hard_all, easy_all), (hard_found, easy_found) = (
        [
            np.bincount(stratum[side], (weight * what)[side], minlength=stratum.max(initial=0) + 1)
            for side in (hard, ~hard)
        ]
        for what in (np.ones(len(hard)), found)
    )
    both = (hard_all > 0) & (easy_all > 0)
    if not both.any():
        return None
    a, b = hard_all[both], easy_all[both]
    return float(np.average(hard_found[both] / a - easy_found[both] / b, weights=a * b / (a + b)))
