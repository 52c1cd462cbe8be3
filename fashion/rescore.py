"""Train a classifier that scores detections again.

    python fashion/rescore.py --weights runs/ccp... --data DIR --out runs/rescore

It looks at a crop of each detection, closer than the detector does, and learns from true garments
and from what the detector took for one. Then it is measured on the photos that the detector held
out: AP before and after, by category, and what it changes most, in index.html. rescorer.h5 is for
--rescore of predict, submit and evaluate. A killed run goes on.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    import fashion  # noqa: F401  before keras, see fashion/__init__.py

import argparse
import itertools
import json
import sys
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
from fashion.cli import (
    add_data_arguments,
    add_model_arguments,
    model_settings,
    open_files,
    run_verb,
    without_retracing_warnings,
    working_in,
)
from fashion.datasets.holding_out import noted_split
from fashion.datasets.splits import load_as_trained
from fashion.evaluation.io.ground_truth import checked_ground_truth
from fashion.evaluation.io.results import boxes_of, coco_results
from fashion.evaluation.io.resumable import predict_resumable
from fashion.evaluation.metrics.coco import evaluate_coco_ap
from fashion.evaluation.rescoring import search_weight, separation, with_scores
from fashion.labels.ontology import Ontology
from fashion.model import checkpoint_in, load_model
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

# Arguments that a run in --out must have had to be resumed.
NOTED = (
    "detector",
    "data",
    "skip_bad",
    "set",
    "min_score",
    "backbone",
    "start",
    "size",
    "epochs",
    "rate",
    "batch",
    "crops",
    "seed",
)
# Weights of the classifier that are tried; the first leaves scores as they are.
WEIGHTS = tuple(round(0.1 * i, 1) for i in range(11))


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Trains and measures as the arguments ask.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        Content of metrics.json.
    """
    args = parse(argv)
    checkpoint = checkpoint_in(args.weights)
    with working_in(args.out, "rescore"):
        return train_and_measure(args, checkpoint)


def train_and_measure(args: argparse.Namespace, checkpoint: Path) -> dict[str, Any]:
    """Trains what is missing of a classifier, then measures it.

    Args:
        args: Result of `parse`.
        checkpoint: Checkpoint of the detector.

    Returns:
        Content of metrics.json.
    """
    args.detector = digest_of(checkpoint)
    model = load_model(checkpoint, **model_settings(args))
    train, validation = load_as_trained(
        open_files(args.data), model.ontology, noted_split(checkpoint), skip_bad=args.skip_bad
    )
    network = started(args, model.ontology.num_classes)
    note_run_arguments(args.out, {name: getattr(args, name) for name in NOTED})
    about = {"weights": str(checkpoint), "min_score": args.min_score, "set": args.set}
    print(
        f"what the detector finds in {len(train.image_ids)} photos to train on, and in "
        f"{len(validation.image_ids)} others:"
    )
    boxes, rows = _detections(args.out, model, train, validation, about)
    xla = use_xla(model.config)
    trained_on = [info["id"] for info in train.image_info]
    rescorer = Rescorer(
        network,
        args.backbone,
        args.size,
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
    subtitle = f"detector: {checkpoint} · {len(validation.image_ids)} photos it held out"
    write_page(args.out / "index.html", measured, validation, subtitle)
    print(
        f"mask AP {measured['before']['AP']:.4f} -> {measured['after']['AP']:.4f} with a weight of "
        f"{rescorer.weight}\n"
        f"page: {args.out / 'index.html'}; classifier: {args.out / 'rescorer.h5'}"
    )
    return scores


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


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.
    """
    parser = argparse.ArgumentParser(
        prog="fashion rescore",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_arguments(parser)
    _add_training_arguments(parser)
    args = parser.parse_args(argv)
    if not args.weights:
        parser.error(
            "give the detector whose detections are scored again with --weights, a run folder or a "
            "checkpoint"
        )
    counts = (args.epochs, args.batch, args.crops, args.workers)
    if min(counts) < 1 or args.size < 32 or args.rate <= 0:
        parser.error(
            "--epochs, --batch, --crops and --workers are at least 1, --size at least 32 and "
            "--rate above 0"
        )
    return args


def _add_arguments(parser):
    add_model_arguments(parser, min_score=0.05, default=None, rescore=False)
    add_data_arguments(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the run and the page"
    )
    parser.add_argument(
        "--backbone",
        default="efficientnet_lite0",
        metavar="NAME",
        help="as BACKBONE of a recipe (default: %(default)s)",
    )
    parser.add_argument(
        "--start",
        default="imagenet",
        metavar="FILE|imagenet|none",
        help="where the backbone starts (default: %(default)s)",
    )
    parser.add_argument(
        "--size",
        type=int,
        default=128,
        metavar="N",
        help="side of a crop, pixels (default: %(default)s)",
    )


def _add_training_arguments(parser):
    parser.add_argument("--epochs", type=int, default=15, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--rate",
        type=float,
        default=5e-4,
        metavar="R",
        help="learning rate at its height (default: %(default)s)",
    )
    parser.add_argument(
        "--batch", type=int, default=8, metavar="N", help="photos of a batch (default: %(default)s)"
    )
    parser.add_argument(
        "--crops",
        type=int,
        default=8,
        metavar="N",
        help="crops of each of them (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="threads that prepare batches (default: %(default)s)",
    )


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
        args: Result of `parse`.
        num_classes: Classes, of which 0 is no garment.

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
        args: Result of `parse`.
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
            [Stage("all", "all", args.epochs, args.rate)],
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
        args.size,
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
    bar = tqdm(dataset.image_ids, unit="photo", desc="re-scoring")
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


if __name__ == "__main__":
    sys.exit(run_verb(main))
