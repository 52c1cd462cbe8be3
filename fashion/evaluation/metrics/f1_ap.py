"""f1AP: COCO's average precision, and beside it the same table where a match needs the right attributes as well.

The measure of a CS231n project report on iMaterialist: COCO's evaluation is computed a second time with a match that must also reach
an F1 of the attributes. F1 is computed only for objects that have attributes, otherwise it is 1. We know the measure from a description.
It leaves open which F1 is asked for and how F1 is averaged; chosen here:
* the F1 of the two sets of attributes, 2 |both| / (|predicted| + |true|), not the evaluator's mean over present and absent attributes;
* one F1 threshold for the whole table, .5 unless said otherwise: the 50 and 75 of f1AP50 and f1AP75 are IoU;
* reaching a threshold is enough (>=), as for COCO's IoU; of the objects that reach both, a detection takes the largest IoU.
"""

import numpy as np

from fashion.evaluation.average_precision import coco_numbers, match, precision_tables
from fashion.evaluation.matching import read_pairs

_IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)


def evaluate_f1_ap(ground_truth, detections, iou_type="segm", *, f1_threshold=0.5):
    """COCO's AP and AR, and f1AP and f1AR. Prints nothing and changes neither argument.

    ground_truth: COCO dict of images, annotations (with "area" and "attribute_ids"), categories and attributes; any ids
    detections: list of COCO result dicts: image_id, category_id, score, segmentation (RLE) or bbox (xywh), attribute_ids
    iou_type: "segm" compares masks; "bbox" compares boxes
    f1_threshold: least F1 of a match, 0..1
    Returns: {"AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl": COCO's, and each again as "f1AP"
        and so on: floats 0..1}. A number for which there is no ground truth is -1; nothing detected is 0.
    """
    if not 0 <= f1_threshold <= 1:
        raise ValueError(f"f1_threshold is an F1, from 0 to 1. Got {f1_threshold}.")
    return f1_scores(f1_tables(read_pairs(ground_truth, detections, iou_type), f1_threshold))


def f1_tables(pairs, f1_threshold=0.5):
    """{category index: Table} at COCO's ten IoU thresholds, and at two of F1: the first asks for nothing, the second for f1_threshold."""
    thresholds = np.array([-1.0, f1_threshold])
    return precision_tables(
        pairs, match(pairs, range(len(pairs.category_ids)), _IOU_THRESHOLDS, thresholds, _set_f1)
    )


def f1_scores(tables):
    """What `evaluate_f1_ap` returns, from `f1_tables`."""
    return coco_numbers(tables.values(), 0) | {
        f"f1{key}": value for key, value in coco_numbers(tables.values(), 1).items()
    }


def _set_f1(shared, said, real):
    """F1 of sets of attributes, 1 where the object has none. Counts: shared (..., D, G); said (..., D, 1); real (..., 1, G)."""
    return np.where(real > 0, 2 * shared / np.maximum(said + real, 1), 1.0)
