"""Greedy: which detection found which object, one to one, at one IoU threshold."""

from collections import defaultdict

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.forms import compressed


def grouped(ground_truth, detections, score_threshold=-np.inf):
    """({(image_id, category_id): [annotations]}, the same of the detections), in their order. Crowds are left out, and detections with
    a lower score than `score_threshold`."""
    objects, found = defaultdict(list), defaultdict(list)
    for annotation in ground_truth["annotations"]:
        if not annotation.get("iscrowd", 0):
            objects[annotation["image_id"], annotation["category_id"]].append(annotation)
    for detection in detections:
        if detection["score"] >= score_threshold:
            found[detection["image_id"], detection["category_id"]].append(detection)
    return objects, found


def matches(detections, objects, size_hw, iou_threshold, iou_type="segm"):
    """Yields (detection, object) pairs of one image and category; each occurs once at most.

    The detections choose by falling score (equal scores: in the order of the list), each the free object that it overlaps most, if
    by `iou_threshold` at least. iou_type: "segm" compares masks, "bbox" boxes; size_hw: of the photo
    """
    detections = sorted(detections, key=lambda detection: -detection["score"])
    rows, columns = (
        [
            np.array(i["bbox"], np.float64)
            if iou_type == "bbox"
            else compressed(i["segmentation"], size_hw)
            for i in items
        ]
        for items in (detections, objects)
    )
    iou = coco_mask.iou(rows, columns, [0] * len(objects))
    for i, detection in enumerate(detections):
        best = int(np.argmax(iou[i]))
        if iou[i, best] >= iou_threshold:
            iou[:, best] = -1  # taken
            yield detection, objects[best]
