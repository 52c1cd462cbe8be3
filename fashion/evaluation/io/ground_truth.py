"""Ground truth of a Kaggle CSV or a COCO file, as the COCO dict that every metric reads.

In it every object has all fields: "id" from 1, "image_id", "category_id", "iscrowd", "bbox" [x, y,
w, h], "area", "segmentation" (compressed RLE of the image's size) and "attribute_ids", ascending.
"""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fashion.formats.annotation_csv import read_annotations
from fashion.formats.annotations import Annotations
from fashion.formats.coco_rle import coco_objects
from fashion.labels.ontology import Ontology
from mrcnn.data.image_io import MAX_PIXELS
from mrcnn.data.record_checks import Record, preview
from mrcnn.evaluation.coco_truth import checked_labels, checked_truth, refuse_unknown
from mrcnn.json_files import read_json
from mrcnn.typing import PathLike, Size

log = logging.getLogger(__name__)

EXPECTED = ".json, or .csv for Kaggle's tables"

_EXAMPLES = 3  # that an error names


def read_ground_truth(
    path: PathLike,
    ontology: Ontology | None = None,
    *,
    attribute_categories: Collection[int] | None = None,
) -> dict:
    """Reads a Kaggle CSV (.csv, 2019 or 2020), or a COCO or Fashionpedia JSON.

    Args:
        path: Of the file.
        ontology: Labels of a CSV, whose ids mean nothing without; a JSON has its own.
        attribute_categories: Of a CSV, ids of the categories whose attributes are kept; all by
            default.

    Returns:
        COCO dict; see the head of this file. Images of a CSV are numbered from 0 in the order of
        their first rows, as `IMaterialistDataset.to_coco` numbers them, and have the CSV's ImageId
        as "file_name".

    Raises:
        ValueError: If a row or a field cannot be used; a score must not leave out objects.
    """
    path = Path(path)
    if path.suffix.lower() != ".csv":
        return checked_ground_truth(read_json(path, EXPECTED), path.name)
    if ontology is None:
        raise ValueError(f"{path.name} is a CSV, which needs an ontology to be read.")
    masks = _MaskReader()
    annotations, bad = read_annotations(
        path, ontology, attribute_categories=attribute_categories, read_runs=masks
    )
    if bad:
        examples = "; ".join(
            f"line {row.line} (image {row.image_id}): {row.reason}" for row in bad[:_EXAMPLES]
        )
        raise ValueError(
            f"{path.name} has {len(bad)} rows that cannot be used: {examples}. A score leaves out "
            "no object: correct the file."
        )
    # The annotations of an image are neighbours; the rows of a CSV need not be.
    row_of = np.argsort(np.argsort(annotations.line))
    return coco_of_annotations(annotations, [masks.objects[i] for i in row_of], ontology)


class _MaskReader:
    """Reads the run lengths of a CSV, and keeps the fields that come from them.

    Attributes:
        objects: For each row in the order of the file, None for a bad one; see `coco_objects`.
    """

    def __init__(self) -> None:
        self.objects: list[Any] = []

    def __call__(self, texts: list[bytes], sizes_hw: list[Size]) -> dict[int, str]:
        large = {
            i: _too_large(size_hw)
            for i, size_hw in enumerate(sizes_hw)
            if size_hw[0] * size_hw[1] > MAX_PIXELS
        }
        if large:  # arrays of that size would not fit into memory
            self.objects.extend([None] * len(texts))
            return large
        objects, wrong = coco_objects(texts, sizes_hw, sizes_hw)
        self.objects.extend(objects)
        return wrong


def coco_of_annotations(annotations: Annotations, masks: Sequence[Any], ontology: Ontology) -> dict:
    """Writes the rows of a CSV as a COCO dict.

    Args:
        annotations: Rows of the CSV.
        masks: For each row the fields that come from its mask, from `coco_objects`.
        ontology: Labels of the CSV.

    Returns:
        See `read_ground_truth`.
    """
    ids = np.array(ontology.attribute_ids, np.int64)[annotations.attributes]
    first = annotations.first_attribute
    rows = zip(annotations.image_of_rows().tolist(), annotations.class_ids.tolist(), masks)
    objects = [
        {
            "id": row + 1,
            "image_id": image,
            "category_id": ontology.category_ids[class_id - 1],
            "iscrowd": 0,
            **mask,
            "attribute_ids": sorted(ids[first[row] : first[row + 1]].tolist()),
        }
        for row, (image, class_id, mask) in enumerate(rows)
    ]
    images = [
        {"id": i, "file_name": name, "height": height, "width": width}
        for i, (name, (height, width)) in enumerate(
            zip(annotations.image_ids, annotations.image_hw.tolist())
        )
    ]
    labels = {
        kind: [{"id": i, "name": name, "supercategory": above} for i, name, above in rows]
        for kind, rows in ontology.to_dict().items()
        if kind in ("categories", "attributes")
    }
    return {"images": images, "annotations": objects, **labels}


def checked_ground_truth(content: Any, name: str = "The ground truth") -> dict:
    """Checks the content of a COCO or Fashionpedia JSON and fills in every field.

    Args:
        content: Of the file; not changed.
        name: What errors call it.

    Returns:
        What `mrcnn.evaluation.coco_truth.checked_truth` returns, and "attribute_ids" of every
        annotation; missing or null attributes are none.

    Raises:
        ValueError: If a field cannot be used.
    """
    truth = checked_truth(content, name)
    listed = truth.get("attributes")
    if listed is not None and not isinstance(listed, list):
        raise ValueError(
            f"{name} has the attributes {preview(listed)}. Expected a list of attributes, each "
            "with id and name."
        )
    if "attributes" in truth:
        truth["attributes"] = checked_labels(listed or (), name, "attribute")
    for row in truth["annotations"]:
        record = Record(row, name, "annotation", 0, f"Annotation {row['id']} of {name}")
        row.pop("score", None)  # of results that were made the truth; no metric may order by it
        ids = record.ids("attribute_ids") if record.has("attribute_ids") else ()
        row["attribute_ids"] = sorted(set(ids))
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


def _too_large(size_hw: Size) -> str:
    """Why an image of this size is not read."""
    height, width = size_hw
    return f"Height and Width are {height} and {width}; images have at most {MAX_PIXELS} pixels"
