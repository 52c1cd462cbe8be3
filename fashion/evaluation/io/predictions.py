"""Stored predictions: a submission CSV or COCO results, as the COCO results that every measure here reads.

Each has "image_id" and "category_id" of the ground truth, "score", "segmentation" (compressed RLE of the photo's size), "area" (pixels of
the mask) and "attribute_ids", real ids, ascending; where they are stored, "bbox" [x, y, w, h], "attribute_scores", (T,) float32 in the
order of the ground truth's attributes, and "mask_probabilities", (h, w) uint8 of the box. No box is made up: evaluators take a detection
with a box of its own for as large as that, and others for as large as their masks.
"""

import logging
from pathlib import Path

import numpy as np

from fashion.evaluation.io.ground_truth import EXPECTED, check_known
from fashion.evaluation.io.image_ids import photo_ids
from fashion.evaluation.io.results import unpacked_mask
from fashion.evaluation.io.submissions import read_submission
from fashion.formats.label_lists import ids_by_name
from fashion.formats.label_lists import listed as some_of
from mrcnn.data.masks.coco_rle import as_rle
from mrcnn.data.masks.polygons import max_coordinate
from mrcnn.data.record_checks import Record, as_id, as_integer, is_number, preview
from mrcnn.evaluation.coco_truth import check_unique, checked_labels, refuse_unknown, with_areas
from mrcnn.json_files import read_json

log = logging.getLogger(__name__)


def read_detections(path, ground_truth, *, attribute_threshold=0.5):
    """The predictions of a file: a submission (.csv, 2019 or 2020), otherwise COCO results as JSON.

    ground_truth: COCO dict, as `read_ground_truth` returns it
    attribute_threshold: of results with "attribute_scores", those at least as high as this are the attributes
    Returns: list of COCO result dicts; see the head of this file.
    """
    path = Path(path)
    if path.suffix.lower() != ".csv":
        return checked_results(
            read_json(path, EXPECTED),
            ground_truth,
            path.name,
            attribute_threshold=attribute_threshold,
        )
    return read_submission(path, ground_truth)


def checked_results(content, ground_truth, name="The predictions", *, attribute_threshold=0.5):
    """COCO results with every field filled in, or a ValueError. Does not change its arguments.

    content: a list of results, whose "image_id" is an id of the ground truth or a file name; or a dict of "images" and "annotations", as
        `fashion/predict.py` writes it, where photos are the same if their file names are; see `photo_ids` for both. A result's own
        "file_name", which YOLO writes, counts more than its "image_id".
        A dict's own lists of "categories" and "attributes" are matched with the ground truth's by name, see `ids_by_name`: a result of a
        category that the ground truth lacks is refused, and attributes that it lacks are left out with a warning.
        Attributes are "attribute_ids", or "attribute_scores": {id: score}, or a list of scores, one for each attribute of the
        content's own list of "attributes", or else of the ground truth's. A result without either has none; nor has
        any, with a warning, if the ground truth lists no attributes.
    """
    labels = {}
    if (
        isinstance(content, dict)
        and isinstance(content.get("annotations"), list)
        and isinstance(content.get("images"), list)
    ):
        names = _listed_photos(content["images"], name)
        labels = {
            kind: _listed_labels(content, kind, name) for kind in ("categories", "attributes")
        }
        content = content["annotations"]
    elif isinstance(content, list):
        names = None
    else:
        raise ValueError(
            f"{name} holds no predictions. Expected a list of COCO results, or an object with images and annotations."
        )
    entries = [
        Record(row, name, "result", i, f"{name}, result number {i} (from 0),")
        for i, row in enumerate(content)
    ]
    by_name = any("file_name" in image for image in ground_truth["images"])
    said = [_photo_of(entry, names, by_name) for entry in entries]
    image_ids = photo_ids(said, ground_truth, name, names.values() if names and by_name else ())
    entries = _with_attributes(entries, ground_truth, name)
    category_of = _categories(entries, labels.get("categories"), ground_truth, name)
    attributes = _Attributes(entries, ground_truth, labels.get("attributes"), name)
    size_of = {image["id"]: (image["height"], image["width"]) for image in ground_truth["images"]}
    found = []
    for entry, image_id in zip(entries, image_ids):
        row, size_hw = entry.row, size_of[image_id]
        scores = attributes.scores(entry) if entry.has("attribute_scores") else None
        found.append(
            {
                "image_id": image_id,
                "category_id": category_of[as_integer(row["category_id"])],
                "score": float(entry.number("score")),
                "segmentation": as_rle(row["segmentation"], size_hw, entry.where),
                "attribute_ids": attributes.ids(entry)
                if entry.has("attribute_ids")
                else attributes.ids_from(scores, attribute_threshold),
            }
        )
        if scores is not None:
            found[-1]["attribute_scores"] = scores
        if "bbox" in row:
            found[-1]["bbox"] = entry.box(most=max_coordinate(size_hw))
        if "mask_probabilities" in row:
            found[-1]["mask_probabilities"] = _mask_probabilities(entry)
    check_known(found, ground_truth, name)
    return with_areas(found, [entry.where for entry in entries])


def _listed_photos(rows, name):
    """{id: file name} of the images that predictions list."""
    names = {}
    for i, row in enumerate(rows):
        entry = Record(row, f"{name}: images", "image", i, f"{name}: image number {i} (from 0)")
        entry.require("id", "file_name")
        names[entry.identifier("id")] = entry.text("file_name")
    check_unique([row["id"] for row in rows], name, "image")
    return names


def _listed_labels(content, kind, name):
    """The categories or attributes that predictions list, checked, or None. They need no names."""
    rows = content.get(kind)
    if rows is None:
        return None
    if not isinstance(rows, list):
        raise ValueError(
            f"{name} has the {kind} {preview(rows)}. Expected a list, each with id and name."
        )
    return checked_labels(
        rows, name, {"categories": "category", "attributes": "attribute"}[kind], needs=("id",)
    )


def _photo_of(entry, names, by_name):
    """The id or the file name by which a result calls its photo. by_name: whether the ground truth has file names"""
    entry.require("image_id", "category_id", "segmentation", "score")
    ids = {key: entry.row[key] for key in ("image_id", "category_id")}
    if not all(isinstance(i, str) or as_integer(i) is not None for i in ids.values()):
        raise ValueError(
            f"{entry.where} has the image_id {preview(ids['image_id'])} and the category_id {preview(ids['category_id'])}. "
            "Expected ids, whole numbers or names."
        )
    i = entry.identifier("image_id")
    if names is not None and i not in names:
        raise ValueError(
            f"{entry.where} has the image_id {preview(i)}, which is not in the list of images of this file. Every result "
            "belongs to one of them."
        )
    if names is not None and by_name:
        return names[i]
    return entry.text("file_name") if entry.has("file_name") and by_name else i


def _categories(entries, listed, ground_truth, name):
    """{category id of the predictions: id of the ground truth}, of those that results have."""
    used = {entry.integer("category_id") for entry in entries}
    if not listed:
        return {i: i for i in used}
    names = {row["id"]: row["id"] if row.get("name") is None else row["name"] for row in listed}
    foreign = sorted(used - names.keys())
    if foreign:
        raise ValueError(
            f"{name} has results of the category {foreign[0]}, which is not in the list of categories of this file. Leave the "
            "list out if the ids are the ground truth's."
        )
    meant = ids_by_name(listed, ground_truth["categories"], name, "category")
    meant = {i: meant[i] for i in used}
    unknown = sorted(i for i, ours in meant.items() if ours is None)
    if unknown:
        theirs, ours = (
            [names[i] for i in unknown],
            [row["name"] for row in ground_truth["categories"]],
        )
        raise ValueError(
            f"{name} has results of {len(unknown)} categories whose names the ground truth does not list: {some_of(theirs)}. "
            f"It lists {some_of(ours)}. Categories of two files are matched by name: give them the same names."
        )
    _tell_renumbered(meant, "categories", name)
    return meant


def _tell_renumbered(meant, kind, name):
    moved = {i: ours for i, ours in meant.items() if ours is not None and ours != i}
    if moved:
        log.warning(
            "%s numbers %d %s otherwise than the ground truth, for example %d there, %d here. They are matched by name.",
            name,
            len(moved),
            kind,
            *next(iter(moved.items())),
        )


def _with_attributes(entries, ground_truth, name):
    """The same entries, without attributes if the ground truth lists none."""
    if ground_truth.get("attributes") or not any(
        e.row.get(key) for e in entries for key in ("attribute_ids", "attribute_scores")
    ):
        return entries
    log.warning("The ground truth lists no attributes, so those of %s are left out.", name)
    for entry in entries:
        entry.row = {
            key: value for key, value in entry.row.items() if key != "attribute_scores"
        } | {"attribute_ids": []}
    return entries


class _Attributes:
    """Attributes of results in the ids of the ground truth; those whose names it lacks are left out."""

    def __init__(self, entries, ground_truth, listed, name):
        self.ours, self.name = [row["id"] for row in ground_truth.get("attributes") or ()], name
        self.place_of = {i: place for place, i in enumerate(self.ours)}
        self.listed = self.ours if listed is None else [row["id"] for row in listed]
        self.meant = {}
        if listed and self.ours:
            meant = ids_by_name(listed, ground_truth["attributes"], name, "attribute")
            # Without a name an id that is unknown is a fault; with one it is an attribute of another label list.
            self.meant = {
                row["id"]: meant[row["id"]]
                for row in listed
                if row.get("name") is not None or meant[row["id"]] is not None
            }
            lost = [
                row["name"]
                for row in listed
                if row.get("name") is not None and meant[row["id"]] is None
            ]
            if lost and entries:
                log.warning(
                    "%d of the %d attributes of %s are not in the ground truth's list and are left out: %s.",
                    len(lost),
                    len(listed),
                    name,
                    some_of(lost),
                )
            _tell_renumbered(self.meant, "attributes", name)

    def ids(self, entry):
        """The "attribute_ids" of a result, ascending."""
        return sorted({self.meant.get(i, i) for i in entry.ids("attribute_ids")} - {None})

    def scores(self, entry):
        """Stored scores -> (T,) float32 in the order of the ground truth's attributes; 0 for those that were not stored."""
        scores = entry.row["attribute_scores"]
        values = scores.values() if isinstance(scores, dict) else scores
        if not isinstance(scores, (dict, list, tuple)) or not all(map(is_number, values)):
            raise ValueError(
                f"{entry.where} has attribute_scores that are no numbers: {preview(scores)}. Expected a list of scores, or an "
                "object {attribute id: score}."
            )
        if isinstance(scores, dict):
            ids = {key: as_id(str(key)) for key in scores}
            wrong = [key for key, i in ids.items() if i is None]
            if wrong:
                raise ValueError(
                    f"{entry.where} has attribute_scores with the key {preview(wrong[0])}. Expected attribute ids."
                )
            pairs = {ids[key]: score for key, score in scores.items()}
        elif len(scores) == len(self.listed):
            pairs = dict(zip(self.listed, scores))
        else:
            raise ValueError(
                f"{entry.where} has {len(scores)} attribute_scores, but the list of attributes has {len(self.listed)}. "
                "Expected one score for each, in its order, or an object {attribute id: score}."
            )
        ours = {}
        for i, score in pairs.items():
            i = self.meant.get(i, i)
            ours[i] = max(score, ours.get(i, score))
        ours.pop(None, None)
        unknown = sorted(ours.keys() - self.place_of.keys())
        if unknown:
            refuse_unknown(unknown, self.name, "attribute", len(self.ours))
        known = np.zeros(len(self.ours), np.float32)
        known[[self.place_of[i] for i in ours]] = np.clip(list(ours.values()), -1e30, 1e30)
        return known

    def ids_from(self, scores, threshold):
        """The attributes that score the threshold or more, ascending; none where there are no scores."""
        return (
            []
            if scores is None
            else sorted(self.ours[i] for i in np.flatnonzero(scores >= np.float32(threshold)))
        )


def _mask_probabilities(entry):
    if "bbox" not in entry.row:
        raise ValueError(
            f"{entry.where} has mask_probabilities but no bbox, the box that they fill."
        )
    try:
        return unpacked_mask(entry.row["mask_probabilities"])
    except ValueError as error:
        raise ValueError(
            f"{entry.where} has mask_probabilities that cannot be read: {error}. Expected size and data as base64."
        ) from error
