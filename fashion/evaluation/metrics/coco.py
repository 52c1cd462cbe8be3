"""COCO's average precision, of stored detections that are read once for several metrics, with its precision-recall curves.

Computes what pycocotools' COCOeval computes, with the matching of `matching` in place of its loops. Of pycocotools only the IoU of masks
is used. Objects are tried in the order of the annotations: of two of equal IoU a detection takes the later one.
"""

import numpy as np

from fashion.evaluation.average_precision import (
    RECALLS,
    coco_numbers,
    match,
    mean_known,
    precision_tables,
)
from fashion.evaluation.matching import read_pairs

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
NO_F1 = np.array([-1.0])
_CURVES = {"50": slice(0, 1), "75": slice(5, 6), "mean": slice(0, 10)}  # of those thresholds


def evaluate_coco_ap(ground_truth, detections, iou_type="segm"):
    """COCO's twelve numbers, and AP for every category, as `mrcnn.evaluation.coco.evaluate_coco` returns them.

    ground_truth: COCO dict of images, annotations (with "area") and categories; any ids
    detections: list of COCO result dicts: image_id, category_id, score, segmentation (RLE) or bbox (xywh)
    iou_type: "segm" compares masks; "bbox" compares boxes
    Returns: {"AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl": floats 0..1,
        "per_category": {category_id: {"name", "AP", "AP50", "instances": without crowds}}}. What has no ground truth is -1; nothing
        detected is 0.
    """
    pairs = read_pairs(ground_truth, detections, iou_type, sort_objects=False)
    return coco_scores(pairs, coco_tables(pairs), ground_truth["categories"])


def coco_tables(pairs):
    """{category index: Table} at COCO's ten IoU thresholds."""
    return precision_tables(
        pairs,
        match(
            pairs,
            range(len(pairs.category_ids)),
            IOU_THRESHOLDS,
            NO_F1,
            lambda shared, said, real: 0.0,
        ),
    )


def coco_scores(pairs, tables, categories):
    """What `evaluate_coco_ap` returns, from tables whose first F1 threshold asks for nothing. categories: of the ground truth."""
    names = {category["id"]: category["name"] for category in categories}
    per_category = {}
    for k, table in tables.items():
        precision, category_id = table.precision[0, :, 0], pairs.category_ids[k]
        per_category[category_id] = {
            "name": names[category_id],
            "AP": mean_known([precision]),
            "AP50": mean_known([precision[0]]),
            "instances": int(np.count_nonzero(~pairs.crowd[pairs.objects_of(k)])),
        }
    return coco_numbers(tables.values(), 0) | {"per_category": per_category}


def coco_curves(pairs, tables):
    """Precision at 101 recalls: {"recalls": 101 floats; "all", "per_category": {category_id: likewise}}.

    A curve is {"50", "75": at that IoU; "mean": over the ten}, 101 floats each. A category without objects is left out; "all" is the mean
    over the others, or -1 where there are none.
    """
    known = {
        pairs.category_ids[k]: table.precision[0, :, 0]
        for k, table in tables.items()
        if table.precision[0, 0, 0, 0] > -1
    }
    everything = (
        np.mean(list(known.values()), axis=0)
        if known
        else np.full((len(IOU_THRESHOLDS), len(RECALLS)), -1.0)
    )
    return {
        "recalls": RECALLS.tolist(),
        "all": _curve(everything),
        "per_category": {i: _curve(table) for i, table in known.items()},
    }


def _curve(precision):
    """(10, 101) at the IoU thresholds -> lists."""
    return {name: precision[ious].mean(axis=0).tolist() for name, ious in _CURVES.items()}
