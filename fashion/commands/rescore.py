"""Body of `rescore`: trains a classifier on crops of detections, and measures what it changes."""

import argparse
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from fashion.classify.garments.batches import CropBatches
from fashion.classify.garments.page import write_page
from fashion.classify.garments.rescorer import Rescorer, build_classifier, new_scores, pixels_of
from fashion.classify.garments.training import (
    classification_accuracy,
    classify_detections,
    make_optimizer,
)
from fashion.cli.data import open_files
from fashion.cli.interrupts import resumable
from fashion.cli.locks import start_over, working_in
from fashion.cli.options import model_settings
from fashion.cli.quiet import without_retracing_warnings
from fashion.cli.resume_keys import resume_keys
from fashion.datasets.holding_out import noted_split
from fashion.datasets.splits import load_as_trained
from fashion.evaluation.io.ground_truth import checked_ground_truth
from fashion.evaluation.io.results import boxes_of, coco_results
from fashion.evaluation.io.resumable import predict_resumable
from fashion.evaluation.metrics.coco import evaluate_coco_ap
from fashion.evaluation.rescoring import search_weight, separation, with_scores
from fashion.labels.ontology import Ontology
from fashion.model import checkpoint_in, load_model, settings_beside
from fashion.studies.runner import note_run_arguments
from mrcnn.files import digest_of, write_text
from mrcnn.modeling.backbones.pretrained import load_file, load_imagenet
from mrcnn.modeling.devices import use_xla
from mrcnn.training.callbacks import SeededDropout
from mrcnn.training.checkpoints import epochs_in
from mrcnn.training.fit import fit
from mrcnn.training.progress import BatchBar, EpochClock, set_forward
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage
from mrcnn.typing import Array

# Arguments that a run in --out must have had to be resumed, by their names in its notes.
NOTED = {
    "detector": "detector",
    "data": "data",
    "skip_bad": "skip_bad",
    "set": "set",
    "min_score": "conf",
    "backbone": "backbone",
    "start": "start",
    "size": "imgsz",
    "epochs": "epochs",
    "rate": "lr",
    "batch": "batch",
    "crops": "crops",
    "seed": "seed",
}
# Weights of the classifier that are tried; the first leaves scores as they are.
WEIGHTS = tuple(round(0.1 * i, 1) for i in range(11))
# Files of an unfinished run.
_UNFINISHED = ("study.json", "last.h5", "history.csv", "found_train.partial", "found_val.partial")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Trains and measures as the arguments ask.

    Args:
        args: Result of `fashion.rescore.parse`.

    Returns:
        Content of metrics.json.
    """
    checkpoint = checkpoint_in(args.weights)
    with working_in(args.out, "rescore"), resumable():
        if args.restart:
            start_over(args.out, _UNFINISHED)
        return train_and_measure(args, checkpoint)


def train_and_measure(args: argparse.Namespace, checkpoint: Path) -> dict[str, Any]:
    """Trains what is missing of a classifier, then measures it.

    Args:
        args: Result of `fashion.rescore.parse`.
        checkpoint: Checkpoint of the detector.

    Returns:
        Content of metrics.json.
    """
    args.detector = digest_of(checkpoint)
    model = load_model(checkpoint, **model_settings(args))
    train, validation = load_as_trained(
        open_files(args.data, args.images, args.val),
        model.ontology,
        noted_split(checkpoint),
        skip_bad=args.skip_bad,
    )
    network = started(args, model.ontology.num_classes)
    note_run_arguments(args.out, {key: getattr(args, name) for key, name in NOTED.items()})
    contents = {"weights": args.detector, "settings": settings_beside(checkpoint)}
    about = resume_keys(args, contents, args.conf)
    print(
        f"detections in {len(train.image_ids)} training images and "
        f"{len(validation.image_ids)} validation images:"
    )
    boxes, rows = _detections(args.out, model, train, validation, about)
    xla = use_xla(model.config)
    trained_on = [info["id"] for info in train.image_info]
    rescorer = Rescorer(
        network,
        args.backbone,
        args.imgsz,
        model.ontology,
        xla=xla,
        about={"detector": args.detector, "trained_on": trained_on},
    )
    train_classifier(args, rescorer, train, validation, boxes, xla)
    measured = measure(rescorer, validation, rows, checked_ground_truth(validation.to_coco()))
    rescorer.weight = measured["search"]["weight"]
    rescorer.save(args.out / "rescorer.h5")
    scores = dict(vars(args))
    for name in ("search", "before", "after", "separation", "kinds"):
        scores[name] = measured[name]
    write_text(args.out / "metrics.json", json.dumps(scores, indent=2, default=str) + "\n")
    subtitle = f"detector: {checkpoint} · {len(validation.image_ids)} images it held out"
    write_page(args.out / "index.html", measured, validation, subtitle)
    print(_summary(measured, rescorer.weight, args.out))
    return scores


def _summary(measured: dict[str, Any], weight: float, out: Path) -> str:
    return (
        f"mask AP {measured['before']['AP']:.4f} -> {measured['after']['AP']:.4f} with a weight of "
        f"{weight}\npage: {out / 'index.html'}; classifier: {out / 'rescorer.h5'}"
    )


def _detections(out, model, train, validation, about):
    """Boxes `(F, 4)` by id of the training images, and COCO results of each validation image."""
    boxes, journal = predict_resumable(
        model, train, rounded_boxes, about, out / "found_train.partial"
    )
    journal.close()
    boxes_by_id = {
        image_id: np.array(some, np.float32).reshape(-1, 4)
        for image_id, some in zip(train.image_ids, boxes, strict=True)
    }
    rows, journal = predict_resumable(
        model, validation, coco_results, about, out / "found_val.partial"
    )
    journal.close()
    return boxes_by_id, rows


def rounded_boxes(result: Mapping[str, Any], image_id: int, ontology: Ontology) -> list:
    """Takes the boxes of a result, for the journal.

    Args:
        result: Result of the detector.
        image_id: Unused.
        ontology: Unused.

    Returns:
        `(N, 4)` yxyx as lists, tenths of a pixel of the original image.
    """
    return np.round(result["boxes"].astype(np.float64), 1).tolist()


def started(args: argparse.Namespace, num_classes: int) -> keras.Model:
    """Builds the classifier, with the weights that --start names unless it is resumed.

    Args:
        args: Result of `fashion.rescore.parse`.
        num_classes: Classes, of which 0 means no garment.

    Returns:
        The network.
    """
    keras.utils.set_random_seed(args.seed)
    network = build_classifier(args.backbone, num_classes)
    if not (args.out / "last.h5").exists() and args.start != "none":
        if args.start == "imagenet":
            load_imagenet(network, args.backbone)
        else:
            load_file(network, args.start)
    return network


def train_classifier(
    args: argparse.Namespace,
    rescorer: Rescorer,
    train: Any,
    validation: Any,
    boxes: Mapping[int, Array],
    xla: bool,
) -> None:
    """Trains the network of a rescorer, resuming if interrupted.

    Args:
        args: Result of `fashion.rescore.parse`.
        rescorer: The rescorer.
        train: Training images.
        validation: Images to validate on.
        boxes: `(F, 4)` yxyx boxes of the detections, by id of the training images.
        xla: Whether to compile with XLA.
    """
    batches = _batches(args, train, boxes)
    run, clock = RunFolder(args.out), EpochClock()

    def compile_stage(stage, steps):
        rescorer.network.compile(
            make_optimizer(stage.learning_rate, steps),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=xla,
        )

    def evaluate(epoch):
        accuracy = classification_accuracy(rescorer, validation)
        return {"val_accuracy": accuracy, "seconds": clock.seconds()}

    total = args.epochs * len(batches)
    with tqdm(total=total, unit="batch", desc="training") as bar, without_retracing_warnings():
        set_forward(bar, epochs_in(run.last) * len(batches))
        fit(
            rescorer.network,
            batches,
            [Stage("all", "all", args.epochs, args.lr)],
            run,
            compile_stage,
            evaluate=evaluate,
            resume=run.last.exists(),
            callbacks=[SeededDropout(args.seed), clock, BatchBar(bar)],
            tensorboard=False,
            quiet=True,
        )


def _batches(args, train, boxes):
    return CropBatches(
        train,
        boxes.__getitem__,
        args.imgsz,
        pixels_of(args.backbone),
        images=args.batch,
        crops=args.crops,
        seed=args.seed,
        workers=args.workers,
    )


def measure(
    rescorer: Rescorer,
    dataset: Any,
    rows: Sequence[Sequence[dict[str, Any]]],
    ground_truth: dict[str, Any],
) -> dict[str, Any]:
    """Measures what new scores do to the detections of a data set.

    Args:
        rescorer: Trained rescorer.
        dataset: Data set with ground truth.
        rows: COCO results of each image.
        ground_truth: Ground truth, a checked COCO dict.

    Returns:
        "search", of `search_weight`; "before" and "after", COCO's AP; "separation"; "kinds", the
        number and mean scores of detections by what they show; "detections", COCO results with
        "new_score" and "shows", see `labels_of_boxes`.
    """
    class_id_of = rescorer.ontology.class_id_of
    classes, probabilities, shows = [], [], []
    bar = tqdm(dataset.image_ids, unit="image", desc="re-scoring")
    for image_id, of_image in zip(bar, rows, strict=True):
        class_ids = np.array([class_id_of(row["category_id"]) for row in of_image], np.int64)
        boxes = boxes_of(of_image)
        some, labels = classify_detections(rescorer, dataset, image_id, boxes, class_ids)
        classes.append(class_ids)
        probabilities.append(some)
        shows.append(labels)
    return _compare_scores(
        list(itertools.chain(*rows)),
        ground_truth,
        np.concatenate(classes),
        np.concatenate(probabilities),
        np.concatenate(shows),
    )


def _compare_scores(
    detections: Sequence[dict[str, Any]],
    ground_truth: dict[str, Any],
    classes: Array,
    probabilities: Array,
    shows: Array,
) -> dict[str, Any]:
    """The result of `measure` for N detections and `(N,)` columns."""
    old = np.array([row["score"] for row in detections])
    with tqdm(total=3 * len(WEIGHTS), desc="weights") as bar:
        search = search_weight(
            ground_truth,
            detections,
            lambda weight: new_scores(old, probabilities, weight),
            WEIGHTS,
            on_step=bar.update,
        )
    new = new_scores(old, probabilities, search["weight"])
    kinds = {
        "their category": shows == classes,
        "another garment": (shows > 0) & (shows != classes),
        "no garment": shows == 0,
        "a part of one": shows < 0,
    }
    return {
        "search": search,
        "before": evaluate_coco_ap(ground_truth, detections),
        "after": evaluate_coco_ap(ground_truth, with_scores(detections, new)),
        "separation": {
            "before": separation(old, shows == classes),
            "after": separation(new, shows == classes),
        },
        "kinds": {
            name: {
                "detections": int(some.sum()),
                "before": float(old[some].mean()),
                "after": float(new[some].mean()),
            }
            for name, some in kinds.items()
            if some.any()
        },
        "detections": [
            {**row, "new_score": float(score), "shows": int(label)}
            for row, score, label in zip(detections, new, shows, strict=True)
        ],
    }
