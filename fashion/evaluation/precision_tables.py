"""Precision tables: COCO's precision at 101 recalls, and recall, of detections whose outcomes are known, for many thresholds at once."""

import dataclasses

import numpy as np

from fashion.evaluation.matching import FALSE, TRUE, regular_objects

RECALLS = np.linspace(0, 1, 101)
MAX_DETECTIONS = (1, 10, 100)  # of a category in an image, for recall; precision has the last


@dataclasses.dataclass(frozen=True)
class Table:
    """One category's numbers for 4 area ranges (AREAS), I IoU and F F1 thresholds; -1 where the range has no objects."""

    precision: np.ndarray  # (4, I, F, 101) float64, at RECALLS
    recall: np.ndarray  # (3, 4, I, F) float64, at MAX_DETECTIONS


def precision_tables(pairs, outcomes):
    """{k: outcomes of `matching.match`} -> {k: Table}."""
    regular = regular_objects(pairs)
    tables = {}
    for k, outcome in outcomes.items():
        rows, objects = pairs.rows_of(k), regular[pairs.objects_of(k)].sum(axis=0)
        best_first = np.argsort(-pairs.score[rows], kind="stable")
        counts = (pairs.rank[rows][best_first] < np.array(MAX_DETECTIONS)[:, None]).astype(
            np.float32
        )  # (3, N)
        _, areas, ious, f1s = outcome.shape
        precision, recall = (
            np.full((areas, ious, f1s, len(RECALLS)), -1.0),
            np.full((len(MAX_DETECTIONS), areas, ious, f1s), -1.0),
        )
        for area in np.flatnonzero(objects):
            here = outcome[best_first, area].reshape(-1, ious * f1s)
            found = here == TRUE
            precision[area] = _precision(found, here == FALSE, objects[area]).reshape(ious, f1s, -1)
            recall[:, area] = (
                (counts @ found.astype(np.float32)).astype(np.float64) / objects[area]
            ).reshape(-1, ious, f1s)
        tables[k] = Table(precision, recall)
    return tables


def coco_numbers(tables, f1):
    """COCO's twelve numbers of tables at the ten IoU thresholds .50, .55, … .95. f1: index of the F1 threshold."""

    def ap(area=0, iou=slice(None)):
        return mean_known(table.precision[area, iou, f1] for table in tables)

    def ar(limit=2, area=0):
        return mean_known(table.recall[limit, area, :, f1] for table in tables)

    return {
        "AP": ap(),
        "AP50": ap(iou=0),
        "AP75": ap(iou=5),
        "APs": ap(1),
        "APm": ap(2),
        "APl": ap(3),
        "AR1": ar(0),
        "AR10": ar(1),
        "AR100": ar(),
        "ARs": ar(area=1),
        "ARm": ar(area=2),
        "ARl": ar(area=3),
    }


def mean_known(arrays):
    """Mean of all numbers above -1 in some arrays; -1 if there is none."""
    known = np.concatenate([np.empty(0), *map(np.ravel, arrays)])
    known = known[known > -1]
    return float(known.mean()) if known.size else -1.0


def _precision(found, wrong, objects):
    """Whether each of N detections, best first, found an object or was wrong, (N, C) bool, in C settings; number of objects -> (C, 101):
    the best precision at a recall or beyond."""
    n, settings = found.shape
    if n == 0:
        return np.zeros((settings, len(RECALLS)))
    found = np.ascontiguousarray(found.T)  # (C, N)
    right, false = (np.cumsum(outcome, axis=1, dtype=np.int32) for outcome in (found, wrong.T))
    precision = right / (right + false + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    # The smallest number of found objects that is a recall, then the place in the list where so many are found.
    needed = np.searchsorted(np.arange(objects + 1) / objects, RECALLS)
    total, start = right[:, -1:].astype(np.int64), np.arange(settings)[:, None] * n
    of_found = np.append(np.flatnonzero(found), 0)
    nth = np.where(needed <= total, np.cumsum(total)[:, None] - total + needed - 1, -1)
    place = np.where(needed > 0, of_found[nth], start)
    return np.where(needed <= total, envelope.ravel()[place], 0.0)
