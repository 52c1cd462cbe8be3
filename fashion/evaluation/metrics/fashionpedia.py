"""Fashionpedia's AP (IoU + F1): the average precision of garments whose mask and whose attributes must be right.

Computes what the official evaluator (package `fashionpedia` 1.1, described in the Fashionpedia paper, arXiv:2004.12276, section 4)
computes, its peculiarities included, in closed form instead of one call per pair of objects:

* The F1 of a pair is the mean of two: of the attributes that are present and, over the whole attribute list, of those that are absent.
  One right attribute of several nearly always passes .5. An object without attributes passes only if nothing is predicted.
* Only 18 categories carry attributes: 0-12, 28, 29, 31, 32 and 33. The others are matched as by COCO.
* In those 18, a detection changes to another object only where neither IoU nor F1 is lower, so the result depends on the order of the
  annotations, and the numbers for IoU alone are not COCO's. A crowd is found once.
* Each of the 18 counts in AP with its ten F1 thresholds, each of the others once, so the 18 weigh ten times as much.
* If the first detection has a box, all detections are small, medium or large by their box, even where masks are compared.

`fixed=True` is not a published metric but our own variant of it; see below.
"""

import numpy as np

from fashion.evaluation.average_precision import match, mean_known, precision_tables
from fashion.evaluation.matching import read_pairs
from fashion.labels.ontology import official

_SWEEP = np.linspace(0.5, 0.95, 10)
_IOU_THRESHOLDS = _F1_THRESHOLDS = np.append(_SWEEP, -1.0)  # the last asks for nothing
_ALL, _AT_50, _AT_75, _NONE = slice(0, 10), 0, 5, 10  # of those thresholds
_GROUPS = {
    "o": range(13),
    "a": range(13, 27),
    "p": range(27, 46),
}  # category ids: outerwear, accessories, garment parts
_CATEGORIES = 46


def evaluate_fashionpedia(ground_truth, detections, iou_type="segm", fixed=False):
    """The 20 numbers for IoU + F1, the 15 for IoU alone and the 14 for F1 alone. Prints nothing and changes neither argument.

    ground_truth: COCO dict of images, annotations (ids from 1, with "area" and "attribute_ids"), categories (ids 0, 1, ... without
        gaps, at least the 46 of iMaterialist and Fashionpedia) and attributes (all of the list: F1 depends on how many there are)
    detections: list of COCO result dicts: image_id, category_id, score, segmentation (RLE) or bbox (xywh), attribute_ids
    iou_type: "segm" compares masks; "bbox" compares boxes
    fixed: our variant. A detection takes, of the objects that reach both thresholds, the one of the largest IoU (equal ones: of the
        largest id); crowds are found many times; masks are sized by their pixels. So the order of the annotations does not matter,
        and the numbers for IoU alone are COCO's. F1, thresholds and averages are the official ones. Any category ids will do: those
        carry attributes of which an object of the truth has some, crowds left out.
    Returns: {key: float 0..1, or -1 where there is no ground truth}. Nothing detected is 0. A key is the table, "/", and the official
        evaluator's name of the number:
        "iou_f1/": APo, APp (outerwear, garment parts), AP, AP_IOU50, AP_IOU75, AP_F150, AP_F175, AP_IOU50_F150, AP_IOU50_F175,
            AP_IOU75_F150, AP_IOU75_F175, APs, APm, APl, AR@1, AR@10, AR@100, ARs@100, ARm@100, ARl@100
        "iou/": the same without those with F1 in their name, and APa (accessories)
        "f1/": as "iou_f1/", without those with IOU in their name
    """
    areas = "compared" if fixed else official_areas(ground_truth, detections)
    return fashionpedia_scores(
        read_pairs(ground_truth, detections, iou_type, areas=areas, sort_objects=fixed), fixed=fixed
    )


def official_areas(ground_truth, detections):
    """What the size of a detection is for the official evaluator, as `read_pairs` calls it; a ValueError where ids are not as it needs."""
    _check_ids(ground_truth)
    return "boxes" if len(detections) > 0 and len(detections[0].get("bbox", ())) > 0 else "masks"


def fashionpedia_scores(pairs, *, fixed=False):
    """What `evaluate_fashionpedia` returns, of pairs read as it reads them: the order of the objects, the sizes of the detections."""
    carrying = _carrying(pairs) if fixed else official(2020).attribute_category_ids
    described = [k for k, category_id in enumerate(pairs.category_ids) if category_id in carrying]
    plain = [k for k, category_id in enumerate(pairs.category_ids) if category_id not in carrying]

    def f1_of(shared, said, real):
        return macro_f1(shared, said, real, pairs.num_attributes)

    outcomes = match(
        pairs,
        described,
        _IOU_THRESHOLDS,
        _F1_THRESHOLDS,
        f1_of,
        joint=not fixed,
        crowds_absorb=fixed,
    )
    outcomes |= match(pairs, plain, _IOU_THRESHOLDS, _F1_THRESHOLDS[-1:], f1_of)
    tables = {
        pairs.category_ids[k]: table for k, table in precision_tables(pairs, outcomes).items()
    }
    return (
        _summary(tables, carrying, "iou_f1", _ALL, _ALL)
        | _summary(tables, carrying, "iou", _ALL, _NONE)
        | _summary(tables, carrying, "f1", _NONE, _ALL)
    )


def _carrying(pairs):
    """The ids of the categories of which some object has attributes, as `attribute_tables` has them."""
    return {
        pairs.category_ids[k]
        for k in np.unique(pairs.object_category[(pairs.real > 0) & ~pairs.crowd])
    }


def macro_f1(shared, said, real, num_attributes):
    """Mean of the F1 of "present" and the F1 of "absent" over an attribute list; a label that occurs on neither side is left out.

    shared: (..., D, G) number of attributes on both sides; said: (..., D, 1), real: (..., 1, G) number on either; num_attributes: length
        of the list
    Returns: (..., D, G) float64.
    """
    sides = []
    for both, either in (
        (shared, said + real),
        (num_attributes - said - real + shared, 2 * num_attributes - said - real),
    ):
        sides.append(
            np.divide(2 * both, either, out=np.full(np.shape(both), np.nan), where=either > 0)
        )
    present, absent = sides
    return np.where(
        np.isnan(present),
        np.where(np.isnan(absent), 1.0, absent),
        np.where(np.isnan(absent), present, (present + absent) / 2),
    )


def _check_ids(ground_truth):
    if any(annotation["id"] == 0 for annotation in ground_truth["annotations"]):
        raise ValueError(
            "Annotation ids must start at 1: the official evaluator takes id 0 for 'not matched' and counts that object as "
            "missed. Got an annotation with id 0. Number them from 1, or use fixed=True."
        )
    ids = sorted(category["id"] for category in ground_truth["categories"])
    if len(ids) < _CATEGORIES or ids != list(range(len(ids))):
        raise ValueError(
            f"The official evaluator takes a category's id for its place in the list, and needs at least {_CATEGORIES}: ids "
            f"0, 1, ... without gaps or repeats. Got {len(ids)} from {min(ids, default='-')} to {max(ids, default='-')}. "
            "List all categories (they need no annotations), or use fixed=True."
        )


def _summary(tables, carrying, name, iou, f1):
    """One of the three sets of numbers. iou, f1: _ALL thresholds or _NONE."""

    def f1_at(category_id, place):
        return (
            place if category_id in carrying else 0
        )  # the others have one slot, which asks for nothing

    def ap(iou=iou, f1=f1, area=0, among=None):
        return mean_known(
            table.precision[area, iou, f1_at(c, f1)]
            for c, table in tables.items()
            if among is None or c in among
        )

    def ar(limit, area=0):
        return mean_known(
            table.recall[limit, area, iou, f1_at(c, f1)] for c, table in tables.items()
        )

    groups = {
        group: ids for group, ids in _GROUPS.items() if group != "a" or f1 == _NONE
    }  # no official accessory carries attributes
    numbers = {f"AP{group}": ap(among=ids) for group, ids in groups.items()} | {"AP": ap()}
    thresholds = {"50": _AT_50, "75": _AT_75}
    if iou != _NONE:
        numbers |= {f"AP_IOU{i}": ap(iou=place) for i, place in thresholds.items()}
    if f1 != _NONE:
        numbers |= {f"AP_F1{f}": ap(f1=place) for f, place in thresholds.items()}
    if iou != _NONE and f1 != _NONE:
        numbers |= {
            f"AP_IOU{i}_F1{f}": ap(iou=thresholds[i], f1=thresholds[f])
            for i in thresholds
            for f in thresholds
        }
    numbers |= {f"AP{size}": ap(area=1 + i) for i, size in enumerate("sml")}
    numbers |= {"AR@1": ar(0), "AR@10": ar(1), "AR@100": ar(2)}
    numbers |= {f"AR{size}@100": ar(2, area=1 + i) for i, size in enumerate("sml")}
    return {f"{name}/{key}": value for key, value in numbers.items()}
