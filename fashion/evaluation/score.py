"""Scoring a model on a data set: predict every photo, then mask AP, box AP and attribute F1."""
import numpy as np

from fashion.evaluation.attribute_f1 import attribute_f1
from fashion.evaluation.results import coco_results
from mrcnn.evaluation.coco import evaluate_coco


def predict_dataset(model, dataset, image_ids, *, on_result=None):
    """COCO results of `model` (a FashionModel) on some photos of an IMaterialistDataset, a batch in memory at a time.

    on_result: callable (image_id, result), for pictures and progress.
    Returns: list of COCO result dicts with "attribute_ids"; their image_id is the data set's.
    """
    found = []
    results = model.stream(dataset.load_image(int(i)) for i in image_ids)
    for image_id, result in zip(image_ids, results, strict=True):
        found += coco_results(result, int(image_id), model.ontology)
        if on_result:
            on_result(int(image_id), result)
    return found


def score_detections(ground_truth, detections, *, attribute_confidence=0.5):
    """All scores of COCO results against COCO ground truth, both with "attribute_ids".

    attribute_confidence: attributes are judged on detections from this score on.
    Returns: {"segm": ..., "bbox": ...} of `evaluate_coco`, and "attributes" of `attribute_f1`.
    """
    return {"segm": evaluate_coco(ground_truth, detections, "segm"), "bbox": evaluate_coco(ground_truth, detections, "bbox"),
            "attributes": attribute_f1(ground_truth, detections, score_threshold=attribute_confidence)}


def sensitivity(ground_truth, detections, *, iou_threshold=0.5, confidence=0.5):
    """The share of each category's objects that were found: category id -> 0..1.

    An object is found if a detection of its category, of at least `confidence`, overlaps its box by `iou_threshold` or more.
    """
    by_image = {}
    for d in detections:
        if d["score"] >= confidence:
            by_image.setdefault((d["image_id"], d["category_id"]), []).append(d["bbox"])
    found, total = {}, {}
    for truth in ground_truth["annotations"]:
        category = truth["category_id"]
        boxes = np.array(by_image.get((truth["image_id"], category), np.zeros((0, 4))), float).reshape(-1, 4)
        total[category] = total.get(category, 0) + 1
        found[category] = found.get(category, 0) + bool((_iou_xywh(np.array(truth["bbox"], float), boxes) >= iou_threshold).any())
    return {category: found[category] / total[category] for category in total}


def _iou_xywh(box, boxes):
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[:2] + box[2:], boxes[:, :2] + boxes[:, 2:])
    intersection = np.prod(np.clip(high - low, 0, None), axis=1)
    return intersection / np.maximum(box[2] * box[3] + boxes[:, 2] * boxes[:, 3] - intersection, 1e-9)
