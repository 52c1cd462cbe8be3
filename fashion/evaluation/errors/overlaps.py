"""Overlaps: objects and detections in columns, and every pair of them in one photo that overlaps by a tenth or more.

All of the error analysis starts from these pairs, whatever the two categories are; they are measured once, on the masks.
"""

import dataclasses

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.matching import MAX_DETECTIONS, compressed

FOUND, NEAR = (
    0.5,
    0.1,
)  # mask IoU: enough to be found, and so little that there is no relation (TIDE's two thresholds)


@dataclasses.dataclass(frozen=True)
class Overlaps:
    """M objects and N detections of P photos and K categories, and the Q pairs of them in one photo whose IoU is at least NEAR."""

    photos: list  # P image dicts, ids ascending
    categories: list  # K category dicts, ids ascending
    objects: list  # M annotation dicts, ids ascending
    detections: list  # N result dicts by category, photo, falling score; at most 100 of a category in a photo, as in COCO
    object_photo: np.ndarray  # (M,) int, index into photos
    object_category: np.ndarray  # (M,) int, index into categories
    crowd: np.ndarray  # (M,) bool
    row_photo: np.ndarray  # (N,) int
    row_category: np.ndarray  # (N,) int
    score: np.ndarray  # (N,) float64
    place: np.ndarray  # (N,) int, where each detection stands in the list that was given
    pair_row: np.ndarray  # (Q,) int, index into detections
    pair_object: np.ndarray  # (Q,) int, index into objects
    iou: np.ndarray  # (Q,) float64; of a crowd, the share of the detection that lies in it

    @property
    def same(self):
        """(Q,) bool: both are of one category."""
        return self.row_category[self.pair_row] == self.object_category[self.pair_object]

    @property
    def hits(self):
        """(Q,) bool: the detection finds the object, if nothing better does."""
        return self.same & (self.iou >= FOUND)


def read_overlaps(ground_truth, detections):
    """COCO's dicts -> Overlaps. ground_truth: as `stored.read_ground_truth` returns it; detections: as `predictions.read_detections`."""
    photos, categories = (
        sorted(ground_truth[kind], key=lambda row: row["id"]) for kind in ("images", "categories")
    )
    photo_of, category_of = (
        {row["id"]: i for i, row in enumerate(rows)} for rows in (photos, categories)
    )

    def columns(rows):
        return (
            np.array([places[row[key]] for row in rows], np.int64)
            for places, key in ((photo_of, "image_id"), (category_of, "category_id"))
        )

    objects = sorted(ground_truth["annotations"], key=lambda row: row["id"])
    object_photo, object_category = columns(objects)
    crowd = np.array([bool(row.get("iscrowd", 0)) for row in objects], bool)

    row_photo, row_category = columns(detections)
    score = np.array([row["score"] for row in detections], np.float64)
    order = np.lexsort((-score, row_photo, row_category))
    cell = (row_category * len(photos) + row_photo)[order]
    order = order[np.arange(len(order)) - np.searchsorted(cell, cell) < MAX_DETECTIONS]
    row_photo, row_category, score, detections = (
        row_photo[order],
        row_category[order],
        score[order],
        [detections[i] for i in order],
    )
    pairs = _pairs(photos, objects, object_photo, crowd, detections, row_photo)
    return Overlaps(
        photos,
        categories,
        objects,
        detections,
        object_photo,
        object_category,
        crowd,
        row_photo,
        row_category,
        score,
        order,
        *pairs,
    )


def mask_of(row, photo):
    """The mask of an object or a detection as pycocotools reads it. photo: its image dict"""
    return compressed(row["segmentation"], (photo["height"], photo["width"]))


def rows_by_photo(row_photo, photos):
    """(N,) index of each row's photo -> list of P index arrays."""
    order = np.argsort(row_photo, kind="stable")
    return np.split(order, np.searchsorted(row_photo[order], np.arange(1, photos)))


def _pairs(photos, objects, object_photo, crowd, detections, row_photo):
    """(row, object, IoU) of all pairs of a photo whose IoU is at least NEAR, (Q,) each."""
    found = []
    for photo, here, rows in zip(
        photos, rows_by_photo(object_photo, len(photos)), rows_by_photo(row_photo, len(photos))
    ):
        if len(here) and len(rows):
            iou = coco_mask.iou(
                [mask_of(detections[i], photo) for i in rows],
                [mask_of(objects[i], photo) for i in here],
                crowd[here].tolist(),
            )
            d, g = np.nonzero(iou >= NEAR)
            found.append((rows[d], here[g], iou[d, g]))
    empty = np.empty(0, np.int64)
    return tuple(np.concatenate(column) for column in zip((empty, empty, np.empty(0)), *found))
