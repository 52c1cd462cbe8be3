"""Objects and detections in columns, and all pairs of them in one image with a mask IoU of 0.1.

The error analysis starts from these pairs, whatever their two categories: matching is class-aware
or class-agnostic by which pairs it is allowed to use.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fashion.evaluation.coco_dicts import compressed
from fashion.evaluation.matching import RELATED, MatchTable
from mrcnn.typing import Array

# TIDE's two thresholds on mask IoU: a match, and the least overlap that is not background.
MATCH_IOU, RELATED_IOU = 0.5, RELATED


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
    ground_truth: Mapping[str, Any],
    detections: Sequence[Mapping[str, Any]],
    table: MatchTable | None = None,
) -> Overlaps:
    """Lists all objects, detections and pairs that overlap.

    Args:
        ground_truth: COCO dict, from `read_ground_truth`.
        detections: COCO results, from `read_detections`.
        table: Match table of their masks, if there is one already.

    Returns:
        Columns and pairs.
    """
    table = (table or MatchTable.build(ground_truth, detections)).top()
    images, categories = (
        sorted(ground_truth[kind], key=lambda row: row["id"]) for kind in ("images", "categories")
    )
    annotations = ground_truth["annotations"]
    by_id = sorted(range(len(annotations)), key=lambda i: annotations[i]["id"])
    # The table sorts objects by category and image.
    place = np.argsort(by_id)[table.gt_index]
    row_of = np.argsort(place)
    row, in_table, iou = table.related_pairs
    target = place[in_table]
    order = np.lexsort((target, row, table.pred_image[row]))
    return Overlaps(
        images,
        categories,
        [annotations[i] for i in by_id],
        [detections[i] for i in table.pred_index],
        table.gt_image[row_of],
        table.gt_category[row_of],
        table.gt_crowd[row_of],
        table.pred_image,
        table.pred_category,
        table.pred_score,
        table.pred_index,
        row[order],
        target[order],
        iou[order],
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
