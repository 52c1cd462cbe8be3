"""The scores of a run on its validation images, from stored predictions where there are any."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fashion.cli.data import open_files
from fashion.cli.evaluation_input import open_split
from fashion.datasets.holding_out import noted_split
from fashion.evaluation.io.image_ids import evenly_spaced
from fashion.evaluation.io.results import predict_dataset
from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.monitor import store_predictions, stored_predictions
from fashion.evaluation.scoring import compute_metrics
from fashion.labels.ontology import Ontology
from fashion.model import checkpoint_in, load_model
from mrcnn.files import write_text
from mrcnn.training.run_folder import RunFolder
from mrcnn.weights.h5_files import read_metadata

log = logging.getLogger(__name__)

_IMAGES = 500  # that are scored where a run does not say how many


@dataclass
class RunScores:
    """Validation images, predictions and scores of a run.

    Attributes:
        inputs: Ground truth and predictions.
        scores: The content of metrics.json.
        dataset: The validation images.
    """

    inputs: Inputs
    scores: dict[str, Any]
    dataset: Any


def score_run(run: RunFolder) -> RunScores | None:
    """Scores the best checkpoint of a run, and writes metrics.json and predictions.json.

    Training stores the predictions of its best epoch; only runs without them are predicted again.

    Args:
        run: The run folder.

    Returns:
        The scores; None, with a warning, if there is no checkpoint yet or the data are gone.

    Raises:
        ValueError: A file is damaged.
    """
    arguments = run.read_config()
    try:
        checkpoint = checkpoint_in(run.path)
        files = open_files(*(arguments.get(name) for name in ("data", "images", "val")))
    except FileNotFoundError as error:
        log.warning("The page of %s has no scores. %s", run.path, error)
        return None
    metadata = read_metadata(checkpoint)
    dataset = open_split(
        files,
        None,
        Ontology.from_dict(arguments["ontology"]),
        bool(arguments.get("skip_bad")),
        noted_split(checkpoint, metadata),
    )
    stored = _stored(run, metadata, dataset)
    if stored is None:
        stored = _predict(run, checkpoint, arguments, metadata, dataset)
    ground_truth = dataset.to_coco([image["id"] for image in stored["images"]])
    inputs = Inputs(ground_truth, stored["annotations"])
    about = {
        "weights": str(checkpoint),
        "data": str(dataset.annotations.csv_path),
        "photos": len(ground_truth["images"]),
        "epoch": stored["epoch"],
    }
    scores = about | compute_metrics(inputs)
    write_text(run.path / "metrics.json", json.dumps(scores, indent=2) + "\n")
    return RunScores(inputs, json.loads(json.dumps(scores)), dataset)


def _stored(run: RunFolder, metadata: Mapping[str, Any], dataset: Any) -> dict[str, Any] | None:
    """Stored predictions with the image ids of this data set.

    Training numbers the images otherwise where --limit left some out. None if they are not of the
    best epoch, or of images that the data set does not have.
    """
    stored = stored_predictions(run)
    if stored is None or metadata.get("epoch", stored["epoch"]) != stored["epoch"]:
        return None
    id_of = {}
    for i in map(int, dataset.image_ids):
        height, width = dataset.image_hw(i)
        id_of[height, width, Path(dataset.image_info[i]["path"]).name] = i
    new_id = {image["id"]: id_of.get(_size_and_name(image)) for image in stored["images"]}
    if not new_id or None in new_id.values():
        return None
    images = [image | {"id": new_id[image["id"]]} for image in stored["images"]]
    rows = [row | {"image_id": new_id[row["image_id"]]} for row in stored["annotations"]]
    return stored | {"images": images, "annotations": rows}


def _size_and_name(image: Mapping[str, Any]) -> tuple[int, int, str]:
    return image["height"], image["width"], image["file_name"]


def _predict(
    run: RunFolder,
    checkpoint: Path,
    arguments: Mapping[str, Any],
    metadata: Mapping[str, Any],
    dataset: Any,
) -> dict[str, Any]:
    """Predicts as training does after an epoch, and stores the predictions in the run folder."""
    count = arguments.get("config", {}).get("EVALUATE_IMAGES", _IMAGES)
    image_ids = evenly_spaced(dataset.image_ids, count)
    model = load_model(checkpoint)
    with tqdm(total=len(image_ids), unit="image", desc="validation images") as bar:
        detections = predict_dataset(model, dataset, image_ids, on_result=lambda *_: bar.update())
    content = dataset.to_coco(image_ids) | {"annotations": detections}
    epoch = metadata.get("epoch", len(run.read_history()))
    store_predictions(run, content, epoch=epoch, score=float(metadata.get("score", -1)))
    return content | {"epoch": epoch}
