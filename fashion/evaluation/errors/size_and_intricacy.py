"""Small or intricate: which of the two lowers recall when the other is held fixed?

Objects are split into thirds by size and by intricacy. Small objects are compared with large ones
within each third of intricacy, intricate with plain ones within each third of size. Differences
are averaged as Mantel and Haenszel (1959) do: a group of a and b objects has the weight
a b / (a + b). A second comparison holds the category fixed as well.
"""

from typing import Any

import numpy as np

from fashion.evaluation.errors.breakdowns import (
    Columns,
    ap50_of,
    mean_or_undefined,
    recall_columns,
)
from fashion.evaluation.errors.error_types import Outcomes
from fashion.evaluation.errors.overlaps import Overlaps
from mrcnn.typing import Array

THIRDS = {"size": ("small", "medium", "large"), "intricacy": ("simple", "medium", "complex")}
# In words: size and complexity of the outline. The thirds that are compared.
HARD, EASY = {"size": 0, "intricacy": 2}, {"size": 2, "intricacy": 0}
MIN_IMAGES = 10  # fewer give no standard error
_RESAMPLES = 200


def compare_size_and_intricacy(
    overlaps: Overlaps,
    outcomes: Outcomes,
    of_objects: Columns,
    of_rows: Columns,
    score_threshold: float,
    *,
    seed: int = 0,
) -> dict[str, Any] | None:
    """Compares recall by size and by intricacy.

    Args:
        overlaps: Objects, detections and pairs.
        outcomes: From `classify_errors`.
        of_objects: Properties of the objects, from `measure_properties`.
        of_rows: Properties of the detections.
        score_threshold: Confident detections reach this score.
        seed: Of the bootstrap.

    Returns:
        "thirds": for "size" and "intricacy" the two limits; "cells": 3 rows by size of 3 cells by
        intricacy with "objects", "recall" and "ap50"; "size" and "intricacy": "recall" of the
        thirds, "difference": recall of the hard third minus that of the easy one at equal values
        of the other property, "error": its standard error, and both once more with the suffix
        "_in_category". Recall is that by any detection at IoU 0.5, -1 without objects. A
        difference is None where no group has objects of both kinds, an error also with fewer than
        10 images. None for fewer than nine objects.
    """
    regular = ~overlaps.crowd
    if regular.sum() < 9:
        return None
    limits = {name: np.quantile(of_objects[name][regular], [1 / 3, 2 / 3]) for name in THIRDS}
    third, row_third = _thirds(of_objects, limits), _thirds(of_rows, limits)
    matched = recall_columns(overlaps, outcomes, score_threshold)[0]
    cells = _cells(overlaps, matched, third, row_third)
    # Whole images are drawn: objects of one image are not independent.
    draws = resamples(len(overlaps.images), seed)
    result: dict[str, Any] = {
        "thirds": {name: values.tolist() for name, values in limits.items()},
        "cells": cells,
    }
    for name, other in (("size", "intricacy"), ("intricacy", "size")):
        result[name] = _compare(overlaps, matched, name, third[name], third[other], draws)
    return result


def _thirds(columns: Columns, limits: dict[str, Array]) -> Columns:
    """0, 1 or 2 by size and by intricacy."""
    return {name: np.searchsorted(limits[name], columns[name], side="right") for name in THIRDS}


def _cells(
    overlaps: Overlaps, matched: Array, third: Columns, row_third: Columns
) -> list[list[dict[str, Any]]]:
    """Recall and AP50 of size (rows) by intricacy (columns)."""
    cells = []
    for i in range(3):
        row = []
        for j in range(3):
            inside = ~overlaps.crowd & (third["size"] == i) & (third["intricacy"] == j)
            rows = (row_third["size"] == i) & (row_third["intricacy"] == j)
            row.append(
                {
                    "objects": int(inside.sum()),
                    "recall": mean_or_undefined(matched[inside]),
                    "ap50": ap50_of(overlaps, inside, rows),
                }
            )
        cells.append(row)
    return cells


def resamples(num_images: int, seed: int) -> Array:
    """Draws images with replacement, as often as there are images.

    Args:
        num_images: I.
        seed: Of the draws.

    Returns:
        `(200, I)` int64, how often each image is drawn.
    """
    equal = np.full(num_images, 1 / num_images)
    return np.random.default_rng(seed).multinomial(num_images, equal, _RESAMPLES)


def _compare(
    overlaps: Overlaps, matched: Array, name: str, third: Array, other_third: Array, draws: Array
) -> dict[str, Any]:
    """Hard against easy objects of one property, within thirds of the other."""
    regular = ~overlaps.crowd
    compared = regular & np.isin(third, (HARD[name], EASY[name]))
    hard, stratum = third[compared] == HARD[name], other_third[compared]
    images = overlaps.object_image[compared]
    enough = len(np.unique(images)) >= MIN_IMAGES
    weights: Array | list = draws[:, images] if enough else []
    row: dict[str, Any] = {
        "recall": [mean_or_undefined(matched[regular & (third == i)]) for i in range(3)]
    }
    in_category = stratum + 3 * overlaps.object_category[compared]
    for suffix, strata in (("", stratum), ("_in_category", in_category)):
        row[f"difference{suffix}"] = recall_difference(hard, matched[compared], strata)
        resampled = [recall_difference(hard, matched[compared], strata, w) for w in weights]
        known = [value for value in resampled if value is not None]
        row[f"error{suffix}"] = float(np.std(known)) if known else None
    return row


def recall_difference(
    hard: Array, matched: Array, stratum: Array, weight: Array | None = None
) -> float | None:
    """Returns recall of hard objects minus recall of the others, averaged over strata.

    Args:
        hard: `(n,)` bool.
        matched: `(n,)` bool.
        stratum: `(n,)` ints from 0; only objects of one stratum are compared.
        weight: `(n,)`, how often each object counts. Default: once.

    Returns:
        The Mantel-Haenszel average, or None where no stratum has both kinds.
    """
    weight = np.ones(len(hard)) if weight is None else weight
    number = stratum.max(initial=0) + 1

    def counts(values: Array, side: Array) -> Array:
        return np.bincount(stratum[side], (weight * values)[side], minlength=number)

    ones = np.ones(len(hard))
    hard_all, easy_all = counts(ones, hard), counts(ones, ~hard)
    both = (hard_all > 0) & (easy_all > 0)
    if not both.any():
        return None
    a, b = hard_all[both], easy_all[both]
    difference = counts(matched, hard)[both] / a - counts(matched, ~hard)[both] / b
    return float(np.average(difference, weights=a * b / (a + b)))
