"""What the match table reads of COCO dicts: ids, attributes, and masks or boxes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.io.ground_truth import check_known
from mrcnn.data.masks.coco_rle import as_rle
from mrcnn.evaluation.coco_truth import check_unique
from mrcnn.typing import Array

_KINDS = {"images": "image", "categories": "category", "attributes": "attribute"}


def index_ids(ground_truth: dict, detections: Sequence[dict]) -> dict[str, dict]:
    """Numbers the ids of the ground truth, and checks all ids.

    Args:
        ground_truth: COCO dict.
        detections: COCO results.

    Returns:
        {"images", "categories", "attributes": {id: its place among the ascending ids}}.

    Raises:
        ValueError: If an id occurs twice, or an object or a detection has an unknown one.
    """
    places = {}
    for name, kind in _KINDS.items():
        ids = [row["id"] for row in ground_truth.get(name) or ()]
        check_unique(ids, "The ground truth", kind)
        places[name] = {i: index for index, i in enumerate(sorted(ids))}
    numbered = [row["id"] for row in ground_truth["annotations"] if "id" in row]
    check_unique(numbered, "The ground truth", "annotation")
    check_known(ground_truth["annotations"], ground_truth, "The list of annotations")
    check_known(detections, ground_truth, "The list of detections")
    return places


def multi_hot(items: Sequence[dict], place_of: dict) -> Array:
    """Marks the attributes of objects or detections.

    Args:
        items: N dicts with "attribute_ids"; missing means none.
        place_of: {attribute id: column}, T of them.

    Returns:
        `(N, T)` uint8, 1 where an item has an attribute.
    """
    rows, columns = [], []
    for row, item in enumerate(items):
        for attribute in item.get("attribute_ids") or ():
            rows.append(row)
            columns.append(place_of[attribute])
    # uint8: 100,000 predictions by 294 attributes are 29 MB, and 235 MB as float64.
    hot = np.zeros((len(items), len(place_of)), np.uint8)
    hot[rows, columns] = 1
    return hot


def sizes_of(ground_truth: dict) -> dict:
    """Looks up the sizes of the images.

    Args:
        ground_truth: COCO dict.

    Returns:
        {image id: (height, width) in pixels}; None for what the ground truth does not state.
    """
    return {
        image["id"]: (image.get("height"), image.get("width")) for image in ground_truth["images"]
    }


def geometry_of(item: dict, sizes_hw: dict, iou_type: str) -> Any:
    """Reads the mask or the box of an object or a detection.

    Args:
        item: COCO annotation or result.
        sizes_hw: From `sizes_of`.
        iou_type: "segm" asks for the mask. "bbox" asks for the box: its own, or the one around its
            mask if it has no box.

    Returns:
        Compressed RLE, or `[x, y, width, height]` in pixels.

    Raises:
        ValueError: If the item has neither.
    """
    if iou_type == "bbox" and ("bbox" in item or "segmentation" not in item):
        return required(item, "bbox")
    mask = compressed(required(item, "segmentation"), sizes_hw[item["image_id"]])
    return mask if iou_type == "segm" else coco_mask.toBbox(mask).tolist()


def required(item: dict, field: str) -> Any:
    """Reads a field that a comparison cannot do without.

    Args:
        item: COCO annotation or result.
        field: Its key.

    Returns:
        The value.

    Raises:
        ValueError: If the item lacks it.
    """
    if field not in item:
        what = "A detection" if "score" in item else "An annotation"
        raise ValueError(
            f'{what} of image {item["image_id"]} has no "{field}", which this comparison needs. '
            f"It has: {', '.join(sorted(item))}."
        )
    return item[field]


def compressed(segmentation: Any, size_hw: tuple[int, int]) -> dict:
    """Compresses a mask, which COCO writes in three ways.

    Args:
        segmentation: Polygons, counts or compressed counts.
        size_hw: Height and width of the image in pixels, for polygons.

    Returns:
        Compressed RLE, as pycocotools reads it. What is compressed comes back unchecked; the rest
        is checked.
    """
    if isinstance(segmentation, dict) and isinstance(segmentation.get("counts"), (str, bytes)):
        return segmentation
    return as_rle(segmentation, size_hw, "A mask")
