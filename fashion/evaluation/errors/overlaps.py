"""Objects and detections in columns, and all pairs of them in one image with a mask IoU of 0.1.

The error analysis starts from these pairs, whatever their two categories: matching is class-aware
or class-agnostic by which pairs it is allowed to use.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fashion.evaluation.coco_dicts import compressed
from fashion.evaluation.matching import MatchTable
from mrcnn.typing import Array

# TIDE's thresholds on mask IoU: 0.5 for a match, and 0.1 (`RELATED`) for what is not background.
MATCH_IOU = 0.5


@dataclasses.dataclass(frozen=True)
class Overlaps:
    """M objects and N detections of I images and K categories, and Q pairs of them.

    Attributes:
        images: I image dicts, ids ascending.
        categories: K category dicts, ids ascending.
        objects: M annotation dicts, ids ascending.
        detections: N result dicts by category, image and falling score; at most 100 of a
            category in an image, as in COCO.
        object_image: `(M,)` int64 index into images.
        object_category: `(M,)` int64 index into categories.
        crowd: `(M,)` bool.
        row_image: `(N,)` int64 image of each detection.
        row_category: `(N,)` int64 category of each detection.
        score: `(N,)` float64.
        place: `(N,)` int64 index of each detection in the list that was given.
        pair_row: `(Q,)` int64 index into detections.
        pair_object: `(Q,)` int64 index into objects.
        iou: `(Q,)` float64, at least 0.1. Of a crowd, the share of the detection that lies in it.
    """

    images: list[dict[str, Any]]
    categories: list[dict[str, Any]]
    objects: list[dict[str, Any]]
    detections: list[dict[str, Any]]
    object_image: Array
    object_category: Array
    crowd: Array
    row_image: Array
    row_category: Array
    score: Array
    place: Array
    pair_row: Array
    pair_object: Array
    iou: Array

    @property
    def same_category(self) -> Array:
        """`(Q,)` bool: object and detection have one category."""
        return self.row_category[self.pair_row] == self.object_category[self.pair_object]

    @property
    def can_match(self) -> Array:
        """`(Q,)` bool: class-aware match candidates, of one category with IoU 0.5 or more."""
        return self.same_category & (self.iou >= MATCH_IOU)


def read_overlaps(
    ground_truth: dict[str, Any],
    detections: Sequence[dict[str, Any]],
    table: MatchTable | None = None,
) -> Overlaps:
    """Sorts objects by id, and takes pairs from the match table.

    Args:
        ground_truth: COCO dict, from `read_ground_truth`.
        detections: COCO results, from `read_detections`.
        table: Match table of the masks of both. Default: it is built.

    Returns:
        Columns and pairs.
    """
    table = (table or MatchTable.build(ground_truth, detections)).top()
    annotations = ground_truth["annotations"]
    ids = [annotations[i]["id"] for i in table.gt_index]
    by_id = np.argsort(ids, kind="stable") if ids else np.zeros(0, np.int64)
    rank = np.argsort(by_id)
    row, target, iou = table.related_pairs
    target = rank[target]
    # Of pairs of equal IoU the order decides: by image, detection, object.
    order = np.lexsort((target, row, table.pred_image[row]))
    return Overlaps(
        images=sorted(ground_truth["images"], key=lambda image: image["id"]),
        categories=sorted(ground_truth["categories"], key=lambda category: category["id"]),
        objects=[annotations[i] for i in table.gt_index[by_id]],
        detections=[detections[i] for i in table.pred_index],
        object_image=table.gt_image[by_id],
        object_category=table.gt_category[by_id],
        crowd=table.gt_crowd[by_id],
        row_image=table.pred_image,
        row_category=table.pred_category,
        score=table.pred_score,
        place=table.pred_index,
        pair_row=row[order],
        pair_object=target[order],
        iou=iou[order],
    )


def mask_of(row: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a mask as pycocotools reads it.

    Args:
        row: Object or detection.
        image: Its image dict.

    Returns:
        Compressed run lengths.
    """
    return compressed(row["segmentation"], (image["height"], image["width"]))


def rows_by_image(row_image: Array, num_images: int) -> list[Array]:
    """Groups rows by their image.

    Args:
        row_image: `(N,)` image of each row.
        num_images: I.

    Returns:
        I arrays of row indices.
    """
    order = np.argsort(row_image, kind="stable")
    return np.split(order, np.searchsorted(row_image[order], np.arange(1, num_images)))
