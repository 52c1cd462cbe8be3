"""COCO evaluation: the average precision of detections, computed by pycocotools, overall and per category."""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

# The order of COCOeval.stats.
NUMBERS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def evaluate_coco(ground_truth, detections, iou_type="segm", image_ids=None):
    """COCO's twelve numbers, and AP for every category. Prints nothing and changes neither argument.

    ground_truth: COCO dict of images, annotations (ids from 1) and categories
    detections: list of COCO result dicts: image_id, category_id, score, segmentation (RLE) or bbox (xywh)
    iou_type: "segm" compares masks and needs a segmentation; "bbox" compares boxes and needs either
    image_ids: evaluate these images only; default: all of ground_truth
    Returns: {"AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl": floats
        0..1, "per_category": {category_id: {"name", "AP", "AP50", "instances"}}}. A number for which there is
        no ground truth (no small objects; a category that does not occur) is -1, as COCO has it. Nothing
        detected is 0.
    """
    if iou_type not in ("segm", "bbox"):
        raise ValueError(f'iou_type is "segm" (masks) or "bbox" (boxes). Got {iou_type!r}.')
    _check_ids(ground_truth, detections)
    known = {image["id"] for image in ground_truth["images"]}
    wanted = known if image_ids is None else known.intersection(image_ids)
    annotations = [dict(a) for a in ground_truth["annotations"] if a["image_id"] in wanted]

    with contextlib.redirect_stdout(io.StringIO()):
        truth = _coco(ground_truth, annotations)
        found = [_result(d, iou_type) for d in detections if d["image_id"] in wanted]
        result = truth.loadRes(found) if found else _coco(ground_truth, [])
        evaluation = COCOeval(truth, result, iou_type)
        evaluation.params.imgIds = sorted(wanted)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()

    numbers = dict(zip(NUMBERS, (float(value) for value in evaluation.stats), strict=True))
    return numbers | {"per_category": _per_category(evaluation, ground_truth["categories"], annotations)}


def _coco(ground_truth, annotations):
    coco = COCO()
    coco.dataset = {"images": ground_truth["images"], "categories": ground_truth["categories"],
                    "annotations": annotations}
    coco.createIndex()
    return coco


def _result(detection, iou_type):
    """A result with one kind of geometry only: given both, pycocotools takes the box's area for the mask's,
    which moves objects between small, medium and large."""
    geometry = "bbox" if iou_type == "bbox" and "bbox" in detection else "segmentation"
    if geometry not in detection:
        raise ValueError(f'A detection has no "{geometry}", which iou_type="{iou_type}" compares. '
                         f"It has: {', '.join(sorted(detection))}.")
    return {key: detection[key] for key in ("image_id", "category_id", "score", geometry)}


def _check_ids(ground_truth, detections):
    if any(annotation["id"] == 0 for annotation in ground_truth["annotations"]):
        raise ValueError("Annotation ids must start at 1: pycocotools takes id 0 for 'not matched' and would "
                         "count that object as missed. Got an annotation with id 0.")
    unknown = {d["image_id"] for d in detections} - {image["id"] for image in ground_truth["images"]}
    if unknown:
        raise ValueError(f"Every detection must belong to an image of the ground truth. "
                         f"{len(unknown)} image ids are unknown, for example {sorted(unknown, key=str)[:3]}.")


def _per_category(evaluation, categories, annotations):
    names = {category["id"]: category["name"] for category in categories}
    instances = dict.fromkeys(names, 0)
    for annotation in annotations:
        instances[annotation["category_id"]] += not annotation.get("iscrowd", 0)
    # (IoU threshold, recall, category, all areas, 100 detections)
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    # pycocotools counts in NumPy's integers, which JSON does not take as keys.
    return {int(category_id): {"name": names[category_id], "AP": _mean(precision[:, :, k]),
                          "AP50": _mean(precision[0, :, k]), "instances": instances[category_id]}
            for k, category_id in enumerate(evaluation.params.catIds)}


def _mean(precision):
    known = precision[precision > -1]
    return float(np.mean(known)) if known.size else -1.0
