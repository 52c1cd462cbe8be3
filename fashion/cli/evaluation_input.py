"""Evaluation input: what is scored, stored predictions or those of a model, and their truth."""

import functools
import itertools
import json
import logging
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fashion.cli.data import open_files
from fashion.cli.other_labels import OtherLabels, label_map_of, labels_beside, labels_of_data
from fashion.cli.resume_keys import check_same_keys, resume_keys
from fashion.datasets.files import EXTENSIONS, DataFiles, year_of
from fashion.datasets.imaterialist import IMaterialistDataset
from fashion.datasets.splits import load_as_trained, load_files, load_held_out, load_test
from fashion.evaluation.io.ground_truth import EXPECTED, checked_ground_truth, read_ground_truth
from fashion.evaluation.io.predictions import checked_results, read_detections
from fashion.evaluation.io.results import coco_results
from fashion.evaluation.io.resumable import image_names, predict_resumable
from fashion.evaluation.thresholds.table import Thresholds
from fashion.labels.ontology import Ontology
from mrcnn.data.annotated_images import path_inside, read_annotated
from mrcnn.data.image_io import read_image
from mrcnn.files import write_text
from mrcnn.json_files import read_json
from mrcnn.typing import Array

log = logging.getLogger(__name__)

# What metrics.json notes of the data, and an interrupted evaluation resumes with.
_OF_DATA = ("data", "limit")

ImageReader = Callable[[str], Array | None]


@dataclass
class EvaluationInput:
    """What is scored.

    Attributes:
        about: JSON-able, where it comes from.
        ground_truth: Ground truth, a checked COCO dict.
        detections: Checked COCO results.
        read_image: File name -> `(H, W, 3)` uint8, None where there is no such image; None
            without images.
        more: Scores that need the model.
        finish: To be called when all results are written: what an interrupted command would
            resume from is removed.
    """

    about: dict[str, Any]
    ground_truth: dict[str, Any]
    detections: list[dict[str, Any]]
    read_image: ImageReader | None
    more: dict[str, Any] = field(default_factory=dict)
    finish: Callable[[], None] = lambda: None


def input_from_files(args: Namespace, thresholds: Thresholds | None) -> EvaluationInput:
    """Reads stored predictions and their ground truth, without loading any network code.

    Args:
        args: Arguments of `evaluate`.
        thresholds: Thresholds to be applied, which are checked against the label list.

    Returns:
        The input.

    Raises:
        ValueError: A file cannot be read as what it should be.
    """
    ground_truth = ground_truth_of(args.gt)
    sizes = {
        str(image.get("file_name", image["id"])): (image["height"], image["width"])
        for image in ground_truth["images"]
    }
    read = image_reader(args.images, sizes)
    if thresholds:
        thresholds.check_ground_truth(ground_truth, args.thresholds)
    about: dict[str, Any] = {"gt": str(args.gt), "predictions": str(args.predictions)}
    how = {"attribute_threshold": 0.5 if args.attr_conf is None else args.attr_conf}
    if args.predictions.suffix.lower() == ".csv":
        detections = read_detections(args.predictions, ground_truth, **how)
    else:
        content = read_json(args.predictions, EXPECTED)
        if isinstance(content, dict) and isinstance(content.get("rescored"), bool):
            about["rescored"] = content["rescored"]
        detections = checked_results(content, ground_truth, args.predictions.name, **how)
    return EvaluationInput(about, ground_truth, detections, read)


def input_from_model(args: Namespace, thresholds: Thresholds | None) -> EvaluationInput:
    """Predicts with a model; the predictions are stored in --out.

    Args:
        args: Arguments of `evaluate`.
        thresholds: Thresholds to be applied, which are checked against the label list.

    Returns:
        The input.

    Raises:
        FileNotFoundError: There is no such model or data set.
        ValueError: The model, the data and the thresholds do not fit together.
    """
    # Not at the top: stored predictions need no model.
    from fashion.cli.chosen_model import ChosenModel

    min_score = min(args.ap_conf, thresholds.min_score()) if thresholds else args.ap_conf
    chosen = ChosenModel(args)
    # Labels are compared first: loading the model takes many times as long.
    ontology, model = chosen.labels(), None
    if ontology is None:
        model = chosen.load(min_score)
        ontology = model.ontology
    scored = _scored_data(args, chosen, ontology, thresholds)
    dataset = scored.dataset
    model = model or chosen.load(min_score)
    about = _about(args, chosen, min_score, dataset)
    warn_of_training_images(model.rescorer, dataset)
    chosen.warn_of_training_images({info["id"] for info in dataset.image_info})
    keys = resume_keys(args, chosen.contents(), min_score)
    keys |= {key: about[key] for key in _OF_DATA if key in about}
    keys.pop("thresholds", None)  # all predictions are stored, also those below
    stored, journal = _predictions(args, chosen, model, dataset, scored.content, keys)
    if scored.other:
        stored, about["labels"] = scored.other.predictions(stored), scored.other.partners.to_dict()
    ground_truth = scored.ground_truth
    more = _attributes_of_true_boxes(model, dataset, ground_truth) if args.true_boxes else {}
    id_of = {image["file_name"]: image["id"] for image in scored.content["images"]}
    return EvaluationInput(
        about,
        ground_truth,
        checked_results(stored, ground_truth),
        lambda name: dataset.load_image(id_of[name]),
        more,
        journal.remove,
    )


@dataclass
class _ScoredData:
    """What a model is scored on: a data set, its COCO dict, and that in labels to compare."""

    dataset: IMaterialistDataset
    content: dict[str, Any]
    other: OtherLabels | None
    ground_truth: dict[str, Any]


def _scored_data(
    args: Namespace, chosen: Any, ontology: Ontology, thresholds: Thresholds | None
) -> _ScoredData:
    """Opens the data, and checks its labels and those of the thresholds against the model's."""
    from fashion.loading import noted_split

    if thresholds:
        thresholds.check_ontology(ontology, args.thresholds)
    names = label_map_of(args)
    files = open_files(args.data, args.images, args.val)
    labels = labels_of_data(files, args.split, ontology, args.true_boxes, names)
    other = labels_beside(args, ontology, labels, names)
    noted = noted_split(chosen.checkpoint)
    dataset = open_split(files, args.split, labels, args.skip_bad, noted)
    if args.limit:
        dataset = dataset.subset([info["id"] for info in dataset.image_info[: args.limit]])
    content = dataset.to_coco()
    ground_truth = checked_ground_truth(other.truth(content) if other else content)
    if thresholds and labels is not ontology:
        thresholds.check_ground_truth(ground_truth, args.thresholds)
    return _ScoredData(dataset, content, other, ground_truth)


def _about(
    args: Namespace, chosen: Any, min_score: float, dataset: IMaterialistDataset
) -> dict[str, Any]:
    """Where predictions come from, as metrics.json notes it."""
    from fashion.formats.model_files import rescorer_in

    contents = chosen.contents()
    beside = contents.get("settings")
    return chosen.names() | {
        "min_score": min_score,
        "set": args.set,
        **({"settings_beside": beside} if beside else {}),
        "data": str(dataset.annotations.csv_path),
        **({"limit": args.limit} if args.limit else {}),
        **({} if args.attr_conf is None else {"attribute_threshold": args.attr_conf}),
        **({"tta": args.tta} if args.tta else {}),
        **({"tiles": args.tiles} if args.tiles else {}),
        **({"members": contents["ensemble"]} if "ensemble" in contents else {}),
        **({"rescore": str(rescorer_in(args.rescore))} if args.rescore else {}),
        "rescored": bool(args.rescore),
    }


def _predictions(args, chosen, model, dataset, content, keys):
    """Predicts, resuming where an earlier call was killed, and stores the predictions."""
    partial = args.out / "predictions.partial"
    check_same_keys(partial, keys | {"photos": image_names(dataset)})
    to_results = functools.partial(coco_results, raw=True)
    rows, journal = predict_resumable(model, dataset, to_results, keys, partial)
    stored = {
        "rescored": bool(args.rescore),
        **chosen.names(),
        "images": content["images"],
        **model.ontology.to_coco(),
        "annotations": list(itertools.chain(*rows)),
    }
    write_text(args.out / "predictions.json", json.dumps(stored))
    print(f"predictions: {args.out / 'predictions.json'}")
    return stored, journal


def _attributes_of_true_boxes(model, dataset, ground_truth):
    from fashion.evaluation.io.results import describe_dataset
    from fashion.evaluation.metrics.attributes import attribute_f1_on_truth

    with tqdm(total=len(dataset.image_ids), unit="image", desc="true boxes") as bar:
        described = describe_dataset(
            model, dataset, dataset.image_ids, on_result=lambda *_: bar.update()
        )
    return {"attributes_on_truth": attribute_f1_on_truth(ground_truth, described)}


def open_split(
    files: DataFiles,
    split: str | None,
    ontology: Ontology,
    skip_bad: bool,
    noted: Mapping[str, Any] | None = None,
) -> IMaterialistDataset:
    """Loads the data set that is scored.

    Args:
        files: Files of the data set.
        split: "train", "val", "test", or a CSV in the data folder. None means the images that the
            training held out, see `load_held_out`; or all of a file that has none of these.
        ontology: Label list.
        skip_bad: Whether bad rows are left out instead of raising.
        noted: What the checkpoint notes about the split.

    Returns:
        The data set.

    Raises:
        FileNotFoundError: There is no such CSV.
        ValueError: There are no test images.
    """
    if split is None and files.path is not None and files.val is None:
        whole = load_files(files, files.train, ontology, skip_bad=skip_bad)
        held_out = set((noted or {}).get("held_out") or ())
        if held_out.isdisjoint(info["id"] for info in whole.image_info):
            return whole
    if split in (None, "val"):
        return load_held_out(files, ontology, noted, skip_bad=skip_bad)
    if split == "train":
        return load_as_trained(files, ontology, noted, skip_bad=skip_bad)[0]
    if split == "test":
        return load_test(files, ontology, noted, skip_bad=skip_bad)
    csv = files.folder / split
    if not csv.exists():
        raise FileNotFoundError(
            f"There is no {csv}. --split names a CSV inside the data folder {files.folder}."
        )
    return load_files(files, csv, ontology, skip_bad=skip_bad)


def warn_of_training_images(rescorer: Any, dataset: IMaterialistDataset) -> None:
    """Warns if a rescorer was trained on images of the data set.

    Args:
        rescorer: `Rescorer`, or None.
        dataset: Data set that is scored.
    """
    if not rescorer:
        return
    names = {info["id"] for info in dataset.image_info}
    seen = names.intersection(rescorer.about.get("trained_on", ()))
    if seen:
        log.warning(
            "The classifier of --rescore was trained on %d of the %d photos: their scores are "
            "better than those of new ones.",
            len(seen),
            len(dataset.image_info),
        )


def ground_truth_of(path: Path) -> dict[str, Any]:
    """Reads ground truth, a CSV in the same way as for a model.

    Args:
        path: Kaggle CSV, or COCO or Fashionpedia JSON.

    Returns:
        A checked COCO dict.
    """
    labels = labels_of(path)
    # In 2019 only some categories carry attributes, see `splits.load_files`.
    carrying = labels.attribute_category_ids if labels and year_of(path) == 2019 else None
    return read_ground_truth(path, labels, attribute_categories=carrying)


def labels_of(path: Path) -> Ontology | None:
    """Finds the label list of a CSV.

    Args:
        path: File of ground truth.

    Returns:
        The label file beside the CSV, or else the official list of its year. None for JSON, which
        holds its own.
    """
    if path.suffix.lower() != ".csv":
        return None
    beside = path.parent / "label_descriptions.json"
    return Ontology.from_file(beside) if beside.is_file() else Ontology.official(year_of(path))


def image_reader(
    folder: Path | None, sizes: Mapping[str, tuple[int, int]] | None = None
) -> ImageReader | None:
    """Makes a function that reads images of a folder by name.

    Args:
        folder: Folder of the images, or None.
        sizes: Size (height, width) of the annotations by file name; an image is turned by its
            EXIF orientation if it fits them then.

    Returns:
        File name, with or without extension -> `(H, W, 3)` uint8, None where the folder lacks it.
        Images outside the folder, or links to them, count as lacking, with a warning: they would
        go into a page that is passed on. None without a folder.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    if folder is None:
        return None
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder {folder}. Give the folder that holds the photos."
        )
    sizes = sizes or {}

    def read(name):
        for ending in ("", *EXTENSIONS):
            try:
                path = path_inside(folder, f"{name}{ending}")
            except ValueError as error:
                log.warning("%s It is not drawn.", error)
                return None
            if path.is_file():
                try:
                    return read_annotated(path, sizes[name]) if name in sizes else read_image(path)
                except ValueError as error:
                    raise OSError(str(error)) from error
        return None

    return read
