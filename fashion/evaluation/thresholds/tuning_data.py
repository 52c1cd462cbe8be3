"""Evidence: what a search of thresholds has to know of each photo, computed once: overlaps, scores, and which attributes are true."""

import dataclasses
from collections import defaultdict

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.thresholds.table import STORED_MASK, attribute_scores_of, mask_at

MASKS = (
    0.3,
    0.4,
    0.45,
    STORED_MASK,
    0.55,
    0.6,
    0.7,
)  # mask thresholds that are tried; overlaps at others are not known


@dataclasses.dataclass(frozen=True)
class Photo:
    """D detections, the surest first, and G objects of one photo. A category is a number, its place in the ground truth's list."""

    image_id: object
    rows: np.ndarray  # (D,) place in the list of detections
    score: np.ndarray  # (D,) float64
    category: np.ndarray  # (D,) int
    attribute_scores: np.ndarray  # (D, T) float32; see `table.attribute_scores_of`
    iou: (
        np.ndarray
    )  # (masks, D, G) float64, of MASKS or of the stored ones only; 0 between different categories
    object_category: np.ndarray  # (G,) int
    real: np.ndarray  # (G, T) bool
    crowd: np.ndarray  # (G,) bool: the object stands for several. Kaggle's scores take it for one, others leave it out


@dataclasses.dataclass(frozen=True)
class Evidence:
    """All photos, and the dicts that they were read from."""

    ground_truth: dict
    detections: list
    photos: tuple  # of Photo, one for each image
    category_ids: tuple  # (K,) real
    attribute_ids: tuple  # (T,) real
    supercategories: tuple  # (T,) names of the attributes' super-categories
    masks: tuple  # the thresholds that `Photo.iou` is known for


def read_evidence(ground_truth, detections, *, on_photo=None):
    """COCO dicts, as `read_ground_truth` and `read_detections` return them, -> Evidence.

    Masks are compared at several thresholds if every detection has "mask_probabilities"; attributes without "attribute_scores" count as
    certain. on_photo: called after each, for progress
    """
    category_of = {row["id"]: k for k, row in enumerate(ground_truth["categories"])}
    attributes = ground_truth.get("attributes", ())
    attribute_ids, kinds = (
        tuple(row.get(key, "") for row in attributes) for key in ("id", "supercategory")
    )
    place_of = {i: t for t, i in enumerate(attribute_ids)}
    masks = (
        MASKS
        if detections and all("mask_probabilities" in row for row in detections)
        else (STORED_MASK,)
    )
    objects, found = defaultdict(list), defaultdict(list)
    for row in ground_truth["annotations"]:
        objects[row["image_id"]].append(row)
    for place, row in enumerate(detections):
        found[row["image_id"]].append(place)

    photos = []
    for image in ground_truth["images"]:
        real, places = (
            objects[image["id"]],
            sorted(found[image["id"]], key=lambda place: -detections[place]["score"]),
        )
        said = [detections[place] for place in places]
        scores = np.array(
            [attribute_scores_of(row, attribute_ids) for row in said], np.float32
        ).reshape(len(said), len(attribute_ids))
        iou = np.stack(
            [_iou(said, real, threshold, (image["height"], image["width"])) for threshold in masks]
        )
        photos.append(
            Photo(
                image["id"],
                np.array(places, int),
                np.array([row["score"] for row in said], np.float64),
                np.array([category_of[row["category_id"]] for row in said], int),
                scores,
                iou,
                np.array([category_of[row["category_id"]] for row in real], int),
                np.array([_multi_hot(row, place_of) for row in real], bool).reshape(
                    len(real), len(attribute_ids)
                ),
                np.array([bool(row.get("iscrowd", 0)) for row in real], bool),
            )
        )
        if on_photo:
            on_photo()
    return Evidence(
        ground_truth, detections, tuple(photos), tuple(category_of), attribute_ids, kinds, masks
    )


def _multi_hot(row, place_of):
    hot = np.zeros(len(place_of), bool)
    hot[[place_of[i] for i in row.get("attribute_ids") or ()]] = True
    return hot


def _iou(said, real, threshold, size_hw):
    """(D, G) at one mask threshold; only pairs of one category are compared, and only if their boxes may touch."""
    iou = np.zeros((len(said), len(real)))
    for d, row in enumerate(said):
        # Where probabilities are stored, they fill the box; else only the mask itself says where it is.
        near = "mask_probabilities" in row
        some = [
            g
            for g, other in enumerate(real)
            if other["category_id"] == row["category_id"]
            and not (near and not _touch(row["bbox"], other["bbox"]))
        ]
        if some:
            mask = (
                row["segmentation"]
                if threshold == STORED_MASK
                else mask_at(row, threshold, size_hw)
            )
            iou[d, some] = coco_mask.iou(
                [mask], [real[g]["segmentation"] for g in some], [0] * len(some)
            )[0]
    return iou


def _touch(box, other):
    """Boxes [x, y, w, h]; a mask may reach a pixel beyond its box, which is a matter of rounding."""
    return all(
        box[i] < other[i] + other[i + 2] + 1 and other[i] < box[i] + box[i + 2] + 1 for i in (0, 1)
    )
