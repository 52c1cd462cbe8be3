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
from fashion.evaluation.io.results import predict_dataset
from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.monitor import evenly_spaced, store_predictions, stored_predictions
from fashion.evaluation.scoring import compute_metrics
from fashion.labels.ontology import Ontology
from fashion.model import checkpoint_in, load_model
from mrcnn.files import write_text
from mrcnn.training.run_folder import RunFolder
from mrcnn.weights.layer_files import read_metadata

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
    stored = stored_predictions(run)
    if stored is None or not _fits(stored, metadata, dataset):
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


def _fits(stored: Mapping[str, Any], metadata: Mapping[str, Any], dataset: Any) -> bool:
    """Whether stored predictions are those of the best epoch, on images of this data set."""
    if "epoch" in metadata and metadata["epoch"] != stored["epoch"]:
        return False
    ids = [image["id"] for image in stored["images"]]
    if not ids or max(ids) >= len(dataset.image_ids):
        return False
    return bool(dataset.to_coco(ids)["images"] == stored["images"])


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
