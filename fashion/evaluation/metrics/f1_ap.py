"""f1AP: COCO's average precision where a match needs the right attributes as well.

The metric of a CS231n project report on iMaterialist: COCO's evaluation is computed a second time
with a match that must also reach an F1 of the attributes. F1 is computed only for objects that have
attributes, otherwise it is 1. We know the metric from a description. It leaves open which F1 is
asked for and how F1 is averaged; chosen here:

* the F1 of the two sets of attributes, 2 |both| / (|predicted| + |annotated|), not the mean over
  present and absent attributes that Fashionpedia's evaluator takes;
* one F1 threshold for the whole table, .5 by default: the 50 and 75 of f1AP50 and f1AP75 are IoU;
* reaching a threshold is enough (>=), as for COCO's IoU; of the objects that reach both, a
  prediction takes the one of the largest IoU.
"""

from collections.abc import Sequence

import numpy as np

from fashion.evaluation.average_precision import (
    PrecisionTable,
    Thresholds,
    coco_numbers,
    precision_tables,
)
from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.registry import RANKED, Inputs, by_iou_type, metric
from mrcnn.typing import Array

_IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)


def evaluate_f1_ap(
    ground_truth: dict,
    detections: Sequence[dict],
    iou_type: str = "segm",
    *,
    f1_threshold: float = 0.5,
) -> dict[str, float]:
    """Computes COCO's AP and AR, and f1AP and f1AR.

    Args:
        ground_truth: COCO dict of images, annotations (with "area" and "attribute_ids"), categories
            and attributes; any ids.
        detections: COCO results with "segmentation" (RLE) or "bbox" (xywh), and "attribute_ids".
        iou_type: "segm" compares masks, "bbox" boxes.
        f1_threshold: Least F1 of a match, in [0, 1].

    Returns:
        {"AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl":
        COCO's, and each again as "f1AP" and so on}, in [0, 1]; -1 without objects.

    Raises:
        ValueError: If `f1_threshold` is not in [0, 1].
    """
    if not 0 <= f1_threshold <= 1:
        raise ValueError(f"f1_threshold is an F1, from 0 to 1. Got {f1_threshold}.")
    table = MatchTable.build(ground_truth, detections, iou_type).top().sorted_by_id()
    return f1_scores(tables_with_f1(table, f1_threshold))


def tables_with_f1(table: MatchTable, f1_threshold: float = 0.5) -> dict[int, PrecisionTable]:
    """Computes precision and recall with and without a condition on attributes.

    Args:
        table: Predictions and objects.
        f1_threshold: Least F1 of a match.

    Returns:
        {category index: its table at COCO's ten IoU thresholds and two of F1: the first asks for
        nothing, the second for `f1_threshold`}.
    """
    # Both conditions in one pass: the overlaps and most of the matching are the same.
    thresholds = Thresholds(_IOU_THRESHOLDS, np.array([-1.0, f1_threshold]), set_f1)
    return precision_tables(table, thresholds)


def f1_scores(tables: dict[int, PrecisionTable]) -> dict[str, float]:
    """Averages tables to what `evaluate_f1_ap` returns.

    Args:
        tables: From `tables_with_f1`.

    Returns:
        See `evaluate_f1_ap`.
    """
    with_f1 = {f"f1{key}": value for key, value in coco_numbers(tables.values(), 1).items()}
    return coco_numbers(tables.values(), 0) | with_f1


def set_f1(shared: Array, predicted: Array, real: Array) -> Array:
    """Computes the F1 of two sets of attributes, 1 where the object has none.

    Args:
        shared: `(..., D, G)` number of attributes on both sides.
        predicted: `(..., D, 1)` number of predicted attributes.
        real: `(..., 1, G)` number of the object's attributes.

    Returns:
        `(..., D, G)` float64 in [0, 1].
    """
    return np.where(real > 0, 2 * shared / np.maximum(predicted + real, 1), 1.0)


@metric(
    "f1_ap",
    "COCO average precision with an F1 of the attributes",
    section=RANKED,
    order=12,
    rows=lambda scores: [],  # below COCO's numbers, see `coco`
    formula="COCO's AP and AR where a match must also reach an F1 of the attributes of .50",
    source='a CS231n project report on iMaterialist, whose table has both, "wo. F1" and "w. F1"',
    documentation=(
        "The keys are COCO's, `AP`, `AP50`, `AP75`, `APs`, `APm`, `APl`, `AR1`, `AR10`, `AR100`, "
        "`ARs`, `ARm`, `ARl`, and each again where a match must also reach the F1: `f1AP`, "
        "`f1AP50`, `f1AP75`, `f1APs`, `f1APm`, `f1APl`, `f1AR1`, `f1AR10`, `f1AR100`, `f1ARs`, "
        "`f1ARm`, `f1ARl`.\n\n"
        "We know the metric from a description. Chosen: the F1 of the two sets, "
        "2 |both| / (|predicted| + |annotated|), and 1 where the object has no attributes; one "
        "threshold, 0.5, for the whole table (the 50 and 75 of `f1AP50` and `f1AP75` are IoU); "
        "reaching it is enough; of the objects that reach both, a prediction takes the one of the "
        "largest IoU."
    ),
)
def f1_ap(inputs: Inputs) -> dict:
    """COCO's numbers and those with F1, of masks and of boxes.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        {"segm", "bbox": what `evaluate_f1_ap` returns}.
    """

    def compute(iou_type: str) -> dict[str, float]:
        # By id, not by the order of the file as `coco`: of two equal IoUs another object may win.
        table = inputs.once(MatchTable.sorted_by_id, inputs.top(iou_type))
        return f1_scores(inputs.once(tables_with_f1, table))

    return by_iou_type(compute)
