"""COCO's average precision and recall, and the precision-recall curves behind them.

Computes what pycocotools' COCOeval computes, with the matching of `average_precision` in place of
its loops; benchmarks/scores.py compares both. Of pycocotools only the IoU is used. Objects are
tried in the order of the annotations: of two of equal IoU, a prediction takes the later.
"""

from collections.abc import Sequence

import numpy as np

from fashion.evaluation.average_precision import (
    RECALLS,
    PrecisionTable,
    Thresholds,
    coco_numbers,
    mean_known,
    precision_tables,
)
from fashion.evaluation.matching import IOU_TYPES, MatchTable
from fashion.evaluation.metrics.f1_ap import tables_with_f1
from fashion.evaluation.metrics.registry import RANKED, Inputs, by_iou_type, column, metric
from mrcnn.typing import Array

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
# Asks for an IoU, and for nothing of the attributes.
WITHOUT_F1 = Thresholds(IOU_THRESHOLDS, np.array([-1.0]), lambda shared, predicted, real: 0.0)
SHOWN = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR100")  # in the screen table

# The sixth of the ten thresholds .50, .55 … is .75.
_CURVES = {"50": slice(0, 1), "75": slice(5, 6), "mean": slice(0, 10)}  # of IOU_THRESHOLDS


def evaluate_coco_ap(
    ground_truth: dict, detections: Sequence[dict], iou_type: str = "segm"
) -> dict:
    """Computes COCO's twelve numbers, and the AP of every category.

    Args:
        ground_truth: COCO dict of images, annotations (with "area") and categories; any ids.
        detections: COCO results with "segmentation" (RLE) or "bbox" (xywh, pixels).
        iou_type: "segm" compares masks, "bbox" boxes.

    Returns:
        {"AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl":
        floats in [0, 1], "per_category": {category id: {"name", "AP", "AP50", "instances": objects
        without crowds}}}, as `mrcnn.evaluation.coco.evaluate_coco`. What has no objects is -1.
    """
    table = MatchTable.build(ground_truth, detections, iou_type).top()
    return coco_scores(table, precision_tables(table, WITHOUT_F1))


def coco_scores(table: MatchTable, tables: dict[int, PrecisionTable]) -> dict:
    """Averages tables to what `evaluate_coco_ap` returns.

    Args:
        table: What the tables were computed from.
        tables: Of every category, at `IOU_THRESHOLDS`; the first F1 threshold asks for nothing.

    Returns:
        See `evaluate_coco_ap`.
    """
    names = {category["id"]: category["name"] for category in table.ground_truth["categories"]}
    per_category = {}
    for k, of_category in tables.items():
        precision, category_id = of_category.precision[0, :, 0], table.category_ids[k]
        per_category[category_id] = {
            "name": names[category_id],
            "AP": mean_known([precision]),
            "AP50": mean_known([precision[0]]),
            "instances": int(np.count_nonzero(~table.gt_crowd[table.objects_of(k)])),
        }
    return coco_numbers(tables.values(), 0) | {"per_category": per_category}


def coco_curves(table: MatchTable, tables: dict[int, PrecisionTable]) -> dict:
    """Reads the precision-recall curves from tables.

    Args:
        table: What the tables were computed from.
        tables: As for `coco_scores`.

    Returns:
        {"recalls": 101 floats, "all", "per_category": {category id: curve}}. A curve is {"50",
        "75": precision at that IoU, "mean": over the ten}, 101 floats each. A category without
        objects is left out; "all" is the mean over the others, or -1 where there are none.
    """
    known = {
        table.category_ids[k]: of_category.precision[0, :, 0]
        for k, of_category in tables.items()
        if of_category.precision[0, 0, 0, 0] > -1
    }
    everything = np.full((len(IOU_THRESHOLDS), len(RECALLS)), -1.0)
    if known:
        everything = np.mean(list(known.values()), axis=0)
    return {
        "recalls": RECALLS.tolist(),
        "all": _curve(everything),
        "per_category": {i: _curve(precision) for i, precision in known.items()},
    }


def _curve(precision: Array) -> dict[str, list[float]]:
    """`(10, 101)` at the IoU thresholds -> lists."""
    return {name: precision[ious].mean(axis=0).tolist() for name, ious in _CURVES.items()}


def _rows(scores: dict) -> list[str]:
    """COCO's numbers, and below them those that ask for the attributes as well."""
    lines = [f"{'':34}" + "".join(f"{name:>8}" for name in SHOWN)]
    for iou_type, title in IOU_TYPES.items():
        numbers = [column(scores["coco"][iou_type][name]) for name in SHOWN]
        lines.append(f"{'COCO, ' + title:34}" + "".join(numbers))
        if "f1_ap" in scores:
            numbers = [column(scores["f1_ap"][iou_type]["f1" + name]) for name in SHOWN]
            lines.append(f"{'  with F1 of the attributes':34}" + "".join(numbers))
    return lines


@metric(
    "coco",
    "COCO average precision",
    section=RANKED,
    order=10,
    rows=_rows,
    formula="area under the precision-recall curve, at 101 recalls",
    source=(
        'Lin et al., "Microsoft COCO", 2014, and '
        "[the detection page](https://cocodataset.org/#detection-eval)"
    ),
    numbers={
        "AP": "mean over IoU .50, .55 … .95 and over the categories",
        "AP50": "the same at IoU .50",
        "AP75": "the same at IoU .75",
        "APs": "AP of objects under 32² pixels",
        "APm": "AP of objects of 32² to 96² pixels",
        "APl": "AP of objects over 96² pixels",
        "AR1": "recall with 1 prediction of a category in an image, mean over IoU and categories",
        "AR10": "recall with 10",
        "AR100": "recall with 100",
        "ARs": "`AR100` of objects under 32² pixels",
        "ARm": "`AR100` of objects of 32² to 96² pixels",
        "ARl": "`AR100` of objects over 96² pixels",
        "per_category": (
            "of each category: `name`, `AP`, `AP50` and `instances`, the number of its objects "
            "without crowds"
        ),
    },
    documentation=(
        "The numbers of pycocotools. At most 100 predictions of a category in an image count. "
        "Crowds are neither matched nor missed."
    ),
)
def coco(inputs: Inputs) -> dict:
    """COCO's numbers of masks and of boxes.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        {"segm", "bbox": what `evaluate_coco_ap` returns}.
    """

    def compute(iou_type: str) -> dict:
        table = inputs.top(iou_type)
        return coco_scores(table, inputs.once(tables_with_f1, table))

    return by_iou_type(compute)


@metric(
    "curves",
    "Precision and recall",
    section=RANKED,
    order=11,
    rows=lambda scores: [],  # too many numbers for a line
    formula="the best precision at a recall or beyond, as COCO has it",
    numbers={
        "recalls": "the 101 recalls, 0, .01 … 1",
        "all": (
            "the mean over the categories that have objects: precision at IoU .50 (`50`), at .75 "
            "(`75`) and the mean over the ten IoU thresholds (`mean`), 101 numbers each"
        ),
        "per_category": "the same of each category that has objects",
    },
)
def curves(inputs: Inputs) -> dict:
    """Precision-recall curves of masks and of boxes.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        {"segm", "bbox": what `coco_curves` returns}.
    """

    def compute(iou_type: str) -> dict:
        table = inputs.top(iou_type)
        return coco_curves(table, inputs.once(tables_with_f1, table))

    return by_iou_type(compute)
