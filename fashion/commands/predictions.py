"""Body of `predictions`: predictions for annotation tools."""

import argparse
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fashion.evaluation.io.ground_truth import checked_ground_truth
from fashion.formats import annotation_tools
from fashion.formats.annotation_tools import Predictions
from fashion.pages.text import count
from mrcnn.data.record_checks import Record
from mrcnn.files import write_bytes, write_text
from mrcnn.json_files import read_json

_VERSION = "fashion"  # what Label Studio calls the model
_NEXT = {
    "label-studio": "In Label Studio: Settings, Labeling Interface, Code: paste {beside}; then "
    "Import: {out}.",
    "cvat": "In CVAT: make a task with the labels of {beside} (Raw) and the images; then Upload "
    "annotations, CVAT 1.1: {out}.",
    "coco": "Import {out} as COCO, or train on it: fashion train --data {out} --images DIR",
    "fiftyone": "In Python: fiftyone.Dataset.from_dir(dataset_type=fiftyone.types."
    'COCODetectionDataset, data_path="DIR", labels_path="{out}", label_types="segmentations")',
}


def run(args: argparse.Namespace) -> Path:
    """Writes predictions for an annotation tool.

    Args:
        args: Result of `fashion.predictions.parse`.

    Returns:
        The file.

    Raises:
        ValueError: The file holds no predictions.
    """
    predictions = read_predictions(args.predictions, args.conf)
    beside = None
    with tqdm(total=len(predictions.images), unit="image", desc=args.to) as bar:
        if args.to == "label-studio":
            parts = annotation_tools.label_studio(predictions, args.url, _VERSION, bar.update)
            write_bytes(args.out, annotation_tools.written(parts))
            beside = args.out.with_suffix(".xml")
            write_text(beside, annotation_tools.label_studio_config(predictions))
        elif args.to == "cvat":
            _write_cvat(args.out, predictions, bar)
            beside = args.out.with_name(f"{args.out.stem}_labels.json")
            labels = annotation_tools.cvat_labels(predictions)
            write_text(beside, json.dumps(labels, indent=1) + "\n")
        else:
            content = annotation_tools.coco(predictions, args.to == "fiftyone", bar.update)
            write_text(args.out, json.dumps(content))
    objects = sum(len(predictions.objects(image)) for image in predictions.images)
    print(
        f"{args.out}: {count(objects, 'object')} in {count(len(predictions.images), 'image')}, "
        f"with a confidence score of at least {args.conf:g} (--conf)"
    )
    print(_NEXT[args.to].format(out=args.out, beside=beside))
    return args.out


def _write_cvat(out: Path, predictions: Predictions, bar: tqdm) -> None:
    xml = annotation_tools.written(annotation_tools.cvat(predictions, bar.update))
    if out.suffix.lower() == ".xml":
        write_bytes(out, xml)
        return
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        # A fixed date: the same predictions give the same file.
        archive.writestr(zipfile.ZipInfo("annotations.xml"), xml, zipfile.ZIP_DEFLATED)
    write_bytes(out, packed.getvalue())


def read_predictions(path: Path, min_score: float) -> Predictions:
    """Reads and checks predictions.

    Args:
        path: predictions.json of `fashion predict` or `fashion evaluate`.
        min_score: Least confidence score.

    Returns:
        The predictions of at least this score.

    Raises:
        ValueError: The file holds something else.
    """
    content: Any = read_json(path, "predictions.json of fashion predict")
    if isinstance(content, list):
        raise ValueError(
            f"{path} is a list of results, which lacks the images and categories. Expected "
            "predictions.json of fashion predict."
        )
    checked = checked_ground_truth(content, path.name)
    for place, (row, raw) in enumerate(zip(checked["annotations"], content["annotations"])):
        record = Record(raw, path.name, "prediction", place)
        record.require("score")
        row["score"] = float(record.number("score", least=0))
    checked["annotations"] = [row for row in checked["annotations"] if row["score"] >= min_score]
    return Predictions(checked)
