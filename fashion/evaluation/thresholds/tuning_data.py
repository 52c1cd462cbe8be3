"""What the threshold search reads of each image, computed once: IoU, scores and attributes."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.coco_dicts import multi_hot
from fashion.evaluation.matching import ImagePairs, MatchTable
from fashion.evaluation.thresholds.table import STORED_MASK, attribute_scores_of, mask_at
from mrcnn.typing import Array, Size

# Mask thresholds that are tried. Each costs a comparison of all masks, so there are few.
MASKS = (0.3, 0.4, 0.45, STORED_MASK, 0.55, 0.6, 0.7)


@dataclasses.dataclass(frozen=True)
class TuningImage:
    """D detections, the highest score first, and G objects of one image, with T attributes.

    Attributes:
        image_id: Of the ground truth.
        rows: `(D,)` int64 index into the list of detections.
        score: `(D,)` float64.
        category: `(D,)` int64 index into `TuningData.category_ids`.
        attribute_scores: `(D, T)` float32, see `attribute_scores_of`.
        iou: `(masks, D, G)` float64 at each mask threshold; 0 between two categories.
        object_category: `(G,)` int64.
        gt_attributes: `(G, T)` bool.
        crowd: `(G,)` bool. Kaggle's scores read a crowd as an object, the others leave it out.
    """

    image_id: Any
    rows: Array
    score: Array
    category: Array
    attribute_scores: Array
    iou: Array
    object_category: Array
    gt_attributes: Array
    crowd: Array


@dataclasses.dataclass(frozen=True)
class TuningData:
    """All images, and the dicts that they come from.

    Attributes:
        ground_truth: COCO dict.
        detections: COCO results.
        images: One for each image of the ground truth.
        category_ids: K ids.
        attribute_ids: T ids.
        supercategories: T names of the attributes' super-categories.
        masks: Mask thresholds of `TuningImage.iou`.
    """

    ground_truth: dict
    detections: Sequence[dict]
    images: tuple[TuningImage, ...]
    category_ids: tuple[int, ...]
    attribute_ids: tuple[int, ...]
    supercategories: tuple[str, ...]
    masks: tuple[float, ...]


def read_tuning_data(
    ground_truth: dict,
    detections: Sequence[dict],
    *,
    table: MatchTable | None = None,
    on_image: Callable[[], object] | None = None,
) -> TuningData:
    """Computes what the search reads.

    Args:
        ground_truth: COCO dict, from `read_ground_truth`.
        detections: COCO results, from `read_detections`. Masks are compared at several thresholds
            if all have "mask_probabilities". Attributes without "attribute_scores" are certain.
        table: Match table of the masks, if there is one already.
        on_image: Called after each image, for progress.

    Returns:
        The data of all images.
    """
    attributes = ground_truth.get("attributes", ())
    probabilities = detections and all("mask_probabilities" in row for row in detections)
    data = TuningData(
        ground_truth,
        detections,
        (),
        tuple(row["id"] for row in ground_truth["categories"]),
        tuple(row.get("id", "") for row in attributes),
        tuple(row.get("supercategory", "") for row in attributes),
        MASKS if probabilities else (STORED_MASK,),
    )
    table = table or MatchTable.build(ground_truth, detections)
    images = []
    for image, pairs in zip(ground_truth["images"], table.images()):
        images.append(_tuning_image(data, table, image, pairs))
        if on_image:
            on_image()
    return dataclasses.replace(data, images=tuple(images))


def _tuning_image(
    data: TuningData, table: MatchTable, image: dict, pairs: ImagePairs
) -> TuningImage:
    rows = table.pred_index[pairs.predictions]
    predicted = [data.detections[i] for i in rows]
    objects = [data.ground_truth["annotations"][i] for i in table.gt_index[pairs.objects]]
    scores = [attribute_scores_of(row, data.attribute_ids) for row in predicted]
    category_of = {category_id: k for k, category_id in enumerate(data.category_ids)}
    column_of = {attribute_id: t for t, attribute_id in enumerate(data.attribute_ids)}
    return TuningImage(
        image["id"],
        rows,
        table.pred_score[pairs.predictions],
        np.array([category_of[row["category_id"]] for row in predicted], int),
        np.array(scores, np.float32).reshape(len(predicted), len(data.attribute_ids)),
        _iou_at_thresholds(data.masks, pairs, predicted, objects, image),
        np.array([category_of[row["category_id"]] for row in objects], int),
        multi_hot(objects, column_of).astype(bool),
        table.gt_crowd[pairs.objects],
    )


def _iou_at_thresholds(
    masks: Sequence[float],
    pairs: ImagePairs,
    predicted: Sequence[dict],
    objects: Sequence[dict],
    image: dict,
) -> Array:
    """(masks, D, G): the match table has the IoU of the stored masks; others are computed here."""
    size_hw = image["height"], image["width"]
    iou = []
    for threshold in masks:
        stored = threshold == STORED_MASK
        iou.append(pairs.iou if stored else _iou_at(threshold, predicted, objects, size_hw))
    return np.stack(iou)


def _iou_at(
    threshold: float, predicted: Sequence[dict], objects: Sequence[dict], size_hw: Size
) -> Array:
    """(D, G) at one mask threshold, of pairs of one category whose boxes may touch."""
    iou = np.zeros((len(predicted), len(objects)))
    for d, row in enumerate(predicted):
        near = []
        for g, other in enumerate(objects):
            if other["category_id"] == row["category_id"] and _touch(row["bbox"], other["bbox"]):
                near.append(g)
        if near:
            mask = mask_at(row, threshold, size_hw)
            others = [objects[g]["segmentation"] for g in near]
            iou[d, near] = coco_mask.iou([mask], others, [0] * len(near))[0]
    return iou


def _touch(box: Sequence[float], other: Sequence[float]) -> bool:
    """Boxes [x, y, w, h]; rounding may put a mask a pixel beyond its box."""
    return all(
        box[i] < other[i] + other[i + 2] + 1 and other[i] < box[i] + box[i + 2] + 1 for i in (0, 1)
    )
