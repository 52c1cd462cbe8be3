"""Precision tables: COCO's precision at 101 recalls, and recall, of detections whose outcomes are known, for many thresholds at once."""

import dataclasses

import numpy as np

AREAS = np.array(
    [(0, 1e10), (0, 32**2), (32**2, 96**2), (96**2, 1e10)]
)  # pixels, both ends inside; all, small, medium, large (COCO)
FALSE, TRUE, IGNORED = 0, 1, 2  # outcomes of a detection

_CHUNK = (
    1 << 17
)  # cells that are matched at once: their intermediate arrays stay in the processor's cache


def regular_objects(pairs):
    """(M, 4) bool: which objects count, in each range of AREAS. The others may be found without gain or harm."""
    area = pairs.object_area[:, None]
    return ~(pairs.crowd[:, None] | (area < AREAS[:, 0]) | (area > AREAS[:, 1]))


def match(
    pairs, categories, iou_thresholds, f1_thresholds, f1_of, *, joint=False, crowds_absorb=True
):
    """The outcome of every detection of some categories.

    categories: indices of categories, the k of `pairs.rows_of`
    iou_thresholds, f1_thresholds: (I,), (F,) float64; -1 asks for nothing
    f1_of: callable (shared (..., D, G), said (..., D, 1), real (..., 1, G)) -> (..., D, G) F1 of the attributes
    joint: False: of the objects that reach both thresholds, take the largest IoU (equal ones: the last). True: go through the objects
        and change to another only where neither IoU nor F1 is lower (the Fashionpedia evaluator's rule, which depends on their order).
    crowds_absorb: a crowd can be found many times, as in COCO; False: once, like an object
    Returns: {k: (N_k, 4, I, F) int8, FALSE, TRUE or IGNORED for the rows `pairs.rows_of(k)`, in the ranges of AREAS}.
    """
    rows = np.concatenate(
        [
            np.empty(0, np.int64),
            *(np.arange(pairs.rows_of(k).start, pairs.rows_of(k).stop) for k in categories),
        ]
    )
    place = np.full(len(pairs.score), -1)  # of a row among the outcomes
    place[rows] = np.arange(len(rows))
    outside = (pairs.row_area[rows, None] < AREAS[:, 0]) | (
        pairs.row_area[rows, None] > AREAS[:, 1]
    )  # (N, 4)
    outcome = np.empty((len(rows), len(AREAS), len(iou_thresholds), len(f1_thresholds)), np.int8)
    outcome[:] = np.where(outside, IGNORED, FALSE)[
        :, :, None, None
    ]  # of what finds nothing; what finds something follows

    regular = regular_objects(pairs)
    # A perfect IoU reaches a threshold of 1, whatever was rounded; COCO's constant.
    limits = np.minimum(iou_thresholds, 1 - 1e-10), np.minimum(f1_thresholds, 1 - 1e-10)
    by_size = {}
    for block in pairs.blocks:
        if place[block.rows.start] >= 0:
            by_size.setdefault(block.iou.shape[1], []).append((block, place[block.rows.start]))
    for blocks in by_size.values():
        blocks.sort(key=lambda item: -len(item[0].iou))
        while blocks:
            count = max(1, _CHUNK // max(outcome[:1].size, len(AREAS) * blocks[0][0].iou.size))
            _match_blocks(
                pairs, blocks[:count], regular, limits, f1_of, joint, crowds_absorb, outcome
            )
            blocks = blocks[count:]
    return dict(
        zip(
            categories,
            np.split(
                outcome, np.cumsum([len(pairs.score[pairs.rows_of(k)]) for k in categories])[:-1]
            ),
        )
    )


def _match_blocks(pairs, blocks, regular, limits, f1_of, joint, crowds_absorb, outcome):
    """n blocks with as many objects (G) each, most detections first, step by step in parallel; writes into `outcome`."""
    n, most, objects = len(blocks), len(blocks[0][0].iou), blocks[0][0].iou.shape[1]
    iou, shared, said, real = (
        np.full((n, most, objects), -2.0),
        np.zeros((n, most, objects)),
        np.zeros((n, most)),
        np.empty((n, objects)),
    )
    ignored, absorbs = np.empty((n, len(AREAS), objects), bool), np.zeros((n, objects), bool)
    for b, (block, _) in enumerate(blocks):
        iou[b, : len(block.iou)] = block.iou  # the other rows are not there, and reach no threshold
        shared[b, : len(block.iou)], said[b, : len(block.iou)], real[b] = (
            block.shared,
            pairs.said[block.rows],
            pairs.real[block.objects],
        )
        ignored[b] = ~regular[block.objects].T
        absorbs[b] = pairs.crowd[block.objects] & crowds_absorb
    f1 = np.broadcast_to(f1_of(shared, said[:, :, None], real[:, None]), iou.shape)
    # In every area range, the objects that count come first.
    turn = np.argsort(ignored, axis=2, kind="stable")  # (n, 4, G)
    ignored = np.take_along_axis(ignored, turn, axis=2)[:, :, None, None]
    absorbs = np.take_along_axis(absorbs[:, None], turn, axis=2)[:, :, None, None]
    iou, f1 = (
        np.take_along_axis(values[:, None], turn[:, :, None], axis=3)[..., None, None, :]
        for values in (iou, f1)
    )
    counts = np.array([len(block.iou) for block, _ in blocks])
    first_row = np.array([row for _, row in blocks])

    shape = (n, len(AREAS), len(limits[0]), len(limits[1]))
    free = np.ones((*shape, objects), bool)
    for d in range(most):
        m = np.count_nonzero(counts > d)  # the first m blocks have a detection of this rank
        best_iou = np.broadcast_to(limits[0][:, None], (m, *shape[1:])).copy()
        best_f1 = np.broadcast_to(limits[1], (m, *shape[1:])).copy() if joint else limits[1]
        choice, counted = np.full((m, *shape[1:]), -1, np.int16), np.zeros((m, *shape[1:]), bool)
        for g in range(objects):
            here_iou, here_f1 = iou[:m, :, d, ..., g], f1[:m, :, d, ..., g]
            better = (here_iou >= best_iou) & (here_f1 >= best_f1) & free[:m, ..., g]
            better &= ~(counted & ignored[:m, ..., g])
            np.copyto(best_iou, here_iou, where=better)
            if joint:
                np.copyto(best_f1, here_f1, where=better)
            np.copyto(choice, np.int16(g), where=better)
            np.copyto(counted, ~ignored[:m, ..., g], where=better)
        free[:m] &= (choice[..., None] != np.arange(objects, dtype=np.int16)) | absorbs[:m]
        rows = first_row[:m] + d
        outcome[rows] = np.where(
            choice < 0, outcome[rows], np.where(counted, np.int8(TRUE), np.int8(IGNORED))
        )


# Precision

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
