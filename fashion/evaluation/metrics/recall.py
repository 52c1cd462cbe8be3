"""Found: how many objects of each category were found, one by one, and how many missed?

The share of the found is called sensitivity, or recall at one point; one minus it is the rate of misses.
"""

import numpy as np

from fashion.evaluation.matching import grouped, matches


def found_per_category(
    ground_truth, detections, *, iou_threshold=0.5, score_threshold=0.0, iou_type="segm"
):
    """Counts of objects and of those found, by category.

    ground_truth: COCO dict; detections: list of COCO results; with "segmentation" (RLE) or, for boxes, "bbox" [x, y, w, h]
    iou_threshold: an object is found by a detection of its category that overlaps it by at least this, and that has found no other:
        the detections choose by falling score (equal scores: in the order of the list), each the free object that it overlaps most
    score_threshold: detections with a lower score are left out
    iou_type: "segm" compares masks, "bbox" boxes
    Returns: {"found", "missed", "instances": sums; "sensitivity": found of instances; "mean_sensitivity": the mean over the categories
        that have objects; "per_category": {category_id: {"name", "instances", "found", "missed", "sensitivity", "detections": how many
        of the category there are}}}, every category of the ground truth, in its order. Crowds are left out. The sensitivity of no
        objects is -1.
    """
    if iou_type not in ("segm", "bbox"):
        raise ValueError(f'iou_type is "segm" (masks) or "bbox" (boxes). Got {iou_type!r}.')
    objects, said = grouped(ground_truth, detections, score_threshold)
    size_of = {
        image["id"]: (image.get("height"), image.get("width")) for image in ground_truth["images"]
    }
    per_category = {
        category["id"]: {
            "name": category["name"],
            "instances": 0,
            "found": 0,
            "missed": 0,
            "sensitivity": -1.0,
            "detections": 0,
        }
        for category in ground_truth["categories"]
    }
    for (_, category), rows in said.items():
        per_category[category]["detections"] += len(rows)
    for key, rows in objects.items():
        row = per_category[key[1]]
        row["instances"] += len(rows)
        if key in said:
            row["found"] += sum(
                1 for _ in matches(said[key], rows, size_of[key[0]], iou_threshold, iou_type)
            )
    for row in per_category.values():
        row["missed"] = row["instances"] - row["found"]
        row["sensitivity"] = _ratio(row["found"], row["instances"])
    some = [row["sensitivity"] for row in per_category.values() if row["instances"]]
    instances, found = (
        sum(row[key] for row in per_category.values()) for key in ("instances", "found")
    )
    return {
        "found": found,
        "missed": instances - found,
        "instances": instances,
        "sensitivity": _ratio(found, instances),
        "mean_sensitivity": float(np.mean(some)) if some else -1.0,
        "per_category": per_category,
    }


def _ratio(part, whole):
    return part / whole if whole else -1.0
