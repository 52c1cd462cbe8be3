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
* the frame: masks are compared at the photo's size. Kaggle's masks have a smaller frame (`fashion.submission.table`);
* crowds, which Kaggle does not have: "iscrowd" is not read.
"""
from collections import defaultdict

import numpy as np
from pycocotools import mask as coco_mask

THRESHOLDS = tuple(t / 100 for t in range(50, 100, 5))   # 0.6 is 0.6, which arange() misses; every comparison is strict


def score_2019(ground_truth, detections):
    """The score of 2019 at both levels that its rule may mean.

    ground_truth: COCO dict; detections: list of COCO results; both with "segmentation" (RLE) and "attribute_ids" (missing: none)
    Returns: {"mean_over_images_and_classes": per image and ClassId in it (said or real) TP / (TP + FP + FN), mean over the
        thresholds, then over the ClassIds, then over the images; "pooled": the counts of all images and ClassIds together, mean
        over the thresholds; "thresholds": the ten; "tp", "fp", "fn": pooled counts at each; "images": how many}. Floats 0..1.
        Nothing to find and nothing said is 1.
    """
    at = np.array(THRESHOLDS)
    image_scores, totals = [], np.zeros((3, len(at)), np.int64)
    for objects, found in _by_image(ground_truth, detections):
        names = sorted({_class_id(row) for row in objects + found})
        real, said = (np.array([names.index(_class_id(row)) for row in rows], int) for rows in (objects, found))
        iou = _iou(found, objects)
        hit = _hits(iou, (iou > at[:, None, None]) & (said[:, None] == real))
        tp = np.stack([hit[:, said == k].sum(axis=1) for k in range(len(names))] or [np.zeros(len(at), int)], axis=1)
        fp = np.bincount(said, minlength=tp.shape[1]) - tp          # (thresholds, ClassIds)
        fn = np.bincount(real, minlength=tp.shape[1]) - tp
        image_scores.append(float(np.mean(tp / (tp + fp + fn))) if names else 1.0)
        totals += np.stack([counts.sum(axis=1) for counts in (tp, fp, fn)])
    tp, fp, fn = totals
    pooled = np.where(totals.sum(axis=0) > 0, tp / np.maximum(totals.sum(axis=0), 1), 1.0)
    return {"mean_over_images_and_classes": _mean(image_scores), "pooled": float(pooled.mean()), "thresholds": list(THRESHOLDS),
            "tp": tp.tolist(), "fp": fp.tolist(), "fn": fn.tolist(), "images": len(image_scores)}


def score_2020(ground_truth, detections):
    """The score of 2020: the mean over images of the mean over (IoU, F1) pairs of TP / (TP + FP).

    ground_truth, detections: as for `score_2019`
    Returns: {"score": 0..1; "precision": 10 lists of 10 floats, for each IoU threshold and, in it, each F1 threshold, mean over the
        images; "thresholds": the ten, of both; "images": how many; "images_without_detections": how many of them, each counted as 0
        if it has objects}.
    """
    at = np.array(THRESHOLDS)
    pairs = len(at) ** 2
    precision, empty = [], 0
    for objects, found in _by_image(ground_truth, detections):
        empty += not found
        if not found or not objects:
            precision.append(np.full(pairs, float(not found and not objects)))
            continue
        real, said = (np.array([row["category_id"] for row in rows]) for rows in (objects, found))
        iou = np.where(said[:, None] == real, _iou(found, objects), 0)
        f1 = _attribute_f1(found, objects, iou > at[0])
        may_hit = (iou > at[:, None, None])[:, None] & (f1 > at[:, None, None])[None]
        precision.append(_hits(iou, may_hit.reshape(pairs, *iou.shape)).mean(axis=1))
    mean = np.mean(precision, axis=0) if precision else np.zeros(pairs)
    return {"score": float(mean.mean()), "precision": mean.reshape(len(at), len(at)).tolist(), "thresholds": list(THRESHOLDS),
            "images": len(precision), "images_without_detections": empty}


def _by_image(ground_truth, detections):
    """Yields (objects, detections) of each image of the ground truth, the detections by falling score."""
    objects, found = defaultdict(list), defaultdict(list)
    for row in ground_truth["annotations"]:
        objects[row["image_id"]].append(row)
    for row in detections:
        found[row["image_id"]].append(row)
    unknown = found.keys() - {image["id"] for image in ground_truth["images"]}
    if unknown:
        raise ValueError(f"Every detection must belong to an image of the ground truth. {len(unknown)} image ids are unknown, for example "
                         f"{sorted(unknown, key=str)[:3]}.")
    for image in ground_truth["images"]:
        yield objects[image["id"]], sorted(found[image["id"]], key=lambda row: -row["score"])


def _class_id(row):
    """2019's ClassId of an object or a detection, as numbers: category and ascending attributes."""
    return row["category_id"], *sorted({int(i) for i in row.get("attribute_ids") or ()})


def _iou(found, objects):
    """Mask IoU (D, G) of the detections and objects of an image."""
    if not found or not objects:
        return np.zeros((len(found), len(objects)))
    return coco_mask.iou([row["segmentation"] for row in found], [row["segmentation"] for row in objects], [0] * len(objects))


def _attribute_f1(found, objects, wanted):
    """F1 of attribute sets, (D, G); infinite where the object has no attributes, for the condition is waived there.

    wanted: (D, G) bool; the others stay 0.
    """
    f1 = np.zeros(wanted.shape)
    real, said = ([{int(i) for i in row.get("attribute_ids") or ()} for row in rows] for rows in (objects, found))
    for d, g in zip(*np.nonzero(wanted)):
        f1[d, g] = 2 * len(said[d] & real[g]) / (len(said[d]) + len(real[g])) if real[g] else np.inf
    return f1


def _hits(iou, may_hit):
    """Which detections hit an object of their own, (T, D) bool; detection 0 chooses first, each the free object that it overlaps most.

    iou: (D, G); may_hit: (T, D, G) bool, for each of T thresholds
    """
    hit = np.zeros(may_hit.shape[:2], bool)
    free = np.ones((may_hit.shape[0], may_hit.shape[2]), bool)
    for d in np.flatnonzero(may_hit.any(axis=(0, 2))):
        choice = may_hit[:, d] & free
        best = np.argmax(np.where(choice, iou[d], -1), axis=1)
        hit[:, d] = choice.any(axis=1)
        free[hit[:, d], best[hit[:, d]]] = False
    return hit


def _mean(values):
    return float(np.mean(values)) if values else 0.0
