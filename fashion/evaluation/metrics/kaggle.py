"""Kaggle's scores of iMaterialist (Fashion) 2019 and 2020, as far as their rules are public.

| | 2019 | 2020 |
|---|---|---|
| thresholds t | IoU .50, .55, … .95 | the 100 pairs of such an IoU and such an F1 |
| a hit | IoU > t, the same ClassId: category and all attributes | IoU > t, the same category and, where the object has attributes, F1 > t |
| at one t | TP / (TP + FP + FN) | TP / (TP + FP): what is missed costs nothing |
| then | mean over t | mean over the pairs, then over the images |

The rules leave open, and here is chosen:
* which of several detections hits an object, and which of several objects it hits: the detections choose in the order of their scores
  (equal scores: of the list), each takes the free object that it overlaps most among those that it may hit, and no object is hit twice;
* the level at which 2019 averages: both candidates are returned;
* that 2020 asks for the same category;
* an image with objects but without detections: 0. One without either: 1;
* the frame: masks are compared at the photo's size. Kaggle's masks have a smaller frame (`fashion.formats.submission_table`);
* crowds, which Kaggle does not have: "iscrowd" is not read, so each is an object like any other.
"""

from collections import defaultdict

import numpy as np
from pycocotools import mask as coco_mask

THRESHOLDS = tuple(
    t / 100 for t in range(50, 100, 5)
)  # 0.6 is 0.6, which arange() misses; every comparison is strict
_AT = np.array(THRESHOLDS)


def score_2019(ground_truth, detections):
    """The score of 2019 at both levels that its rule may mean.

    ground_truth: COCO dict; detections: list of COCO results; both with "segmentation" (RLE) and "attribute_ids" (missing: none)
    Returns: {"mean_over_images_and_classes": per image and ClassId in it (said or real) TP / (TP + FP + FN), mean over the
        thresholds, then over the ClassIds, then over the images; "pooled": the counts of all images and ClassIds together, mean
        over the thresholds; "thresholds": the ten; "tp", "fp", "fn": pooled counts at each; "images": how many}. Floats 0..1.
        Nothing to find and nothing said is 1.
    """
    image_scores, totals = [], np.zeros((3, len(THRESHOLDS)), np.int64)
    for objects, found in _by_image(ground_truth, detections):
        real, said = ([_class_id(row) for row in rows] for rows in (objects, found))
        number_of = {name: number for number, name in enumerate(sorted({*real, *said}))}
        real, said = (
            np.array([number_of[name] for name in names], np.int64) for names in (real, said)
        )
        counts = counts_2019(
            _iou(found, objects, said[:, None] == real), said, real, len(number_of)
        )
        image_scores.append(float(np.mean(counts[0] / counts.sum(axis=0))) if number_of else 1.0)
        totals += counts.sum(axis=2)
    tp, fp, fn = totals
    pooled = np.where(totals.sum(axis=0) > 0, tp / np.maximum(totals.sum(axis=0), 1), 1.0)
    return {
        "mean_over_images_and_classes": _mean(image_scores),
        "pooled": float(pooled.mean()),
        "thresholds": list(THRESHOLDS),
        "tp": tp.tolist(),
        "fp": fp.tolist(),
        "fn": fn.tolist(),
        "images": len(image_scores),
    }


def score_2020(ground_truth, detections):
    """The score of 2020: the mean over images of the mean over (IoU, F1) pairs of TP / (TP + FP).

    ground_truth, detections: as for `score_2019`
    Returns: {"score": 0..1; "precision": 10 lists of 10 floats, for each IoU threshold and, in it, each F1 threshold, mean over the
        images; "thresholds": the ten, of both; "images": how many; "images_without_detections": how many of them, each counted as 0
        if it has objects}.
    """
    precision, empty = [], 0
    for objects, found in _by_image(ground_truth, detections):
        empty += not found
        real, said = (np.array([row["category_id"] for row in rows]) for rows in (objects, found))
        same = said[:, None] == real
        iou = _iou(found, objects, same)
        precision.append(
            precision_2020(iou, same, _attribute_f1(found, objects, iou > THRESHOLDS[0]))
        )
    mean = np.mean(precision, axis=0) if precision else np.zeros((len(THRESHOLDS), len(THRESHOLDS)))
    return {
        "score": float(mean.ravel().mean()),
        "precision": mean.tolist(),
        "thresholds": list(THRESHOLDS),
        "images": len(precision),
        "images_without_detections": empty,
    }


# One image, in arrays


def counts_2019(iou, said, real, classes):
    """What 2019 counts in one image.

    iou: (D, G) float, of the detections, by falling score, and the objects; pairs of different ClassIds are not read
    said: (D,) int, each detection's ClassId as a number 0..classes-1; real: (G,) int, the objects'
    Returns: (3, 10, classes) int64: TP, FP and FN at each threshold, for each ClassId.
    """
    reached = np.searchsorted(_AT, iou)  # how many thresholds lie under it
    hits = _hits(iou, reached, _UP_TO, said[:, None] == real)
    of_class = np.eye(classes, dtype=np.int64)
    tp = _bits(hits, len(THRESHOLDS)).T.astype(np.int64) @ of_class[said]
    return np.stack(
        [tp, np.bincount(said, minlength=classes) - tp, np.bincount(real, minlength=classes) - tp]
    )


def precision_2020(iou, same_category, f1):
    """What 2020 makes of one image: TP / (TP + FP) for every pair of thresholds.

    iou: (D, G) float, of the detections, by falling score, and the objects; same_category: (D, G) bool, the others hit nothing
    f1: (D, G) float, of their attributes; np.inf where the object has none, for the condition is waived there
    Returns: (10, 10) float64, IoU thresholds down, F1 thresholds across. Without detections 0, or 1 if there are no objects either.
    """
    pairs = len(THRESHOLDS) ** 2
    if not iou.size:
        return np.full((len(THRESHOLDS), len(THRESHOLDS)), float(not sum(iou.shape)))
    levels = len(THRESHOLDS) + 1
    reached = np.searchsorted(_AT, iou) * levels + np.searchsorted(_AT, f1)
    hits = _hits(iou, reached, _BOTH_UP_TO, same_category)
    return (_bits(hits, pairs).sum(axis=0) / len(iou)).reshape(len(THRESHOLDS), -1)


# Where a detection hits is a set of thresholds (2020: of pairs), kept as one whole number: bit t is threshold t. So all thresholds are
# matched in one pass over the few pairs of a detection and an object that reach any of them.
_UP_TO = tuple((1 << n) - 1 for n in range(len(THRESHOLDS) + 1))  # the n lowest thresholds
_BOTH_UP_TO = tuple(
    sum(f1 << len(THRESHOLDS) * i for i in range(n))
    for n in range(len(THRESHOLDS) + 1)
    for f1 in _UP_TO
)


def _hits(iou, reached, thresholds, may_hit):
    """Where each detection hits an object of its own: list of D sets; detection 0 chooses first, each the free object that it overlaps
    most (equal ones: the first).

    iou: (D, G); reached: (D, G) int, index into `thresholds`, a tuple of sets; may_hit: (D, G) bool
    """
    hits, taken = [0] * iou.shape[0], [0] * iou.shape[1]
    d, g = np.nonzero(may_hit & (iou > THRESHOLDS[0]))
    best_first = np.lexsort((-iou[d, g], d)) if len(d) > 1 else slice(None)
    d, g = d[best_first], g[best_first]
    for detection, an_object, level in zip(d.tolist(), g.tolist(), reached[d, g].tolist()):
        here = thresholds[level] & ~taken[an_object] & ~hits[detection]
        hits[detection] |= here
        taken[an_object] |= here
    return hits


def _bits(sets, size):
    """List of N sets of thresholds -> (N, size) uint8, 1 where a threshold is in the set."""
    width = -(-size // 8)
    packed = np.frombuffer(b"".join([one.to_bytes(width, "little") for one in sets]), np.uint8)
    return np.unpackbits(packed.reshape(-1, width), axis=1, count=size, bitorder="little")


# COCO dicts


def _by_image(ground_truth, detections):
    """Yields (objects, detections) of each image of the ground truth, the detections by falling score."""
    objects, found = defaultdict(list), defaultdict(list)
    for row in ground_truth["annotations"]:
        objects[row["image_id"]].append(row)
    for row in detections:
        found[row["image_id"]].append(row)
    unknown = found.keys() - {image["id"] for image in ground_truth["images"]}
    if unknown:
        raise ValueError(
            f"Every detection must belong to an image of the ground truth. {len(unknown)} image ids are unknown, for example "
            f"{sorted(unknown, key=str)[:3]}."
        )
    for image in ground_truth["images"]:
        yield objects[image["id"]], sorted(found[image["id"]], key=lambda row: -row["score"])


def _class_id(row):
    """2019's ClassId of an object or a detection, as numbers: category and ascending attributes."""
    return row["category_id"], *sorted({int(i) for i in row.get("attribute_ids") or ()})


def _iou(found, objects, wanted):
    """Mask IoU (D, G) of the detections and objects of an image; 0 where it is not wanted. wanted: (D, G) bool."""
    iou = np.zeros((len(found), len(objects)))
    rows, columns = np.flatnonzero(wanted.any(axis=1)), np.flatnonzero(wanted.any(axis=0))
    if len(rows):
        iou[np.ix_(rows, columns)] = coco_mask.iou(
            [found[d]["segmentation"] for d in rows],
            [objects[g]["segmentation"] for g in columns],
            [0] * len(columns),
        )
    return np.where(wanted, iou, 0)


def _attribute_f1(found, objects, wanted):
    """F1 of attribute sets, (D, G); infinite where the object has no attributes, for the condition is waived there.

    wanted: (D, G) bool; the others stay 0.
    """
    f1 = np.zeros(wanted.shape)
    real, said = (
        [{int(i) for i in row.get("attribute_ids") or ()} for row in rows]
        for rows in (objects, found)
    )
    for d, g in zip(*np.nonzero(wanted)):
        f1[d, g] = 2 * len(said[d] & real[g]) / (len(said[d]) + len(real[g])) if real[g] else np.inf
    return f1


def _mean(values):
    return float(np.mean(values)) if values else 0.0
