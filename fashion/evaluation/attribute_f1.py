"""Attribute F1: how well are the attributes named of those garments that were found?

Garments are matched first (same image, same category, mask IoU), so the figure says something about the
attribute head alone; garments that were missed are the business of `mrcnn.evaluation.coco`.
"""

from collections import defaultdict

import numpy as np
from pycocotools import mask as coco_mask


def attribute_f1(ground_truth, detections, *, iou_threshold=0.5, score_threshold=0.0):
    """F1 of the attributes on detections that match an object of the ground truth.

    ground_truth: COCO dict; annotations have "attribute_ids", lists of real ids (missing: none)
    detections: list of COCO result dicts with "segmentation" (RLE) and "attribute_ids"
    iou_threshold: a match needs at least this mask IoU; a detection takes the free object that it overlaps
        most, the most certain detection choosing first
    score_threshold: detections with a lower score are left out
    Returns: {"micro_f1", "precision", "recall": over all (garment, attribute) pairs together, "macro_f1":
        mean of the attributes' own F1, over the attributes that occur on a matched garment or were predicted
        for one, "matched": number of matched garments, "ground_truth": number of all garments,
        "per_attribute": {attribute_id: {"f1", "precision", "recall", "instances": how many matched garments
        have it, "predicted"}}}. 0/0 counts as 0.
    """
    objects, found = defaultdict(list), defaultdict(list)
    for annotation in ground_truth["annotations"]:
        if not annotation.get("iscrowd", 0):
            objects[annotation["image_id"], annotation["category_id"]].append(annotation)
    for detection in detections:
        if detection["score"] >= score_threshold:
            found[detection["image_id"], detection["category_id"]].append(detection)
    size_of = {image["id"]: (image["height"], image["width"]) for image in ground_truth["images"]}

    true_positive, predicted, present = defaultdict(int), defaultdict(int), defaultdict(int)
    matched = 0
    for key in sorted(objects.keys() & found.keys(), key=str):
        for detection, annotation in _matches(found[key], objects[key], size_of[key[0]], iou_threshold):
            matched += 1
            said = {int(i) for i in detection.get("attribute_ids") or ()}
            real = {int(i) for i in annotation.get("attribute_ids") or ()}
            for counter, ids in ((true_positive, said & real), (predicted, said), (present, real)):
                for attribute_id in ids:
                    counter[attribute_id] += 1

    per_attribute = {}
    for i in sorted(predicted.keys() | present.keys()):
        precision, recall, f1 = _scores(true_positive[i], predicted[i], present[i])
        per_attribute[i] = {"f1": f1, "precision": precision, "recall": recall, "instances": present[i],
                            "predicted": predicted[i]}
    totals = [sum(counts.values()) for counts in (true_positive, predicted, present)]
    precision, recall, micro = _scores(*totals)
    macro = float(np.mean([row["f1"] for row in per_attribute.values()])) if per_attribute else 0.0
    return {"micro_f1": micro, "macro_f1": macro, "precision": precision, "recall": recall,
            "matched": matched, "ground_truth": sum(len(group) for group in objects.values()),
            "per_attribute": per_attribute}


def _matches(detections, annotations, size_hw, iou_threshold):
    """Yields (detection, annotation) pairs of one image and category; each occurs once at most."""
    detections = sorted(detections, key=lambda detection: -detection["score"])
    iou = coco_mask.iou([_rle(d["segmentation"], size_hw) for d in detections],
                        [_rle(a["segmentation"], size_hw) for a in annotations], [0] * len(annotations))
    for i, detection in enumerate(detections):
        best = int(np.argmax(iou[i]))
        if iou[i, best] >= iou_threshold:
            iou[:, best] = -1   # taken
            yield detection, annotations[best]


def _rle(segmentation, size_hw):
    """COCO's three forms of a mask (polygons, counts, compressed counts) as the last of them."""
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, *size_hw))
    if isinstance(segmentation["counts"], list):
        return coco_mask.frPyObjects(segmentation, *size_hw)
    return segmentation


def _scores(true_positive, predicted, present):
    """(precision, recall, F1) of counts; 0/0 is 0."""
    return (true_positive / predicted if predicted else 0.0, true_positive / present if present else 0.0,
            2 * true_positive / (predicted + present) if predicted + present else 0.0)
