"""Stored predictions: a submission CSV or COCO results, as COCO results with every field.

Each has "image_id" and "category_id" of the ground truth, "score", "segmentation" (compressed RLE
of the image's size), "area" (pixels of the mask) and "attribute_ids", ascending; where they are
stored, "bbox" [x, y, w, h], "attribute_scores", `(T,)` float32 in the order of the ground truth's
attributes, and "mask_probabilities", `(h, w)` uint8 of the box. No box is added: evaluators take
the area of a detection with a box from its box, and that of others from their masks.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fashion.evaluation.io.ground_truth import EXPECTED, check_known
from fashion.evaluation.io.image_ids import ImageId, resolve_image_ids
from fashion.evaluation.io.prediction_labels import (
    PredictedAttributes,
    category_ids_by_name,
    listed_labels,
    without_unlisted_attributes,
)
from fashion.evaluation.io.results import unpacked_mask
from fashion.evaluation.io.submissions import read_submission
from mrcnn.data.masks.coco_rle import as_rle
from mrcnn.data.masks.polygons import max_coordinate
from mrcnn.data.record_checks import Record, as_integer, preview
from mrcnn.evaluation.coco_truth import check_unique, with_areas
from mrcnn.json_files import read_json
from mrcnn.typing import Array, PathLike, Size


def read_detections(
    path: PathLike, ground_truth: dict, *, attribute_threshold: float = 0.5
) -> list[dict]:
    """Reads a submission (.csv, 2019 or 2020), or COCO results as JSON.

    Args:
        path: Of the file.
        ground_truth: COCO dict, as `read_ground_truth` returns it.
        attribute_threshold: Of results with "attribute_scores" alone, those at least as high as
            this are the attributes.

    Returns:
        COCO results; see the head of this file.

    Raises:
        ValueError: If the file holds no predictions of this ground truth.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        return read_submission(path, ground_truth)
    content = read_json(path, EXPECTED)
    return checked_results(
        content, ground_truth, path.name, attribute_threshold=attribute_threshold
    )


def checked_results(
    content: Any,
    ground_truth: dict,
    name: str = "The predictions",
    *,
    attribute_threshold: float = 0.5,
) -> list[dict]:
    """Checks COCO results and fills in every field. Does not change its arguments.

    Args:
        content: Results, whose "image_id" is an id of the ground truth or a file name; or a dict of
            "images" and "annotations", as `fashion predict` writes it, where images are the same if
            their file names are; see `resolve_image_ids` for both. A result's own "file_name",
            which YOLO writes, counts more than its "image_id". A dict's own "categories" and
            "attributes" are matched with the ground truth's by name. Attributes are
            "attribute_ids", or "attribute_scores": {id: score}, or a list of scores, one for each
            attribute of the content's own list, or else of the ground truth's. A result without
            either has none; nor has any, with a warning, if the ground truth lists no attributes.
        ground_truth: COCO dict.
        name: What errors call the predictions.
        attribute_threshold: See `read_detections`.

    Returns:
        COCO results; see the head of this file.

    Raises:
        ValueError: If a field cannot be used, or the ground truth lacks an image or a category.
    """
    file_names, labels, rows = _parts(content, name)
    records = [
        Record(row, name, "result", i, f"{name}, result number {i} (from 0),")
        for i, row in enumerate(rows)
    ]
    image_ids = _image_ids(records, file_names, ground_truth, name)
    records = without_unlisted_attributes(records, ground_truth, name)
    category_of = category_ids_by_name(records, labels.get("categories"), ground_truth, name)
    attributes = PredictedAttributes(records, ground_truth, labels.get("attributes"), name)
    size_of = {image["id"]: (image["height"], image["width"]) for image in ground_truth["images"]}
    detections = []
    for record, image_id in zip(records, image_ids):
        detection = {
            "image_id": image_id,
            "category_id": category_of[record.integer("category_id")],
            **_geometry(record, size_of[image_id]),
            **attributes.of(record, attribute_threshold),
        }
        detections.append(detection)
    check_known(detections, ground_truth, name)
    return with_areas(detections, [record.where for record in records])


def _parts(content: Any, name: str) -> tuple[dict | None, dict, Sequence[Any]]:
    """File names of images and labels that the predictions list themselves, and the results."""
    if isinstance(content, list):
        return None, {}, content
    keys = ("images", "annotations")
    if isinstance(content, dict) and all(isinstance(content.get(key), list) for key in keys):
        file_names = _listed_images(content["images"], name)
        kinds = ("categories", "attributes")
        labels = {kind: listed_labels(content, kind, name) for kind in kinds}
        return file_names, labels, content["annotations"]
    raise ValueError(
        f"{name} holds no predictions. Expected a list of COCO results, or an object with images "
        "and annotations."
    )


def _listed_images(rows: Sequence[Any], name: str) -> dict[ImageId, str]:
    """{id: file name} of the images that predictions list."""
    names = {}
    for i, row in enumerate(rows):
        record = Record(row, f"{name}: images", "image", i, f"{name}: image number {i} (from 0)")
        record.require("id", "file_name")
        names[record.identifier("id")] = record.text("file_name")
    check_unique([row["id"] for row in rows], name, "image")
    return names


def _image_ids(
    records: Sequence[Record],
    file_names: Mapping[ImageId, str] | None,
    ground_truth: dict,
    name: str,
) -> list[ImageId]:
    """The ground truth's image of each result."""
    by_name = any("file_name" in image for image in ground_truth["images"])
    references = [_image_reference(record, file_names, by_name) for record in records]
    listed = file_names.values() if file_names and by_name else ()
    return resolve_image_ids(references, ground_truth, name, listed)


def _image_reference(
    record: Record, file_names: Mapping[ImageId, str] | None, by_name: bool
) -> ImageId:
    """The id or the file name by which a result calls its image.

    by_name: whether the ground truth has file names
    """
    record.require("image_id", "category_id", "segmentation", "score")
    ids = {key: record.row[key] for key in ("image_id", "category_id")}
    if not all(isinstance(i, str) or as_integer(i) is not None for i in ids.values()):
        raise ValueError(
            f"{record.where} has the image_id {preview(ids['image_id'])} and the category_id "
            f"{preview(ids['category_id'])}. Expected ids, whole numbers or names."
        )
    i = record.identifier("image_id")
    if file_names is not None and i not in file_names:
        raise ValueError(
            f"{record.where} has the image_id {preview(i)}, which is not in the list of images of "
            "this file. Every result belongs to one of them."
        )
    if file_names is not None and by_name:
        return file_names[i]
    return record.text("file_name") if record.has("file_name") and by_name else i


def _geometry(record: Record, size_hw: Size) -> dict[str, Any]:
    """Score, mask and, where they are stored, box and probabilities of a result."""
    row = record.row
    fields: dict[str, Any] = {
        "score": float(record.number("score")),
        "segmentation": as_rle(row["segmentation"], size_hw, record.where),
    }
    if "bbox" in row:
        fields["bbox"] = record.box(most=max_coordinate(size_hw))
    if "mask_probabilities" in row:
        fields["mask_probabilities"] = _mask_probabilities(record)
    return fields


def _mask_probabilities(record: Record) -> Array:
    if "bbox" not in record.row:
        raise ValueError(
            f"{record.where} has mask_probabilities but no bbox, the box that they fill."
        )
    try:
        return unpacked_mask(record.row["mask_probabilities"])
    except ValueError as error:
        raise ValueError(
            f"{record.where} has mask_probabilities that cannot be read: {error}. Expected size "
            "and data as base64."
        ) from error
