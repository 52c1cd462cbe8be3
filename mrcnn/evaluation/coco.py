"""COCO evaluation: average precision of detections by pycocotools, overall and per category."""

import contextlib
import io
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mrcnn.data.masks.coco_rle import as_rle
from mrcnn.data.masks.polygons import max_coordinate
from mrcnn.data.record_checks import Record, preview
from mrcnn.evaluation.coco_truth import (
    checked_truth,
    refuse_unknown,
    size_of_image,
    with_areas,
    with_boxes,
)
from mrcnn.typing import Array, Size

# The order of COCOeval.stats.
NUMBERS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def evaluate_coco(
    ground_truth: Mapping[str, Any],
    detections: Sequence[Mapping[str, Any]],
    iou_type: str = "segm",
    image_ids: Collection[Any] | None = None,
) -> dict[str, Any]:
    """Computes COCO's twelve numbers, and AP for every category.

    Prints nothing and changes neither argument.

    Args:
        ground_truth: COCO dict of images, annotations (ids from 1) and categories. Missing fields
            are filled in, see `checked_truth`.
        detections: COCO results: image_id, category_id, score, and segmentation (RLE or polygons)
            or bbox (xywh).
        iou_type: "segm" compares masks and needs a segmentation; "bbox" compares boxes and needs
            either.
        image_ids: Evaluate these images only; None for all.

    Returns:
        The numbers by the names in `NUMBERS`, in 0..1, and "per_category": by id, {"name", "AP",
        "AP50", "instances"}. Without ground truth (no small objects, for example) a number is -1,
        as in COCO; without detections it is 0.

    Raises:
        ValueError: A field has a wrong type, an id is not in the ground truth, a score is not
            finite, or a mask is invalid. The message names the entry.
    """
    if iou_type not in ("segm", "bbox"):
        raise ValueError(f'iou_type is "segm" (masks) or "bbox" (boxes). Got {iou_type!r}.')
    truth = checked_truth(_of_images(ground_truth, image_ids), masks=iou_type == "segm")
    found = _checked_results(detections, truth, iou_type)
    known = {image["id"] for image in truth["images"]}
    wanted = known if image_ids is None else known.intersection(image_ids)
    evaluation = _evaluated(truth, found, wanted, iou_type)
    numbers = dict(zip(NUMBERS, (float(value) for value in evaluation.stats), strict=True))
    return numbers | {"per_category": _per_category(evaluation, truth["categories"])}


def _evaluated(
    truth: Mapping[str, Any],
    found: Sequence[dict[str, Any]],
    wanted: Collection[Any],
    iou_type: str,
) -> COCOeval:
    # pycocotools sorts ids and puts them into NumPy's integers, so it gets places in these lists.
    image_of = {
        i: place for place, i in enumerate(sorted(image["id"] for image in truth["images"]))
    }
    categories = sorted(category["id"] for category in truth["categories"])
    category_of = {i: place for place, i in enumerate(categories)}
    annotations = _placed(truth["annotations"], wanted, image_of, category_of)
    results = _placed(found, wanted, image_of, category_of)
    images = []
    for image in truth["images"]:
        size = {key: image[key] for key in ("height", "width") if key in image}
        images.append(size | {"id": image_of[image["id"]]})
    evaluation = COCOeval(
        _coco(images, len(categories), annotations),
        _coco(images, len(categories), results),
        iou_type,
    )
    evaluation.params.imgIds = sorted(image_of[i] for i in wanted)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def _of_images(ground_truth: Any, image_ids: Collection[Any] | None) -> Any:
    """The ground truth without annotations of other images, whose masks need not be read."""
    if (
        image_ids is None
        or not isinstance(ground_truth, dict)
        or not isinstance(ground_truth.get("annotations"), list)
    ):
        return ground_truth
    wanted = set(image_ids)
    rows = [
        row
        for row in ground_truth["annotations"]
        if not isinstance(row, dict)
        or not isinstance(row.get("image_id"), (int, str))
        or row["image_id"] in wanted
    ]
    return {**ground_truth, "annotations": rows}


def _placed(
    rows: Sequence[dict[str, Any]],
    wanted: Collection[Any],
    image_of: Mapping[Any, int],
    category_of: Mapping[int, int],
) -> list[dict[str, Any]]:
    """The rows of the wanted images, numbered, with places instead of ids."""
    placed = []
    for number, row in enumerate(rows, 1):
        if row["image_id"] in wanted:
            image, category = image_of[row["image_id"]], category_of[row["category_id"]]
            placed.append(row | {"id": number, "image_id": image, "category_id": category})
    return placed


def _coco(images: list[dict], number: int, annotations: list[dict]) -> COCO:
    coco = COCO()
    coco.dataset = {
        "images": images,
        "categories": [{"id": k} for k in range(number)],
        "annotations": annotations,
    }
    with contextlib.redirect_stdout(io.StringIO()):  # "creating index..."
        coco.createIndex()
    return coco


def _checked_results(
    detections: Any, truth: Mapping[str, Any], iou_type: str
) -> list[dict[str, Any]]:
    """Results as pycocotools' loadRes makes them; unknown ids are reported all at once."""
    if not isinstance(detections, (list, tuple)):
        raise ValueError(
            f"The detections are {preview(detections)}. Expected a list of COCO results."
        )
    size_of = {image["id"]: size_of_image(image) for image in truth["images"]}
    categories = {category["id"] for category in truth["categories"]}
    unknown: dict[str, set] = {"image": set(), "category": set()}
    rows: list[dict[str, Any]] = []
    described: list[str] = []
    for i, detection in enumerate(detections):
        entry = Record(detection, "The detections", "detection", i)
        entry.require("image_id", "category_id", "score")
        row: dict[str, Any] = {
            "image_id": entry.identifier("image_id"),
            "category_id": entry.integer("category_id"),
            "score": float(entry.number("score")),
        }
        if row["image_id"] not in size_of or row["category_id"] not in categories:
            unknown["image"].update({row["image_id"]} - size_of.keys())
            unknown["category"].update({row["category_id"]} - categories)
            continue
        rows.append(row | _geometry(entry, size_of[row["image_id"]], iou_type))
        described.append(entry.where)
    for kind, ids in unknown.items():
        if ids:
            refuse_unknown(
                sorted(ids, key=str),
                "The list of detections",
                kind,
                len(size_of if kind == "image" else categories),
            )
    masks = with_areas(
        [row for row in rows if "segmentation" in row],
        [w for row, w in zip(rows, described) if "segmentation" in row],
    )
    with_boxes(masks)
    return rows


def _geometry(entry: Record, size_hw: Size | None, iou_type: str) -> dict[str, Any]:
    """The box or the mask of a result, whichever is compared.

    pycocotools, given both, would use the area of the box for the mask, which moves objects between
    small, medium and large.
    """
    kind = "bbox" if iou_type == "bbox" and entry.has("bbox") else "segmentation"
    if not entry.has(kind):
        raise ValueError(
            f'{entry.where} has no "{kind}", which iou_type="{iou_type}" compares. '
            f"It has: {', '.join(map(preview, entry.row))}."
        )
    if kind == "segmentation":
        return {"segmentation": as_rle(entry.row["segmentation"], size_hw, entry.where)}
    box = entry.box(most=max_coordinate(size_hw or (1, 1)))
    return {"bbox": box, "area": box[2] * box[3]}


def _per_category(evaluation: COCOeval, categories: list[dict]) -> dict[int, dict[str, Any]]:
    annotations = evaluation.cocoGt.dataset["annotations"]
    instances = Counter(row["category_id"] for row in annotations if not row["iscrowd"])
    # (IoU threshold, recall, category, all areas, 100 detections)
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    return {
        category["id"]: {
            "name": category["name"],
            "AP": _mean(precision[:, :, k]),
            "AP50": _mean(precision[0, :, k]),
            "instances": instances[k],
        }
        for k, category in enumerate(sorted(categories, key=lambda category: category["id"]))
    }


def _mean(precision: Array) -> float:
    known = precision[precision > -1]
    return float(np.mean(known)) if known.size else -1.0
