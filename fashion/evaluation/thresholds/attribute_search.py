"""The search for attribute thresholds, at fixed matches of detections and objects.

Detections keep the objects that they match, so every (category, attribute) has a threshold that
can change without the others: the utility of thousands of them is one array. The winner of Kaggle's
2020 contest used 13,524 thresholds.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from fashion.evaluation.metrics.kaggle import THRESHOLDS
from fashion.evaluation.thresholds.candidate import Candidate
from fashion.evaluation.thresholds.objectives import Objective
from fashion.evaluation.thresholds.table import NEVER, reaches
from fashion.evaluation.thresholds.tuning_data import TuningImage
from mrcnn.typing import Array

_LEVELS = np.append(np.arange(1, 20) / 20, NEVER)  # thresholds that are tried
# An attribute with fewer predictions and ground truth keeps the common threshold: its own would
# overfit.
_MIN_EXAMPLES = 10
_SWEEPS = 2  # the thresholds of a category interact through F1
_ROUNDS = 3  # of the iteration for a ratio


@dataclasses.dataclass(frozen=True)
class MatchedAttributes:
    """N matched detections of one category, with T attributes.

    Attributes:
        scores: `(N, T)` float32.
        gt: `(N, T)` bool, attributes of the matched objects.
        weight: `(N,)` float64.
    """

    scores: Array
    gt: Array
    weight: Array


Matches = Mapping[int, MatchedAttributes]  # by category index


def matched_attributes(
    images: Iterable[TuningImage], candidate: Candidate, objective: Objective
) -> Matches:
    """Matches the detections that count, at IoU above 0.5, in order of their scores.

    Crowds are objects in Kaggle's scores, which sum over images; the others leave them out.

    Args:
        images: Detections and objects.
        candidate: Says which detections count.
        objective: Weighs them.

    Returns:
        `{category index: MatchedAttributes}`.
    """
    rows: dict[int, list] = {}
    for image in images:
        kept, iou = candidate.kept(image), candidate.iou(image)
        free = np.ones(len(image.crowd), bool) if objective.image_value else ~image.crowd
        if not len(free):
            continue
        for d in kept:
            overlap = np.where(free, iou[d], 0)
            g = int(np.argmax(overlap))
            if overlap[g] <= THRESHOLDS[0]:
                continue
            free[g] = False
            weight = 1.0
            if not objective.is_ratio:  # share of the IoU thresholds at which it matches
                weight = np.count_nonzero(overlap[g] > THRESHOLDS) / len(THRESHOLDS)
            if objective.mean_over_detections:
                weight /= len(kept)
            row = image.attribute_scores[d], image.gt_attributes[g], weight
            rows.setdefault(int(image.category[d]), []).append(row)
    return {k: MatchedAttributes(*map(np.array, zip(*of_k))) for k, of_k in rows.items()}


def common_threshold(matched: Matches, objective: Objective, start: Array) -> Array:
    """Searches one threshold for all attributes.

    Args:
        matched: From `matched_attributes`.
        objective: What to maximise.
        start: `(K, T)` float64 thresholds so far.

    Returns:
        `(K, T)` float64.
    """

    def best(ratio: float) -> Array:
        if not start.size:
            return start
        utility = np.zeros(len(_LEVELS))
        for rows in matched.values():
            utility = utility + _utility_of_levels(rows, objective, ratio)
        return np.full_like(start, _best_level(utility, start.flat[0]))

    return _solve_ratio(best, matched, objective, start)


def thresholds_of_supercategories(
    matched: Matches, objective: Objective, start: Array, supercategories: Sequence[str]
) -> Array:
    """Searches a threshold for the attributes of each super-category, for all categories.

    Args:
        matched: From `matched_attributes`.
        objective: What to maximise.
        start: `(K, T)` float64 thresholds so far.
        supercategories: T names.

    Returns:
        `(K, T)` float64.
    """

    def best(ratio: float) -> Array:
        thresholds = start.copy()
        for name in dict.fromkeys(supercategories):
            columns = np.flatnonzero(np.array(supercategories) == name)
            utility = np.zeros(len(_LEVELS))
            for i, level in enumerate(_LEVELS):
                changed = thresholds.copy()
                changed[:, columns] = level
                utility[i] = sum(
                    _utility(rows, changed[k], objective, ratio) for k, rows in matched.items()
                )
            thresholds[:, columns] = _best_level(utility, thresholds[0, columns[0]])
        return thresholds

    return _solve_ratio(best, matched, objective, start)


def thresholds_of_categories(matched: Matches, objective: Objective, start: Array) -> Array:
    """Searches one threshold for the attributes of each category, if that is better.

    Args:
        matched: From `matched_attributes`.
        objective: What to maximise.
        start: `(K, T)` float64 thresholds so far.

    Returns:
        `(K, T)` float64.
    """
    return _for_each_category(_set_level, matched, objective, start)


def thresholds_of_attributes(matched: Matches, objective: Objective, start: Array) -> Array:
    """Searches a threshold for every attribute of a category that has enough examples.

    Args:
        matched: From `matched_attributes`.
        objective: What to maximise.
        start: `(K, T)` float64 thresholds so far.

    Returns:
        `(K, T)` float64.
    """

    def change(
        rows: MatchedAttributes, thresholds: Array, objective: Objective, ratio: float
    ) -> None:
        for _ in range(_SWEEPS):
            _sweep(rows, thresholds, objective, ratio)

    return _for_each_category(change, matched, objective, start)


def _for_each_category(
    change: Callable[[MatchedAttributes, Array, Objective, float], None],
    matched: Matches,
    objective: Objective,
    start: Array,
) -> Array:
    """change: writes into the thresholds (T,) of one category."""

    def best(ratio: float) -> Array:
        thresholds = start.copy()
        for k, rows in matched.items():
            change(rows, thresholds[k], objective, ratio)
        return thresholds

    return _solve_ratio(best, matched, objective, start)


def _set_level(
    rows: MatchedAttributes, thresholds: Array, objective: Objective, ratio: float
) -> None:
    """Sets all thresholds (T,) of one category to one level, if that is better."""
    utility = _utility_of_levels(rows, objective, ratio)
    now = _utility(rows, thresholds, objective, ratio)
    if len(rows.gt) >= _MIN_EXAMPLES and utility.max() > now:
        thresholds[:] = _best_level(utility, np.median(thresholds))


def _sweep(rows: MatchedAttributes, thresholds: Array, objective: Objective, ratio: float) -> None:
    """Changes the thresholds (T,) of one category one after another, frequent attributes first."""
    predicted = reaches(rows.scores, thresholds)
    shared, total = (predicted & rows.gt).sum(axis=1), predicted.sum(axis=1)
    gt = rows.gt.sum(axis=1)
    examples = (predicted | rows.gt).sum(axis=0)
    enough = np.count_nonzero(examples >= _MIN_EXAMPLES)
    for t in np.argsort(-examples, kind="stable")[:enough]:
        new = reaches(rows.scores[:, t], _LEVELS[:, None])  # (levels, N)
        change = new.astype(int) - predicted[:, t]
        each = objective.utility(
            shared + change * rows.gt[:, t], total + change, gt, len(thresholds), ratio
        )
        thresholds[t] = _best_level(each @ rows.weight, thresholds[t])
        now = reaches(rows.scores[:, t], thresholds[t])
        change = now.astype(int) - predicted[:, t]
        shared, total = shared + change * rows.gt[:, t], total + change
        predicted[:, t] = now


def _utility_of_levels(rows: MatchedAttributes, objective: Objective, ratio: float) -> Array:
    """(levels,) utility of one threshold for all attributes of a category."""
    return np.array([_utility(rows, level, objective, ratio) for level in _LEVELS])


def _utility(
    rows: MatchedAttributes, thresholds: Array | float, objective: Objective, ratio: float
) -> float:
    """Utility of the attributes of one category at a threshold or at (T,) thresholds."""
    predicted = reaches(rows.scores, thresholds)
    each = objective.utility(
        (predicted & rows.gt).sum(axis=1),
        predicted.sum(axis=1),
        rows.gt.sum(axis=1),
        rows.gt.shape[1],
        ratio,
    )
    return each @ rows.weight


def _best_level(utility: Array, now: float) -> float:
    """Of the best levels the one nearest to the present: what makes no difference stays."""
    best = _LEVELS[utility >= utility.max() - 1e-9 * max(1.0, abs(utility.max()))]
    return best[np.argmin(np.abs(best - now))]


def _solve_ratio(
    best: Callable[[float], Array], matched: Matches, objective: Objective, start: Array
) -> Array:
    """Calls `best` with the ratio that its thresholds reach; 0 for objectives without a ratio."""
    thresholds = start
    for _ in range(_ROUNDS if objective.is_ratio else 1):
        shared = total = 0
        if objective.is_ratio:
            for k, rows in matched.items():
                predicted = reaches(rows.scores, thresholds[k])
                shared += 2 * int((predicted & rows.gt).sum())
                total += int(predicted.sum()) + int(rows.gt.sum())
        thresholds = best(shared / max(total, 1))
    return thresholds
