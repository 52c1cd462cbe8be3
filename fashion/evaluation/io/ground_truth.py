"""Stored truth: labelled photos from a Kaggle CSV or a COCO file, as the COCO dict that every measure here reads.

In it every object has a whole set of fields: "id" from 1, "image_id", "category_id", "iscrowd", "bbox" [x, y, w, h], "area", "segmentation"
(compressed RLE of the photo's size) and "attribute_ids", real ids, ascending.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fashion.formats.annotation_csv import read_annotations
from fashion.formats.coco_rle import coco_objects
from mrcnn.data.image_io import MAX_PIXELS
from mrcnn.data.record_checks import Record, preview
from mrcnn.evaluation.coco_truth import checked_labels, checked_truth, refuse_unknown
from mrcnn.json_files import read_json

log = logging.getLogger(__name__)

EXPECTED = ".json, or .csv for Kaggle's tables"
_SHOWN = 3  # examples that an error names


def read_ground_truth(path, ontology=None, *, attribute_categories=None):
    """The ground truth of a file: a Kaggle CSV (.csv, 2019 or 2020), otherwise a COCO or Fashionpedia JSON.

    ontology: of a CSV, whose ids mean nothing without one; a JSON has its own
    attribute_categories: of a CSV, real ids of the categories whose attributes are kept; None for all
    Returns: COCO dict; see the head of this file. Images of a CSV are numbered from 0 in the order of their first rows, as
        `IMaterialistDataset.to_coco` numbers them, and have the CSV's ImageId as "file_name".
    """
    path = Path(path)
    if path.suffix.lower() != ".csv":
        return checked_ground_truth(read_json(path, EXPECTED), path.name)
    if ontology is None:
        raise ValueError(f"{path.name} is a CSV, which needs an ontology to be read.")
    places = []

    def read_runs(texts, sizes_hw):
        large = {
            i: too_large(size_hw)
            for i, size_hw in enumerate(sizes_hw)
            if size_hw[0] * size_hw[1] > MAX_PIXELS
        }
        if large:  # such a row is bad; its size would be the size of arrays
            places.extend([None] * len(texts))
            return large
        found, wrong = coco_objects(texts, sizes_hw, sizes_hw)
        places.extend(found)
        return wrong

    annotations, bad = read_annotations(
        path, ontology, attribute_categories=attribute_categories, read_runs=read_runs
    )
    if bad:
        shown = "; ".join(
            f"line {row.line} (image {row.image_id}): {row.reason}" for row in bad[:_SHOWN]
        )
        raise ValueError(
            f"{path.name} has {len(bad)} rows that cannot be used: {shown}. A score leaves out no object: correct the file."
        )
    in_the_file = np.argsort(
        np.argsort(annotations.line)
    )  # the annotations of an image lie together, the rows of a CSV perhaps not
    return truth_of_annotations(annotations, [places[i] for i in in_the_file], ontology)


def truth_of_annotations(annotations, places, ontology):
    """The rows of a CSV (`fashion.formats.annotations.Annotations`) as a COCO dict; see `read_ground_truth`.

    places: for each row the fields that come from its mask, from `frames.coco_objects`
    """
    image_of_row, sizes_hw = annotations.image_of_rows(), annotations.image_hw
    ids = np.array(ontology.attribute_ids, np.int64)[annotations.attributes]
    first = annotations.first_attribute
    objects = [
        {
            "id": row + 1,
            "image_id": image,
            "category_id": ontology.category_ids[class_id - 1],
            "iscrowd": 0,
            **place,
            "attribute_ids": sorted(ids[first[row] : first[row + 1]].tolist()),
        }
        for row, (image, class_id, place) in enumerate(
            zip(image_of_row.tolist(), annotations.class_ids.tolist(), places)
        )
    ]
    labels = ontology.to_dict()
    return {
        "images": [
            {"id": i, "file_name": name, "height": height, "width": width}
            for i, (name, (height, width)) in enumerate(
                zip(annotations.image_ids, sizes_hw.tolist())
            )
        ],
        "annotations": objects,
        **{
            kind: [
                {"id": i, "name": name, "supercategory": above} for i, name, above in labels[kind]
            ]
            for kind in ("categories", "attributes")
        },
    }


def checked_ground_truth(content, name="The ground truth"):
    """The content of a COCO or Fashionpedia JSON with every field filled in, or a ValueError. Does not change its argument.

    What `mrcnn.evaluation.coco_truth.checked_truth` does, and "attribute_ids" (none) of every annotation. Attributes that are null
    are none.
    """
    truth = checked_truth(content, name)
    listed = truth.get("attributes")
    if listed is not None and not isinstance(listed, list):
        raise ValueError(
            f"{name} has the attributes {preview(listed)}. Expected a list of attributes, each with id and name."
        )
    if "attributes" in truth:
        truth["attributes"] = checked_labels(listed or (), name, "attribute")
    for row in truth["annotations"]:
        entry = Record(row, name, "annotation", 0, f"Annotation {row['id']} of {name}")
        row.pop("score", None)  # of results that were made the truth; no measure may order by it
        row["attribute_ids"] = (
            sorted(set(entry.ids("attribute_ids"))) if entry.has("attribute_ids") else []
        )
    if not listed and any(row["attribute_ids"] for row in truth["annotations"]):
        log.warning(
            "%s lists no attributes, so the attribute_ids of its annotations are left out.", name
        )
        for row in truth["annotations"]:
            row["attribute_ids"] = []
    check_known(truth["annotations"], truth, name)
    return truth


def check_known(objects: Sequence[dict], ground_truth: dict, name: str) -> None:
    """Refuses objects whose image, category or attributes the ground truth does not list.

    Args:
        objects: Annotations or results.
        ground_truth: COCO dict.
        name: What the error calls the objects.

    Raises:
        ValueError: If an id is unknown.
    """
    used = {
        "image": [row["image_id"] for row in objects],
        "category": [row["category_id"] for row in objects],
        "attribute": [i for row in objects for i in row.get("attribute_ids") or ()],
    }
    listed = {"image": "images", "category": "categories", "attribute": "attributes"}
    for kind, ids in used.items():
        known = {row["id"] for row in ground_truth.get(listed[kind]) or ()}
        unknown = sorted(set(ids) - known, key=str)
        if unknown:
            refuse_unknown(unknown, name, kind, len(known))


def too_large(size_hw):
    """Why a photo of this size cannot be, or is not read."""
    return f"Height and Width are {size_hw[0]} and {size_hw[1]}; photos have at most {MAX_PIXELS} pixels"
