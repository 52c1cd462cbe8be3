"""Kaggle's scores of iMaterialist (Fashion) 2019 and 2020, as far as their rules are public.

| | 2019 | 2020 |
|---|---|---|
| thresholds t | IoU .50, .55, … .95 | the 100 pairs of such an IoU and such an F1 |
| a hit | IoU > t, the same ClassId: category and all attributes | IoU > t, the same category and, \
where the object has attributes, F1 > t |
| at one t | TP / (TP + FP + FN) | TP / (TP + FP): missed objects cost nothing |
| then | mean over t | mean over the pairs, then over the images |

The rules leave open, and here is chosen:

* which of several predictions hits an object, and which of several objects it hits: predictions
  choose in order of confidence (equal ones: in the order of the list), each takes the unmatched
  object that it overlaps most among those that it may hit, and no object is hit twice;
* the level at which 2019 averages: both candidates are returned;
* that 2020 asks for the same category;
* an image with objects but without predictions: 0. One without either: 1;
* the frame: masks are compared at the image's size. Kaggle's masks have a smaller frame
  (`fashion.formats.submission_table`);
* crowds, which Kaggle does not have: "iscrowd" is not read, so each is an object like any other.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.registry import CONFIDENT, Inputs, metric
from mrcnn.typing import Array

# 0.6 is 0.6, which arange() misses; every comparison is strict.
THRESHOLDS = tuple(t / 100 for t in range(50, 100, 5))

_AT = np.array(THRESHOLDS)
# Where a prediction hits is a set of thresholds (2020: of pairs), kept as one whole number: bit t
# is threshold t. So all thresholds are matched in one pass over the few pairs of a prediction and
# an object that reach any of them.
_UP_TO = tuple((1 << n) - 1 for n in range(len(THRESHOLDS) + 1))  # the n lowest thresholds
# Pair (i, j) of an IoU and an F1 threshold is bit 10 i + j, so a product joins the n lowest IoU
# thresholds with a set of F1 thresholds.
_ONE_OF_EACH = tuple(
    sum(1 << len(THRESHOLDS) * i for i in range(n)) for n in range(len(THRESHOLDS) + 1)
)
_BOTH_UP_TO = tuple(iou * f1 for iou in _ONE_OF_EACH for f1 in _UP_TO)


def evaluate_2020(ground_truth: dict, detections: Sequence[dict]) -> dict:
    """Computes the score of 2020.

    Args:
        ground_truth: COCO dict with "segmentation" (RLE) and "attribute_ids" (missing: none).
        detections: COCO results with the same.

    Returns:
        See `score_2020`.
    """
    return score_2020(MatchTable.build(ground_truth, detections))


def score_2019(table: MatchTable) -> dict:
    """Computes the score of 2019 at both levels that its rule may mean.

    Args:
        table: Masks, and the predictions that count.

    Returns:
        {"mean_over_images_and_classes": per image and ClassId in it (predicted or annotated)
        TP / (TP + FP + FN), mean over the thresholds, then the ClassIds, then the images; "pooled":
        the counts of all images and ClassIds together, mean over the thresholds; "thresholds": the
        ten; "tp", "fp", "fn": pooled counts at each; "images": how many}. Scores are in [0, 1].
        Nothing to find and nothing predicted is 1.
    """
    image_scores, totals = [], np.zeros((3, len(THRESHOLDS)), np.int64)
    class_of_prediction = _class_ids(table.detections, table.pred_index)
    class_of_object = _class_ids(table.ground_truth["annotations"], table.gt_index)
    for image in table.images():
        predicted = [class_of_prediction[row] for row in image.predictions]
        real = [class_of_object[row] for row in image.objects]
        number_of = {name: number for number, name in enumerate(sorted({*real, *predicted}))}
        counts = counts_2019(
            image.iou,
            np.array([number_of[name] for name in predicted], np.int64),
            np.array([number_of[name] for name in real], np.int64),
            len(number_of),
        )
        image_scores.append(float(np.mean(counts[0] / counts.sum(axis=0))) if number_of else 1.0)
        totals += counts.sum(axis=2)
    tp, fp, fn = totals
    pooled = np.where(totals.sum(axis=0) > 0, tp / np.maximum(totals.sum(axis=0), 1), 1.0)
    return {
        "mean_over_images_and_classes": float(np.mean(image_scores)) if image_scores else 0.0,
        "pooled": float(pooled.mean()),
        "thresholds": list(THRESHOLDS),
        "tp": tp.tolist(),
        "fp": fp.tolist(),
        "fn": fn.tolist(),
        "images": len(image_scores),
    }


def score_2020(table: MatchTable) -> dict:
    """Computes the score of 2020: mean over images of the mean over (IoU, F1) pairs of precision.

    Args:
        table: Masks, and the predictions that count.

    Returns:
        {"score": in [0, 1]; "precision": ten lists of ten floats, for each IoU threshold and, in
        it, each F1 threshold, the mean over the images; "thresholds": the ten, of both; "images":
        how many; "images_without_detections": how many of them, each counted as 0 if it has
        objects}.
    """
    precision, empty = [], 0
    for image in table.images():
        empty += not len(image.predictions)
        same = table.pred_category[image.predictions, None] == table.gt_category[image.objects]
        predicted, real = (
            table.pred_attributes[image.predictions, None],
            table.gt_attributes[image.objects],
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            f1 = np.where(real > 0, 2 * image.shared / (predicted + real), np.inf)
        precision.append(precision_2020(image.iou, same, f1))
    mean = np.mean(precision, axis=0) if precision else np.zeros((len(THRESHOLDS), len(THRESHOLDS)))
    return {
        "score": float(mean.ravel().mean()),
        "precision": mean.tolist(),
        "thresholds": list(THRESHOLDS),
        "images": len(precision),
        "images_without_detections": empty,
    }


def counts_2019(iou: Array, predicted: Array, real: Array, classes: int) -> Array:
    """Counts hits of one image as 2019 does.

    Args:
        iou: `(D, G)` float64 of predictions, most confident first, and objects; pairs of different
            ClassIds are not read.
        predicted: `(D,)` int64, each prediction's ClassId as a number 0..classes-1.
        real: `(G,)` int64, the objects'.
        classes: How many ClassIds there are.

    Returns:
        `(3, 10, classes)` int64: TP, FP and FN at each threshold, for each ClassId.
    """
    reached = np.searchsorted(_AT, iou)  # how many thresholds lie below
    hits = _hits(iou, reached, _UP_TO, predicted[:, None] == real)
    of_class = np.eye(classes, dtype=np.int64)
    tp = _bits(hits, len(THRESHOLDS)).T.astype(np.int64) @ of_class[predicted]
    fp, fn = (np.bincount(numbers, minlength=classes) - tp for numbers in (predicted, real))
    return np.stack([tp, fp, fn])


def precision_2020(iou: Array, same_category: Array, f1: Array) -> Array:
    """Computes the precision of one image at every pair of thresholds, as 2020 does.

    Args:
        iou: `(D, G)` float64 of predictions, most confident first, and objects.
        same_category: `(D, G)` bool; the others hit nothing.
        f1: `(D, G)` float64 of their attributes; `np.inf` where the object has none, for the
            condition is waived there.

    Returns:
        `(10, 10)` float64, IoU thresholds down, F1 thresholds across. Without predictions 0, or 1
        if there are no objects either.
    """
    pairs = len(THRESHOLDS) ** 2
    if not iou.size:
        return np.full((len(THRESHOLDS), len(THRESHOLDS)), float(not sum(iou.shape)))
    levels = len(THRESHOLDS) + 1
    reached = np.searchsorted(_AT, iou) * levels + np.searchsorted(_AT, f1)
    hits = _hits(iou, reached, _BOTH_UP_TO, same_category)
    return (_bits(hits, pairs).sum(axis=0) / len(iou)).reshape(len(THRESHOLDS), -1)


def _hits(iou: Array, reached: Array, thresholds: Sequence[int], may_hit: Array) -> list[int]:
    """The thresholds at which each prediction hits an object: list of D sets.

    Prediction 0 chooses first, each the unmatched object that it overlaps most (of equal ones the
    first). reached: `(D, G)` int, index into `thresholds`, a sequence of sets.
    """
    hits, taken = [0] * iou.shape[0], [0] * iou.shape[1]
    d, g = np.nonzero(may_hit & (iou > THRESHOLDS[0]))
    if len(d) > 1:
        best_first = np.lexsort((-iou[d, g], d))
        d, g = d[best_first], g[best_first]
    for prediction, an_object, level in zip(d.tolist(), g.tolist(), reached[d, g].tolist()):
        here = thresholds[level] & ~taken[an_object] & ~hits[prediction]
        hits[prediction] |= here
        taken[an_object] |= here
    return hits


def _bits(sets: Iterable[int], size: int) -> Array:
    """N sets of thresholds -> `(N, size)` uint8, 1 where a threshold is in the set."""
    # Python's whole numbers have any length: 100 pairs are 13 bytes.
    width = -(-size // 8)
    packed = np.frombuffer(b"".join([one.to_bytes(width, "little") for one in sets]), np.uint8)
    return np.unpackbits(packed.reshape(-1, width), axis=1, count=size, bitorder="little")


def _class_ids(items: Sequence[dict], index: Array) -> list[tuple[int, ...]]:
    """2019's ClassIds of rows of the table, as numbers: category and ascending attributes."""
    class_ids = []
    for row in (items[i] for i in index):
        attributes = sorted(set(map(int, row.get("attribute_ids") or ())))
        class_ids.append((row["category_id"], *attributes))
    return class_ids


def _rows(scores: dict) -> list[str]:
    """Both contests on one line."""
    of_2019 = scores["kaggle_2019"]
    return [
        f"Kaggle 2019: {of_2019['mean_over_images_and_classes']:.4f} (mean over images and "
        f"classes), {of_2019['pooled']:.4f} (pooled)     Kaggle 2020: "
        f"{scores['kaggle_2020']['score']:.4f}"
    ]


_CHOSEN = (
    "The rules leave open, and here is chosen: predictions choose in order of confidence, each the "
    "unmatched object that it overlaps most among those that it may hit; 2019's level of averaging "
    "(both are given); that 2020 asks for the category; masks are compared at the image's size; "
    "crowds, which Kaggle does not have, are objects like any other. Every comparison is strict "
    "(IoU > t)."
)
_SOURCE = "iMaterialist (Fashion) {} at FGVC, as far as its rules are public"


@metric(
    "kaggle_2019",
    "Kaggle 2019",
    section=CONFIDENT,
    order=30,
    rows=_rows,
    formula="TP / (TP + FP + FN) of each ClassId, mean over ten IoU thresholds",
    source=_SOURCE.format(2019),
    numbers={
        "mean_over_images_and_classes": (
            "TP / (TP + FP + FN) of each image and ClassId in it, predicted or annotated; mean "
            "over thresholds, then ClassIds, then images"
        ),
        "pooled": "the counts of all images and ClassIds together, mean over the thresholds",
        "thresholds": "the ten IoUs, .50 to .95",
        "tp": "pooled true positives at each of them",
        "fp": "false positives",
        "fn": "false negatives",
        "images": "how many images",
    },
    documentation="A hit has the same ClassId: category and all attributes. " + _CHOSEN,
)
def kaggle_2019(inputs: Inputs) -> dict:
    """The score of 2019 of the confident predictions.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        See `score_2019`.
    """
    return score_2019(inputs.confident_masks)


@metric(
    "kaggle_2020",
    "Kaggle 2020",
    section=CONFIDENT,
    order=31,
    rows=lambda scores: [],  # on the line of 2019
    formula="TP / (TP + FP), mean over the 100 pairs of an IoU and an F1 threshold, then images",
    source=_SOURCE.format(2020),
    numbers={
        "score": "the mean over the thresholds and images",
        "precision": (
            "ten lists of ten: for each IoU and, in it, each F1 threshold, the mean over the images"
        ),
        "thresholds": "the ten, of both",
        "images": "how many images",
        "images_without_detections": (
            "how many of them count as 0 because nothing was predicted (1 if there are no objects)"
        ),
    },
    documentation=(
        "A hit has the same category and, where the object has attributes, an F1 of the attributes "
        "above the threshold. Missed objects cost nothing. " + _CHOSEN
    ),
)
def kaggle_2020(inputs: Inputs) -> dict:
    """The score of 2020 of the confident predictions.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        See `score_2020`.
    """
    return score_2020(inputs.confident_masks)
