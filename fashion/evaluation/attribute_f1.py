"""Attribute F1: how well are the attributes named of those garments that were found?

Garments are matched first (same image, same category, mask IoU), so the figure says something about the
attribute head alone; garments that were missed are the business of `mrcnn.evaluation.coco`.
"""

from collections import defaultdict

import numpy as np

from fashion.evaluation.greedy import grouped, matches


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
    objects, found = grouped(ground_truth, detections, score_threshold)
    size_of = {image["id"]: (image["height"], image["width"]) for image in ground_truth["images"]}

    true_positive, predicted, present = defaultdict(int), defaultdict(int), defaultdict(int)
    matched = 0
    for key in sorted(objects.keys() & found.keys(), key=str):
        for detection, annotation in matches(found[key], objects[key], size_of[key[0]], iou_threshold):
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


def _scores(true_positive, predicted, present):
    """(precision, recall, F1) of counts; 0/0 is 0."""
    return (true_positive / predicted if predicted else 0.0, true_positive / present if present else 0.0,
            2 * true_positive / (predicted + present) if predicted + present else 0.0)
