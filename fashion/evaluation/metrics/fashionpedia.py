"""Fashionpedia's AP (IoU + F1): average precision where mask and attributes must be right.

Computes what the official evaluator (package `fashionpedia` 1.1, described in the Fashionpedia
paper, arXiv:2004.12276, section 4) computes, its peculiarities included, in closed form instead of
one call per pair of objects:

* The F1 of a pair is the mean of two: of the attributes that are present and, over the whole
  attribute list, of those that are absent. One right attribute of several nearly always passes .5.
  An object without attributes passes only if nothing is predicted.
* Only 18 categories carry attributes: 0-12, 28, 29, 31, 32 and 33. The others are matched as by
  COCO.
* In those 18, a prediction changes to another object only where neither IoU nor F1 is lower, so the
  result depends on the order of the annotations, and the numbers for IoU alone are not COCO's. A
  crowd is matched once.
* Each of the 18 counts in AP with its ten F1 thresholds, each of the others once, so the 18 weigh
  ten times as much.
* If the first prediction has a box, all predictions are small, medium or large by their box, even
  where masks are compared.

`fixed=True` is not a published metric but our own variant of it; see `evaluate_fashionpedia`.
"""

from collections.abc import Collection, Sequence

import numpy as np

from fashion.evaluation.average_precision import (
    PrecisionTable,
    Thresholds,
    mean_known,
    precision_tables,
)
from fashion.evaluation.matching import IOU_TYPES, MatchTable
from fashion.evaluation.metrics.registry import RANKED, Inputs, by_iou_type, column, metric
from fashion.labels.ontology import official
from mrcnn.typing import Array

SHOWN = ("AP", "APo", "APa", "APp", "AP_IOU50", "AP_IOU75", "AP_F150", "AP_F175", "AR@100")

_SWEEP = np.linspace(0.5, 0.95, 10)
_IOU_THRESHOLDS = _F1_THRESHOLDS = np.append(_SWEEP, -1.0)  # the last asks for nothing
_ALL, _AT_50, _AT_75, _NONE = slice(0, 10), 0, 5, 10  # of those thresholds
# Category ids: outerwear, accessories, garment parts.
_GROUPS = {"o": range(13), "a": range(13, 27), "p": range(27, 46)}
_CATEGORIES = 46


def evaluate_fashionpedia(
    ground_truth: dict, detections: Sequence[dict], iou_type: str = "segm", fixed: bool = False
) -> dict[str, float]:
    """Computes the 20 numbers for IoU + F1, the 15 for IoU alone and the 14 for F1 alone.

    Args:
        ground_truth: COCO dict of images, annotations (ids from 1, with "area" and
            "attribute_ids"), categories (ids 0, 1, ... without gaps, at least the 46 of
            iMaterialist and Fashionpedia) and attributes (all of the list: F1 depends on how many
            there are).
        detections: COCO results with "segmentation" (RLE) or "bbox" (xywh), and "attribute_ids".
        iou_type: "segm" compares masks, "bbox" boxes.
        fixed: Our variant. A prediction takes, of the objects that reach both thresholds, the one
            of the largest IoU (of equal ones that of the largest id); crowds are matched many
            times; masks are sized by their pixels. So the order of the annotations does not matter,
            and the numbers for IoU alone are COCO's. F1, thresholds and averages are the official
            ones. Any category ids will do: those carry attributes of which an object has some,
            crowds left out.

    Returns:
        {key: float in [0, 1], or -1 without objects}. A key is the table, "/", and the official
        evaluator's name of the number:
        "iou_f1/": APo, APp (outerwear, garment parts), AP, AP_IOU50, AP_IOU75, AP_F150, AP_F175,
            AP_IOU50_F150, AP_IOU50_F175, AP_IOU75_F150, AP_IOU75_F175, APs, APm, APl, AR@1, AR@10,
            AR@100, ARs@100, ARm@100, ARl@100
        "iou/": the same without those with F1 in their name, and APa (accessories)
        "f1/": as "iou_f1/", without those with IOU in their name

    Raises:
        ValueError: If ids are not as the official evaluator needs them, and not `fixed`.
    """
    if not fixed:
        check_official_ids(ground_truth)
    table = MatchTable.build(ground_truth, detections, iou_type).top()
    if fixed:
        return fashionpedia_scores(table.sorted_by_id(), fixed=True)
    return fashionpedia_scores(table.sized_by(official_sizes(detections)))


def official_sizes(detections: Sequence[dict]) -> str:
    """Returns what the official evaluator takes for the area of a prediction.

    Args:
        detections: COCO results.

    Returns:
        See `MatchTable.sized_by`.
    """
    return "boxes" if len(detections) > 0 and len(detections[0].get("bbox", ())) > 0 else "masks"


def fashionpedia_scores(table: MatchTable, *, fixed: bool = False) -> dict[str, float]:
    """Averages precision over thresholds and categories to what `evaluate_fashionpedia` returns.

    Args:
        table: Predictions and objects; for `fixed` sorted by id, else sized by `official_sizes`.
        fixed: See `evaluate_fashionpedia`.

    Returns:
        See `evaluate_fashionpedia`.
    """
    carrying = _carrying(table) if fixed else official(2020).attribute_category_ids
    # The official form knows the 18 categories by their ids, ours by the attributes of their
    # objects.
    described = [k for k, category_id in enumerate(table.category_ids) if category_id in carrying]
    plain = [k for k, category_id in enumerate(table.category_ids) if category_id not in carrying]

    def f1_of(shared: Array, predicted: Array, real: Array) -> Array:
        return macro_f1(shared, predicted, real, table.num_attributes)

    with_attributes = Thresholds(
        _IOU_THRESHOLDS, _F1_THRESHOLDS, f1_of, joint=not fixed, crowds_absorb=fixed
    )
    # The other categories ask for no F1, so they have one threshold, not eleven.
    without = Thresholds(_IOU_THRESHOLDS, _F1_THRESHOLDS[-1:], f1_of)
    of_category = precision_tables(table, with_attributes, described)
    of_category |= precision_tables(table, without, plain)
    tables = {table.category_ids[k]: of_k for k, of_k in of_category.items()}
    return (
        _summary(tables, carrying, "iou_f1", _ALL, _ALL)
        | _summary(tables, carrying, "iou", _ALL, _NONE)
        | _summary(tables, carrying, "f1", _NONE, _ALL)
    )


def macro_f1(shared: Array, predicted: Array, real: Array, num_attributes: int) -> Array:
    """Averages the F1 of "present" and the F1 of "absent" over an attribute list.

    A label that occurs on neither side is left out.

    Args:
        shared: `(..., D, G)` number of attributes on both sides.
        predicted: `(..., D, 1)` number of predicted attributes.
        real: `(..., 1, G)` number of the object's attributes.
        num_attributes: Length of the list.

    Returns:
        `(..., D, G)` float64 in [0, 1].
    """
    sides = []
    for both, either in (
        (shared, predicted + real),
        (num_attributes - predicted - real + shared, 2 * num_attributes - predicted - real),
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


def is_official(ground_truth: dict) -> bool:
    """Returns whether the official evaluator can score these categories.

    Args:
        ground_truth: COCO dict.

    Returns:
        Whether the ids are 0, 1, ... without gaps, at least the 46 of Fashionpedia.
    """
    ids = sorted(category["id"] for category in ground_truth["categories"])
    return len(ids) >= _CATEGORIES and ids == list(range(len(ids)))


def check_official_ids(ground_truth: dict) -> None:
    """Refuses ids that the official evaluator would misread.

    Args:
        ground_truth: COCO dict.

    Raises:
        ValueError: If an annotation has id 0, or the category ids have gaps or are too few.
    """
    if any(annotation["id"] == 0 for annotation in ground_truth["annotations"]):
        raise ValueError(
            "Annotation ids must start at 1: the official evaluator takes id 0 for 'not matched' "
            "and counts that object as missed. Got an annotation with id 0. Number them from 1, or "
            "use fixed=True."
        )
    if not is_official(ground_truth):
        ids = sorted(category["id"] for category in ground_truth["categories"])
        raise ValueError(
            "The official evaluator takes a category's id for its place in the list, and needs at "
            f"least {_CATEGORIES}: ids 0, 1, ... without gaps or repeats. Got {len(ids)} from "
            f"{min(ids, default='-')} to {max(ids, default='-')}. List all categories (they need "
            "no annotations), or use fixed=True."
        )


def _carrying(table: MatchTable) -> set[int]:
    """The ids of the categories of which some object has attributes, crowds left out."""
    described = (table.gt_attributes > 0) & ~table.gt_crowd
    return {table.category_ids[k] for k in np.unique(table.gt_category[described])}


def _summary(
    tables: dict[int, PrecisionTable],
    carrying: Collection[int],
    name: str,
    iou: slice | int,
    f1: slice | int,
) -> dict[str, float]:
    """One of the three sets of numbers. iou, f1: _ALL thresholds or _NONE."""

    def f1_at(category_id: int, place: slice | int) -> slice | int:
        # The others have one F1 threshold, which asks for nothing.
        return place if category_id in carrying else 0

    def ap(
        iou: slice | int = iou,
        f1: slice | int = f1,
        area: int = 0,
        among: Collection[int] | None = None,
    ) -> float:
        return mean_known(
            table.precision[area, iou, f1_at(c, f1)]
            for c, table in tables.items()
            if among is None or c in among
        )

    def ar(limit: int, area: int = 0) -> float:
        return mean_known(
            table.recall[limit, area, iou, f1_at(c, f1)] for c, table in tables.items()
        )

    # No official accessory carries attributes.
    groups = {group: ids for group, ids in _GROUPS.items() if group != "a" or f1 == _NONE}
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


def _rows(key: str, title: str):
    """The lines of a table of the official variant or of ours."""

    def rows(scores: dict) -> list[str]:
        names = [f"{name.removeprefix('AP_') or name:>8}" for name in SHOWN]
        lines = [f"{title:34}" + "".join(names)]
        for iou_type, what in IOU_TYPES.items():
            for table, among in (("iou_f1", "IoU and F1"), ("iou", "IoU"), ("f1", "F1")):
                numbers = [scores[key][iou_type].get(f"{table}/{name}", -1) for name in SHOWN]
                lines.append(f"  {what + ', ' + among:32}" + "".join(map(column, numbers)))
        return lines

    return rows


_NUMBERS = {
    "AP": "mean over all thresholds and categories",
    "AP_IOU50": "at IoU .50",
    "AP_IOU75": "at IoU .75",
    "AP_F150": "at F1 .50",
    "AP_F175": "at F1 .75",
    "AP_IOU50_F150": "at IoU .50 and F1 .50",
    "AP_IOU50_F175": "at IoU .50 and F1 .75",
    "AP_IOU75_F150": "at IoU .75 and F1 .50",
    "AP_IOU75_F175": "at IoU .75 and F1 .75",
    "APo": "outerwear (categories 0 to 12)",
    "APa": "accessories (13 to 26)",
    "APp": "garment parts (27 to 45)",
    "APs": "small objects",
    "APm": "medium objects",
    "APl": "large objects",
    "AR@1": "recall with 1 prediction of a category in an image",
    "AR@10": "recall with 10",
    "AR@100": "recall with 100",
    "ARs@100": "`AR@100` of small objects",
    "ARm@100": "`AR@100` of medium objects",
    "ARl@100": "`AR@100` of large objects",
}
_SOURCE = "Jia et al., [arXiv:2004.12276](https://arxiv.org/abs/2004.12276), section 4"


@metric(
    "fashionpedia",
    "Fashionpedia AP",
    section=RANKED,
    order=20,
    rows=_rows("fashionpedia", "Fashionpedia"),
    formula="average precision where a match must reach an IoU and an F1 of the attributes",
    source=_SOURCE,
    numbers=_NUMBERS,
    documentation=(
        "Equal to the official evaluator (package `fashionpedia` 1.1) with its peculiarities; they "
        "are listed in [`fashionpedia.py`](../fashion/evaluation/metrics/fashionpedia.py). The F1 "
        "of a pair is the mean of the F1 of the attributes that are present and that of those that "
        "are absent. A key is a table, a slash and a number. `iou_f1` asks for IoU and F1, both "
        "from .50 to .95, `iou` for IoU alone and `f1` for F1 alone.\n\n"
        "It is left out where the categories are not numbered 0, 1, … up to at least 45, which the "
        "evaluator takes for granted."
    ),
)
def fashionpedia(inputs: Inputs) -> dict | None:
    """The official numbers of masks and of boxes.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        {"segm", "bbox": what `evaluate_fashionpedia` returns}; None for other categories.
    """
    if not is_official(inputs.ground_truth):
        return None
    check_official_ids(inputs.ground_truth)
    sizes_by = official_sizes(inputs.detections)
    return by_iou_type(
        lambda iou_type: fashionpedia_scores(inputs.top(iou_type).sized_by(sizes_by))
    )


@metric(
    "fashionpedia_fixed",
    "Fashionpedia AP, order-independent",
    section=RANKED,
    order=21,
    rows=_rows("fashionpedia_fixed", "Fashionpedia AP, order-independent"),
    formula="Fashionpedia's AP, matched as by COCO",
    source="our own variant, not a published metric",
    numbers=_NUMBERS,
    documentation=(
        "It replaces `fashionpedia` where the categories have other ids, and is given next to it "
        "with `--fixed`. A prediction takes the object of the largest IoU that reaches both "
        "thresholds, so that the order of the annotations does not matter and the numbers for IoU "
        "alone are COCO's. F1 counts in the categories of which an object has attributes, whatever "
        "their ids; the official form knows 18 by their ids. The tables `iou_f1`, `iou` and `f1` "
        "are those of `fashionpedia`."
    ),
)
def fashionpedia_fixed(inputs: Inputs) -> dict | None:
    """The numbers of our variant, of masks and of boxes.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        {"segm", "bbox": what `evaluate_fashionpedia` returns}; None where nobody asked for it.
    """
    if is_official(inputs.ground_truth) and not inputs.fixed:
        return None

    def compute(iou_type: str) -> dict[str, float]:
        table = inputs.once(MatchTable.sorted_by_id, inputs.top(iou_type))
        return fashionpedia_scores(table, fixed=True)

    return by_iou_type(compute)
