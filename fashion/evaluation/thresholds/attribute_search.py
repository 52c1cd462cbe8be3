"""Attribute thresholds: those at which the attributes of the garments that were found are worth the most.

The detections keep the objects that they found, so every (category, attribute) has a threshold that can be tried without touching the
others: the worth of thousands of them is one array. The winner of Kaggle's 2020 contest had 13,524 of them.
"""

import dataclasses

import numpy as np

from fashion.evaluation.metrics.kaggle import THRESHOLDS
from fashion.evaluation.thresholds.table import NEVER, reaches

CANDIDATES = np.append(np.arange(1, 20) / 20, NEVER)
MIN_EXAMPLES = 10  # of an attribute, real or said, before it gets a threshold of its own
_SWEEPS = 2
_ROUNDS = 3  # of finding the price of a ratio


@dataclasses.dataclass(frozen=True)
class Matched:
    """N detections of one category that found an object."""

    scores: np.ndarray  # (N, T) float32
    real: np.ndarray  # (N, T) bool
    weight: np.ndarray  # (N,) float64


def matched_attributes(photos, choice, goal):
    """{category number: Matched} of the detections that count and found an object at IoU 0.5, the surest choosing first.

    Crowds are objects in Kaggle's scores, the goals of photos, and nothing in others.
    """
    rows = {}
    for photo in photos:
        kept, iou = choice.kept(photo), choice.iou(photo)
        free = np.ones(len(photo.crowd), bool) if goal.of_photo else ~photo.crowd
        for d in kept if len(free) else ():
            overlap = np.where(free, iou[d], 0)
            g = int(np.argmax(overlap))
            if overlap[g] > THRESHOLDS[0]:
                free[g] = False
                weight = (
                    1.0
                    if goal.priced
                    else np.count_nonzero(overlap[g] > THRESHOLDS) / len(THRESHOLDS)
                )
                rows.setdefault(int(photo.category[d]), []).append(
                    (
                        photo.attribute_scores[d],
                        photo.real[g],
                        weight / len(kept) if goal.shared_out else weight,
                    )
                )
    return {k: Matched(*map(np.array, zip(*of_k))) for k, of_k in rows.items()}


def common_threshold(matched, goal, start):
    """The one threshold for everything that is worth the most. start: (K, T) float, what is used now -> (K, T)."""

    def best(price):
        worth = sum(
            (_worth_of_levels(rows, goal, price) for rows in matched.values()),
            np.zeros(len(CANDIDATES)),
        )
        return np.full_like(start, _best(CANDIDATES, worth, start.flat[0])) if start.size else start

    return _priced(best, matched, goal, start)


def thresholds_of_supercategories(matched, goal, start, supercategories):
    """(K, T) float: for every super-category one threshold for all categories, the others being given. supercategories: (T,) names"""

    def best(price):
        found = start.copy()
        for name in dict.fromkeys(supercategories):
            columns = np.flatnonzero(np.array(supercategories) == name)
            worth = np.zeros(len(CANDIDATES))
            for i, threshold in enumerate(CANDIDATES):
                changed = found.copy()
                changed[:, columns] = threshold
                worth[i] = sum(_worth(rows, changed[k], goal, price) for k, rows in matched.items())
            found[:, columns] = _best(CANDIDATES, worth, found[0, columns[0]])
        return found

    return _priced(best, matched, goal, start)


def thresholds_of_categories(matched, goal, start):
    """(K, T) float: for every category the one threshold of its attributes that is worth the most, if it is worth more than what is."""
    return _by_category(_level, matched, goal, start)


def thresholds_of_attributes(matched, goal, start):
    """(K, T) float: for every attribute of a category, where there are examples enough, its own, the others being given."""

    def change(*arguments):
        for _ in range(_SWEEPS):
            _sweep(*arguments)

    return _by_category(change, matched, goal, start)


def _by_category(change, matched, goal, start):
    """change: callable (Matched, thresholds (T,), goal, price) that writes into the thresholds of one category"""

    def best(price):
        found = start.copy()
        for k, rows in matched.items():
            change(rows, found[k], goal, price)
        return found

    return _priced(best, matched, goal, start)


def _level(rows, thresholds, goal, price):
    """Makes the thresholds (T,) of one category one, if that is worth more."""
    worth = _worth_of_levels(rows, goal, price)
    if len(rows.real) >= MIN_EXAMPLES and worth.max() > _worth(rows, thresholds, goal, price):
        thresholds[:] = _best(CANDIDATES, worth, np.median(thresholds))


def _sweep(rows, thresholds, goal, price):
    """Changes the thresholds (T,) of one category, one after the other."""
    said = reaches(rows.scores, thresholds)
    shared, total, real = (said & rows.real).sum(axis=1), said.sum(axis=1), rows.real.sum(axis=1)
    examples = (said | rows.real).sum(axis=0)
    for t in np.argsort(-examples, kind="stable")[: np.count_nonzero(examples >= MIN_EXAMPLES)]:
        new = reaches(rows.scores[:, t], CANDIDATES[:, None])  # (candidates, N)
        change = new.astype(int) - said[:, t]
        worth = (
            goal.worth(
                shared + change * rows.real[:, t], total + change, real, len(thresholds), price
            )
            @ rows.weight
        )
        thresholds[t] = _best(CANDIDATES, worth, thresholds[t])
        now = reaches(rows.scores[:, t], thresholds[t])
        change = now.astype(int) - said[:, t]
        shared, total, said[:, t] = shared + change * rows.real[:, t], total + change, now


def _worth_of_levels(rows, goal, price):
    """(candidates,) worth of one threshold for all attributes."""
    return np.array([_worth(rows, threshold, goal, price) for threshold in CANDIDATES])


def _worth(rows, thresholds, goal, price):
    """Of the attributes of one category at thresholds, one or (T,)."""
    said = reaches(rows.scores, thresholds)
    each = goal.worth(
        (said & rows.real).sum(axis=1),
        said.sum(axis=1),
        rows.real.sum(axis=1),
        rows.real.shape[1],
        price,
    )
    return each @ rows.weight


def _best(candidates, worth, now):
    """Of the candidates of the greatest worth the one nearest to what is used now: what makes no difference is left alone."""
    greatest = candidates[worth >= worth.max() - 1e-9 * max(1.0, abs(worth.max()))]
    return greatest[np.argmin(np.abs(greatest - now))]


def _priced(best, matched, goal, start):
    """Solves for the price of a ratio, which is what the ratio becomes."""
    found = start
    for _ in range(_ROUNDS if goal.priced else 1):
        shared = total = 0
        for k, rows in matched.items() if goal.priced else ():
            said = reaches(rows.scores, found[k])
            shared, total = (
                shared + 2 * np.count_nonzero(said & rows.real),
                total + np.count_nonzero(said) + np.count_nonzero(rows.real),
            )
        found = best(shared / max(total, 1))
    return found
