"""Runs of the segmentation study: their common data, and one run, trained and scored."""

import functools
import json
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from fashion.cli import open_files, without_retracing_warnings
from fashion.datasets.splits import load_train_and_val
from fashion.evaluation.io.ground_truth import checked_ground_truth
from fashion.evaluation.io.predictions import checked_results
from fashion.evaluation.metrics.coco import evaluate_coco_ap
from fashion.semantic.label_maps import LabelBatches, LabelledImages, placement_of
from fashion.semantic.losses import median_frequency_weights
from fashion.semantic.networks import NETWORKS, build_network
from fashion.semantic.segmenter import Segmenter, instances_of
from fashion.studies.segmentation import RATES, Variant
from mrcnn.config import Config
from mrcnn.evaluation.semantic_iou import pixel_scores
from mrcnn.files import atomic_path, write_text
from mrcnn.modeling.devices import use_xla
from mrcnn.training.callbacks import SeededDropout
from mrcnn.training.checkpoints import epochs_in
from mrcnn.training.fit import fit
from mrcnn.training.progress import BatchBar, EpochClock, set_forward
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage
from mrcnn.typing import Array
from mrcnn.weights.layer_files import save_weights

SHOWN = 6  # images on the page


class Data:
    """What all runs have in common: the images on canvases, and the ground truth of objects.

    Args:
        args: Arguments of `segment`; truth.json is written to `out`.
    """

    def __init__(self, args: Namespace) -> None:
        self.files = open_files(args.data, args.images, args.val)
        self.train, self.validation = load_train_and_val(self.files, skip_bad=args.skip_bad)
        if args.limit:
            self.train = first(self.train, args.limit)
            self.validation = first(self.validation, max(1, args.limit // 4))
        self._canvases: dict[int, tuple[LabelledImages, LabelledImages]] = {}
        content = self.validation.to_coco()
        write_text(args.out / "truth.json", json.dumps(content))
        self.ground_truth = checked_ground_truth(content)
        self.labels = {key: content[key] for key in ("images", "categories", "attributes")}
        rows = np.linspace(0, len(self.validation.image_ids) - 1, SHOWN)
        self.shown_rows = np.unique(rows.astype(int)).tolist()

    def canvases(self, size: int) -> tuple[LabelledImages, LabelledImages]:
        """Makes the canvases of one size. Those of another size, which may fill memory, are freed.

        Args:
            size: Side of the canvases in pixels.

        Returns:
            train: Training images.
            validation: Validation images.
        """
        if size not in self._canvases:
            pair = LabelledImages(self.train, size), LabelledImages(self.validation, size)
            self._canvases = {size: pair}
        return self._canvases[size]

    def shown(self, variants: Iterable[Variant], out: Path) -> list[dict[str, Any]]:
        """Collects the images of the page.

        Args:
            variants: Trained variants.
            out: Folder of the study.

        Returns:
            See `write_study`.
        """
        variants = list(variants)
        predicted = {}
        for variant in variants:
            predicted[variant] = np.load(folder_of(out, variant, 1) / "shown.npz")["labels"]
        names = {}
        for k, row in enumerate(self.labels["categories"], start=1):
            names[k] = row["name"].split(",")[0]
        images = []
        for i, row in enumerate(self.shown_rows):
            sizes = {variant.size for variant in variants}
            labels = {size: self.canvases(size)[1][row] for size in sizes}
            present = np.unique(next(iter(labels.values()))[1]).tolist()
            images.append(
                {
                    "name": str(self.validation.image_info[row]["id"]),
                    "labels": labels,
                    "names": {k: names[k] for k in present if k in names},
                    "predicted": {variant: maps[i] for variant, maps in predicted.items()},
                }
            )
        return images


def first(dataset: Any, count: int) -> Any:
    """Takes the first images of a data set.

    Args:
        dataset: Data set.
        count: Number of images.

    Returns:
        A smaller data set.
    """
    return dataset.subset([info["id"] for info in dataset.image_info[:count]])


def folder_of(out: Path, variant: Variant, seed: int) -> Path:
    """Chooses the folder of a run.

    Args:
        out: Folder of the study.
        variant: Variant of the run.
        seed: Seed of the run.

    Returns:
        The folder.
    """
    return out / str(variant.size) / variant.name / f"seed{seed}"


def finished_run(
    args: Namespace, data: Data, variant: Variant, seed: int, bar: tqdm
) -> dict[str, Any]:
    """Trains and scores a run, unless that is done.

    Args:
        args: Arguments of `segment`.
        data: Data of all runs.
        variant: Variant of the run.
        seed: Seed.
        bar: Bar of all batches of the study.

    Returns:
        Content of its metrics.json.
    """
    folder = folder_of(args.out, variant, seed)
    train, validation = data.canvases(variant.size)
    path = folder / "metrics.json"
    if path.exists():
        set_forward(bar, args.epochs * -(-len(train) // args.batch))
        (folder / "last.h5").unlink(missing_ok=True)  # of a command killed in `_written`
        return json.loads(path.read_text(encoding="utf-8"))
    keras.utils.clear_session(free_memory=True)
    keras.utils.set_random_seed(seed)
    model = build_network(
        variant.network, variant.size, train.num_classes, args.width, args.weights
    )
    segmenter = Segmenter(model, use_xla(Config()))
    batches_of = functools.partial(
        LabelBatches,
        batch_size=args.batch,
        pixels=NETWORKS[variant.network].pixels,
        workers=args.workers,
    )
    validation_batches = batches_of(validation)
    batches, clock = batches_of(train, seed=seed), EpochClock()
    evaluation = _Evaluation(data, segmenter, validation_batches, clock, bar)
    weights = median_frequency_weights(*train.frequencies()) if args.weigh else None
    callbacks = [SeededDropout(seed), clock, BatchBar(bar)]
    loss = variant.make_loss(args.gamma, weights)
    history = _train(args, variant, model, loss, batches, folder, evaluation, callbacks, bar)
    bar.set_postfix_str("scoring")
    counts = {
        "train": segmenter.count(batches_of(train)),
        "validation": segmenter.count(validation_batches),
    }
    about = {"seed": seed, "epochs": args.epochs, "width": args.width}
    mask_ap = score_objects(data, segmenter, validation_batches, folder)
    record = _record(data, variant, model, history, counts, mask_ap, about)
    return _written(data, args.width, variant, model, folder, record)


def _written(data, width, variant, model, folder, record):
    """Writes weights.h5 and metrics.json; returns the record as reading it gives it back."""
    metadata = vars(variant) | {"width": width, "categories": data.labels["categories"]}
    save_weights(model, folder / "weights.h5", metadata=metadata)
    text = json.dumps(record) + "\n"
    write_text(folder / "metrics.json", text)
    (folder / "last.h5").unlink()  # with the optimiser it is three times as large as the weights
    return json.loads(text)


def _train(args, variant, model, loss, batches, folder, evaluation, callbacks, bar):
    """Trains a network, or what is missing of its training; returns the history."""
    run = RunFolder(folder)
    set_forward(bar, epochs_in(run.last) * len(batches))

    def compile_stage(stage, steps):
        model.compile(variant.make_optimizer(steps), loss, jit_compile=use_xla(Config()))

    with without_retracing_warnings():
        return fit(
            model,
            batches,
            [Stage("all", "all", args.epochs, RATES[variant.optimizer])],
            run,
            compile_stage,
            evaluate=evaluation,
            resume=run.last.exists(),
            callbacks=callbacks,
            tensorboard=False,
            quiet=True,
        )


class _Evaluation:
    """Scores the validation images after an epoch."""

    def __init__(self, data, segmenter, batches, clock, bar) -> None:
        self.data, self.segmenter, self.batches = data, segmenter, batches
        self.clock, self.bar = clock, bar

    def __call__(self, epoch: int) -> dict[str, float]:
        self.bar.set_postfix_str("scoring")
        counts = self.segmenter.count(self.batches)
        scores = pixel_scores(counts, self.data.labels["categories"])
        numbers = {}
        for name, value in scores.items():
            if isinstance(value, float):
                numbers[f"val_{name}"] = value
        return numbers | {"seconds": self.clock.seconds()}


def _record(
    data: Data,
    variant: Variant,
    model: keras.Model,
    history: list[dict[str, Any]],
    counts: Mapping[str, Array],
    mask_ap: dict[str, Any],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of metrics.json."""
    categories = data.labels["categories"]
    return {
        **vars(variant),
        **about,
        "parameters": model.count_params(),
        "training_loss": history[-1]["loss"],
        "minutes": sum(row["seconds"] for row in history) / 60,
        **{part: pixel_scores(table, categories) for part, table in counts.items()},
        "mask_ap": mask_ap,
        "history": history,
        "confusion": counts["validation"].tolist(),
    }


def score_objects(
    data: Data, segmenter: Segmenter, batches: LabelBatches, folder: Path
) -> dict[str, Any]:
    """Scores connected parts of the predicted label maps as objects.

    Writes predictions.json, and shown.npz with the label maps that the page shows.

    Args:
        data: Data of all runs.
        segmenter: Trained network.
        batches: Validation images, in their order.
        folder: Folder of the run.

    Returns:
        COCO's mask AP.
    """
    size, results, shown = batches.images.size, [], {}
    for index in range(len(batches)):
        labels, probabilities = segmenter(batches[index][0])
        start = index * batches.batch_size
        end = min(start + batches.batch_size, len(batches.images))
        for row, place in enumerate(range(start, end)):
            if place in data.shown_rows:
                shown[place] = labels[row]
            results += _results_of(data, place, size, labels[row], probabilities[row])
    stored = data.labels | {"annotations": results}
    write_text(folder / "predictions.json", json.dumps(stored))
    with atomic_path(folder / "shown.npz") as path:
        np.savez_compressed(path, labels=np.stack([shown[place] for place in data.shown_rows]))
    return evaluate_coco_ap(data.ground_truth, checked_results(stored, data.ground_truth))


def _results_of(data, place, size, labels, probabilities):
    """COCO results of the validation image at an index."""
    image_id = int(data.validation.image_ids[place])
    placement = placement_of(data.validation, image_id, size)
    results = []
    for found in instances_of(labels, probabilities, placement):
        category = data.labels["categories"][found.pop("class_id") - 1]["id"]
        results.append({"image_id": image_id, "category_id": category, **found})
    return results
