"""Objects and detections in columns, and all pairs of them in one image with a mask IoU of 0.1.

The error analysis starts from these pairs, whatever their two categories: matching is class-aware
or class-agnostic by which pairs it is allowed to use.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.coco_dicts import compressed
from fashion.evaluation.matching import MAX_DETECTIONS
from mrcnn.typing import Array

# TIDE's two thresholds on mask IoU: a match, and the least overlap that is not background.
MATCH_IOU, RELATED_IOU = 0.5, 0.1


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
    ground_truth: Mapping[str, Any], detections: Sequence[Mapping[str, Any]]
) -> Overlaps:
    """Compares the masks of all objects and detections.

    Args:
        ground_truth: COCO dict, from `read_ground_truth`.
        detections: COCO results, from `read_detections`.

    Returns:
        Columns and pairs.
    """
    images, categories = (
        sorted(ground_truth[kind], key=lambda row: row["id"]) for kind in ("images", "categories")
    )
    image_of = {row["id"]: i for i, row in enumerate(images)}
    category_of = {row["id"]: i for i, row in enumerate(categories)}

    def indices(rows: Sequence[Mapping[str, Any]]) -> tuple[Array, Array]:
        return (
            np.array([image_of[row["image_id"]] for row in rows], np.int64),
            np.array([category_of[row["category_id"]] for row in rows], np.int64),
        )

    objects = sorted(ground_truth["annotations"], key=lambda row: row["id"])
    object_image, object_category = indices(objects)
    crowd = np.array([bool(row.get("iscrowd", 0)) for row in objects], bool)

    row_image, row_category = indices(detections)
    score = np.array([row["score"] for row in detections], np.float64)
    order = np.lexsort((-score, row_image, row_category))
    cell = (row_category * len(images) + row_image)[order]
    order = order[np.arange(len(order)) - np.searchsorted(cell, cell) < MAX_DETECTIONS]
    kept = [detections[i] for i in order]
    row_image = row_image[order]
    return Overlaps(
        images,
        categories,
        objects,
        kept,
        object_image,
        object_category,
        crowd,
        row_image,
        row_category[order],
        score[order],
        order,
        *_related_pairs(images, objects, object_image, crowd, kept, row_image),
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


def _related_pairs(
    images: Sequence[Mapping[str, Any]],
    objects: Sequence[Mapping[str, Any]],
    object_image: Array,
    crowd: Array,
    detections: Sequence[Mapping[str, Any]],
    row_image: Array,
) -> Iterator[Array]:
    """(detection, object, IoU) of all pairs with IoU 0.1 or more, (Q,) each."""
    pairs: list[tuple[Array, Array, Array]] = []
    pairs.append((np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)))
    by_image = zip(
        images, rows_by_image(object_image, len(images)), rows_by_image(row_image, len(images))
    )
    for image, here, rows in by_image:
        if not len(here) or not len(rows):
            continue
        iou = coco_mask.iou(
            [mask_of(detections[i], image) for i in rows],
            [mask_of(objects[i], image) for i in here],
            crowd[here].tolist(),
        )
        d, g = np.nonzero(iou >= RELATED_IOU)
        pairs.append((rows[d], here[g], iou[d, g]))
    return (np.concatenate(column) for column in zip(*pairs))
