"""Precision tables: COCO's precision at 101 recalls, and recall, of detections whose outcomes are known, for many thresholds at once."""
import dataclasses

import numpy as np

from fashion.evaluation.matching import FALSE, TRUE, regular_objects

RECALLS = np.linspace(0, 1, 101)
MAX_DETECTIONS = (1, 10, 100)    # of a category in an image, for recall; precision has the last


@dataclasses.dataclass(frozen=True)
class Table:
    """One category's numbers for 4 area ranges (AREAS), I IoU and F F1 thresholds; -1 where the range has no objects."""

    precision: np.ndarray    # (4, I, F, 101) float64, at RECALLS
    recall: np.ndarray       # (3, 4, I, F) float64, at MAX_DETECTIONS


def precision_tables(pairs, outcomes):
    """{k: outcomes of `matching.match`} -> {k: Table}."""
    regular = regular_objects(pairs)
    tables = {}
    for k, outcome in outcomes.items():
        rows, objects = pairs.rows_of(k), regular[pairs.objects_of(k)].sum(axis=0)
        best_first = np.argsort(-pairs.score[rows], kind="stable")
        _, areas, ious, f1s = outcome.shape
        precision, recall = np.full((areas, ious, f1s, len(RECALLS)), -1.0), np.full((len(MAX_DETECTIONS), areas, ious, f1s), -1.0)
        for area in np.flatnonzero(objects):
            here = outcome[:, area].reshape(-1, ious * f1s)
            precision[area] = _precision(here[best_first], objects[area]).reshape(ious, f1s, -1)
            for i, limit in enumerate(MAX_DETECTIONS):
                recall[i, area] = ((here == TRUE)[pairs.rank[rows] < limit].sum(axis=0) / objects[area]).reshape(ious, f1s)
        tables[k] = Table(precision, recall)
    return tables


def mean_known(arrays):
    """Mean of all numbers above -1 in some arrays; -1 if there is none."""
    known = np.concatenate([np.empty(0), *map(np.ravel, arrays)])
    known = known[known > -1]
    return float(known.mean()) if known.size else -1.0


def _precision(outcome, objects):
    """Outcomes (N, C), best first, of C settings; number of objects -> (C, 101): the best precision at a recall or beyond."""
    n, settings = outcome.shape
    if n == 0:
        return np.zeros((settings, len(RECALLS)))
    found = np.cumsum(outcome == TRUE, axis=0, dtype=np.int32).T    # (C, N)
    wrong = np.cumsum(outcome == FALSE, axis=0, dtype=np.int32).T
    precision = found / (found + wrong + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    # The smallest number of found objects that is a recall, then the first place in the list where so many are found. Each setting's
    # counts lie above those of the setting before, so one search serves all.
    needed = np.searchsorted(np.arange(objects + 1) / objects, RECALLS)
    lift = np.arange(settings)[:, None] * (objects + 1)
    place = np.searchsorted((found + lift).ravel(), (needed + lift).ravel()).reshape(settings, -1) - np.arange(settings)[:, None] * n
    return np.where(place < n, np.take_along_axis(envelope, np.minimum(place, n - 1), axis=1), 0.0)


