"""Scoring a model on a data set: predict every photo, or describe its objects, then mask AP, box AP and attribute F1."""

import numpy as np

from fashion.evaluation.attribute_f1 import attribute_f1
from fashion.evaluation.attribute_tables import objects_of
from fashion.evaluation.results import boxes_of, coco_results
from mrcnn.evaluation.coco import evaluate_coco


def predict_dataset(model, dataset, image_ids, *, on_result=None):
    """COCO results of `model` (a FashionModel) on some photos of an IMaterialistDataset, a batch in memory at a time.

    on_result: callable (image_id, result), for pictures and progress.
    Returns: list of COCO result dicts with "attribute_ids"; their image_id is the data set's.
    """
    ids, found = [int(i) for i in image_ids], []
    for image_id, result in zip(ids, model.stream(map(dataset.load_image, ids)), strict=True):
        found += coco_results(result, image_id, model.ontology)
        if on_result:
            on_result(image_id, result)
    return found


def describe_dataset(model, dataset, image_ids, *, on_result=None):
    """What `model` (a FashionModel) says of the true boxes of some photos, for `attribute_f1.attribute_f1_on_truth`.

    dataset: an IMaterialistDataset with the model's ontology
    on_result: callable (image_id, result of `FashionModel.describe`), for pictures and progress
    Returns: list of dicts, one for each object of `dataset.to_coco(image_ids)` that is no crowd, in its order: {"image_id",
        "annotation_id": its "id" there, "category_id", "attribute_ids": real ids, "attribute_scores": (T,) float32}.
    """
    ids = [int(i) for i in image_ids]
    of_image = {i: [] for i in ids}
    for row in objects_of(dataset.to_coco(ids)):
        of_image[row["image_id"]].append(row)
    boxes = (boxes_of(of_image[i]).astype(np.float32) for i in ids)
    class_ids = (
        [model.ontology.class_id_of(row["category_id"]) for row in of_image[i]] for i in ids
    )
    described = []
    for i, result in zip(
        ids, model.describe(map(dataset.load_image, ids), boxes, class_ids), strict=True
    ):
        described += [
            {
                "image_id": i,
                "annotation_id": row["id"],
                "category_id": row["category_id"],
                "attribute_ids": attribute_ids,
                "attribute_scores": scores,
            }
            for row, attribute_ids, scores in zip(
                of_image[i], result["attributes"], result["attribute_scores"], strict=True
            )
        ]
        if on_result:
            on_result(i, result)
    return described


def score_detections(ground_truth, detections, *, attribute_confidence=0.5):
    """All scores of COCO results against COCO ground truth, both with "attribute_ids".

    attribute_confidence: attributes are judged on detections from this score on.
    Returns: {"segm": ..., "bbox": ...} of `evaluate_coco`, and "attributes" of `attribute_f1`.
    """
    return {
        "segm": evaluate_coco(ground_truth, detections, "segm"),
        "bbox": evaluate_coco(ground_truth, detections, "bbox"),
        "attributes": attribute_f1(ground_truth, detections, score_threshold=attribute_confidence),
    }
