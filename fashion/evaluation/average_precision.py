"""Average precision at many thresholds at once: matching, precision and recall.

As in COCO, the predictions of a category in an image choose in order of confidence, and an object
is matched once. What differs between the metrics that use this file is how a prediction chooses.
Everything is computed for every pair of an IoU and an F1 threshold together.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fashion.evaluation.matching import Block, MatchTable
from mrcnn.typing import Array

# Pixels, both ends inside; all, small, medium, large (COCO).
AREAS = np.array([(0, 1e10), (0, 32**2), (32**2, 96**2), (96**2, 1e10)])
FALSE, TRUE, IGNORED = 0, 1, 2  # outcomes of a prediction
RECALLS = np.linspace(0, 1, 101)
DETECTION_LIMITS = (1, 10, 100)  # of a category in an image, for recall; precision has the last

# Cells that are matched at once: their intermediate arrays stay in the processor's cache.
_CHUNK = 1 << 17

# (shared (..., D, G), predicted (..., D, 1), real (..., 1, G)) numbers of attributes
# -> (..., D, G) F1 of each pair.
F1 = Callable[[Array, Array, Array], Array | float]


@dataclass(frozen=True)
class Thresholds:
    """What a match must reach, and how a prediction chooses among the objects that it reaches.

    Attributes:
        iou: `(I,)` float64; -1 asks for nothing.
        f1: `(F,)` float64; -1 asks for nothing.
        f1_of: F1 of the attributes, see `F1`.
        joint: False: takes the largest IoU (of equal ones the last). True: goes through the objects
            and changes to another only where neither IoU nor F1 is lower. That is the rule of
            Fashionpedia's evaluator, and depends on the order of the objects.
        crowds_absorb: True: a crowd can be matched many times, as in COCO. False: once.
    """

    iou: Array
    f1: Array
    f1_of: F1
    joint: bool = False
    crowds_absorb: bool = True

    @property
    def limits(self) -> tuple[Array, Array]:
        """Both, at most 1 - 1e-10 as in COCO: a rounded IoU of 1 reaches a threshold of 1."""
        return np.minimum(self.iou, 1 - 1e-10), np.minimum(self.f1, 1 - 1e-10)


@dataclass(frozen=True)
class PrecisionTable:
    """Numbers of one category for 4 area ranges (`AREAS`), I IoU and F F1 thresholds.

    Attributes:
        precision: `(4, I, F, 101)` float64, at `RECALLS`; -1 where the range has no objects.
        recall: `(3, 4, I, F)` float64, at `DETECTION_LIMITS`; -1 in the same cases.
    """

    precision: Array
    recall: Array


def precision_tables(
    table: MatchTable, thresholds: Thresholds, categories: Sequence[int] | None = None
) -> dict[int, PrecisionTable]:
    """Computes precision and recall of some categories.

    Args:
        table: Predictions and objects, at most 100 predictions of a category in an image.
        thresholds: What a match must reach.
        categories: Indices into `table.category_ids`; all by default.

    Returns:
        {category index: its table}.
    """
    if categories is None:
        categories = range(len(table.category_ids))
    return tables_of(table, match(table, categories, thresholds))


def tables_of(
    table: MatchTable, outcomes: Mapping[int, Array], min_score: float = 0.0
) -> dict[int, PrecisionTable]:
    """Computes precision and recall of outcomes.

    Args:
        table: Predictions and objects.
        outcomes: From `match`.
        min_score: Leaves out predictions of lower confidence. This equals matching without them:
            more confident ones choose first. Compared in float32, as thresholds are elsewhere.

    Returns:
        {category index: its table}.
    """
    counted = counted_objects(table)
    confident = table.pred_score.astype(np.float32) >= np.float32(min_score)
    tables = {}
    for k, outcome in outcomes.items():
        # Ranks across images: pycocotools sorts by confidence, equal ones in the order of the
        # images.
        rows, objects = table.predictions_of(k), counted[table.objects_of(k)].sum(axis=0)
        best_first = np.argsort(-table.pred_score[rows], kind="stable")
        best_first = best_first[confident[rows][best_first]]
        limits = np.array(DETECTION_LIMITS)[:, None]
        within = (table.pred_rank[rows][best_first] < limits).astype(np.float32)  # (3, N)
        _, areas, ious, f1s = outcome.shape
        precision = np.full((areas, ious, f1s, len(RECALLS)), -1.0)
        recall = np.full((len(DETECTION_LIMITS), areas, ious, f1s), -1.0)
        for area in np.flatnonzero(objects):
            here = outcome[best_first, area].reshape(-1, ious * f1s)
            matched = here == TRUE
            precision[area] = precision_at_recalls(matched, here == FALSE, objects[area]).reshape(
                ious, f1s, -1
            )
            # Counts are exact in float32, whose products use BLAS.
            found = (within @ matched.astype(np.float32)).astype(np.float64)
            recall[:, area] = (found / objects[area]).reshape(-1, ious, f1s)
        tables[k] = PrecisionTable(precision, recall)
    return tables


def coco_numbers(tables: Iterable[PrecisionTable], f1: int) -> dict[str, float]:
    """Averages tables at IoU .50, .55 … .95 to COCO's twelve numbers.

    Args:
        tables: Of all categories.
        f1: Index of the F1 threshold.

    Returns:
        {"AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"},
        in [0, 1]; -1 without objects.
    """
    tables = list(tables)

    def ap(area: int = 0, iou: int | slice = slice(None)) -> float:
        return mean_known(table.precision[area, iou, f1] for table in tables)

    def ar(limit: int = 2, area: int = 0) -> float:
        return mean_known(table.recall[limit, area, :, f1] for table in tables)

    return {
        "AP": ap(),
        "AP50": ap(iou=0),
        # The sixth of .50, .55 … is .75.
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


def mean_known(arrays: Iterable[Array]) -> float:
    """Averages what is known.

    Args:
        arrays: Any shapes.

    Returns:
        Mean of all numbers above -1; -1 if there is none.
    """
    known = np.concatenate([np.empty(0), *map(np.ravel, arrays)])
    known = known[known > -1]
    return float(known.mean()) if known.size else -1.0


def counted_objects(table: MatchTable) -> Array:
    """Finds the objects that count, in each range of `AREAS`.

    Args:
        table: Predictions and objects.

    Returns:
        `(M, 4)` bool. The others may be matched without gain or harm.
    """
    area = table.gt_area[:, None]
    return ~(table.gt_crowd[:, None] | (area < AREAS[:, 0]) | (area > AREAS[:, 1]))


def match(table: MatchTable, categories: Sequence[int], thresholds: Thresholds) -> dict[int, Array]:
    """Decides for every prediction of some categories whether it is right.

    Args:
        table: Predictions and objects.
        categories: Indices into `table.category_ids`.
        thresholds: What a match must reach.

    Returns:
        {k: `(N_k, 4, I, F)` int8, FALSE, TRUE or IGNORED for the rows `table.predictions_of(k)`, in
        the ranges of `AREAS`}.
    """
    ranges = [np.empty(0, np.int64)]
    ranges += [np.arange(rows.start, rows.stop) for rows in map(table.predictions_of, categories)]
    rows = np.concatenate(ranges)
    place = np.full(len(table.pred_score), -1)  # of a row among the outcomes
    place[rows] = np.arange(len(rows))
    area = table.pred_area[rows, None]
    outside = (area < AREAS[:, 0]) | (area > AREAS[:, 1])  # (N, 4)
    outcome = np.empty((len(rows), len(AREAS), len(thresholds.iou), len(thresholds.f1)), np.int8)
    # Of what matches nothing; what matches something follows.
    outcome[:] = np.where(outside, IGNORED, FALSE)[:, :, None, None]

    counted = counted_objects(table)
    by_size: dict[int, list[tuple[Block, int]]] = {}
    for block in table.blocks:
        if place[block.predictions.start] >= 0:
            item = block, place[block.predictions.start]
            by_size.setdefault(block.iou.shape[1], []).append(item)
    # Blocks with equally many objects are matched together, so that NumPy's calls pay off.
    for blocks in by_size.values():
        blocks.sort(key=lambda item: -len(item[0].iou))
        while blocks:
            cells = max(outcome[:1].size, len(AREAS) * blocks[0][0].iou.size)
            count = max(1, _CHUNK // cells)
            _match_blocks(table, blocks[:count], counted, thresholds, outcome)
            blocks = blocks[count:]
    ends = np.cumsum([len(table.pred_score[table.predictions_of(k)]) for k in categories])
    return dict(zip(categories, np.split(outcome, ends[:-1])))


def _match_blocks(
    table: MatchTable,
    blocks: list[tuple[Block, int]],
    counted: Array,
    thresholds: Thresholds,
    outcome: Array,
) -> None:
    """Matches n blocks with G objects each, most predictions first, rank by rank in parallel.

    Writes into `outcome`. blocks: each with the place of its first prediction among the outcomes.
    """
    limits = thresholds.limits
    iou, f1, ignored, absorbs = _stacked(table, blocks, counted, thresholds)
    counts = np.array([len(block.iou) for block, _ in blocks])
    first_row = np.array([row for _, row in blocks])
    objects = iou.shape[-1]
    shape = (len(blocks), len(AREAS), len(limits[0]), len(limits[1]))
    free = np.ones((*shape, objects), bool)
    for d in range(counts[0]):
        m = int(np.count_nonzero(counts > d))  # the first m blocks have a prediction of this rank
        best_iou = np.broadcast_to(limits[0][:, None], (m, *shape[1:])).copy()
        best_f1 = limits[1]
        if thresholds.joint:
            best_f1 = np.broadcast_to(limits[1], (m, *shape[1:])).copy()
        choice, counts_for = np.full((m, *shape[1:]), -1, np.int16), np.zeros((m, *shape[1:]), bool)
        for g in range(objects):
            here_iou, here_f1 = iou[:m, :, d, ..., g], f1[:m, :, d, ..., g]
            better = (here_iou >= best_iou) & (here_f1 >= best_f1) & free[:m, ..., g]
            # As pycocotools: after a match that counts, ignored objects are not tried.
            better &= ~(counts_for & ignored[:m, ..., g])
            np.copyto(best_iou, here_iou, where=better)
            if thresholds.joint:
                np.copyto(best_f1, here_f1, where=better)
            np.copyto(choice, np.int16(g), where=better)
            np.copyto(counts_for, ~ignored[:m, ..., g], where=better)
        free[:m] &= (choice[..., None] != np.arange(objects, dtype=np.int16)) | absorbs[:m]
        rows = first_row[:m] + d
        matched = np.where(counts_for, np.int8(TRUE), np.int8(IGNORED))
        outcome[rows] = np.where(choice < 0, outcome[rows], matched)


def _stacked(
    table: MatchTable, blocks: list[tuple[Block, int]], counted: Array, thresholds: Thresholds
) -> tuple[Array, Array, Array, Array]:
    """IoU, F1, whether an object is ignored, whether it absorbs; axes to broadcast with thresholds.

    In every area range, the objects that count come first.
    """
    n, most, objects = len(blocks), len(blocks[0][0].iou), blocks[0][0].iou.shape[1]
    # Rows beyond a block's predictions have an IoU that reaches no threshold.
    iou, shared = np.full((n, most, objects), -2.0), np.zeros((n, most, objects))
    predicted, real = np.zeros((n, most)), np.empty((n, objects))
    ignored, absorbs = np.empty((n, len(AREAS), objects), bool), np.zeros((n, objects), bool)
    for b, (block, _) in enumerate(blocks):
        iou[b, : len(block.iou)] = block.iou
        shared[b, : len(block.iou)] = block.shared
        predicted[b, : len(block.iou)] = table.pred_attributes[block.predictions]
        real[b] = table.gt_attributes[block.objects]
        ignored[b] = ~counted[block.objects].T
        absorbs[b] = table.gt_crowd[block.objects] & thresholds.crowds_absorb
    f1 = thresholds.f1_of(shared, predicted[:, :, None], real[:, None])
    f1 = np.broadcast_to(f1, iou.shape)
    turn = np.argsort(ignored, axis=2, kind="stable")  # (n, 4, G)
    ignored = np.take_along_axis(ignored, turn, axis=2)[:, :, None, None]
    absorbs = np.take_along_axis(absorbs[:, None], turn, axis=2)[:, :, None, None]
    iou, f1 = (
        np.take_along_axis(values[:, None], turn[:, :, None], axis=3)[..., None, None, :]
        for values in (iou, f1)
    )
    return iou, f1, ignored, absorbs


def precision_at_recalls(matched: Array, wrong: Array, objects: int) -> Array:
    """Computes the best precision at each of `RECALLS` or beyond, in C settings.

    Args:
        matched: `(N, C)` bool, predictions that match an object, most confident first.
        wrong: `(N, C)` bool, false positives; what is neither is ignored.
        objects: How many there are, at least 1.

    Returns:
        `(C, 101)` float64.
    """
    n, settings = matched.shape
    if n == 0:
        return np.zeros((settings, len(RECALLS)))
    matched = np.ascontiguousarray(matched.T)  # (C, N)
    right, false = (np.cumsum(outcome, axis=1, dtype=np.int32) for outcome in (matched, wrong.T))
    precision = right / (right + false + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    # The smallest number of matches that is a recall, then the place in the list where it is
    # reached.
    needed = np.searchsorted(np.arange(objects + 1) / objects, RECALLS)
    total, start = right[:, -1:].astype(np.int64), np.arange(settings)[:, None] * n
    of_matched = np.append(np.flatnonzero(matched), 0)
    nth = np.where(needed <= total, np.cumsum(total)[:, None] - total + needed - 1, -1)
    place = np.where(needed > 0, of_matched[nth], start)
    return np.where(needed <= total, envelope.ravel()[place], 0.0)
