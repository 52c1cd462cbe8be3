"""segment's runs: the data that all of them share, and one run, trained and scored once."""

import functools
import json

import keras
import numpy as np

from fashion.cli import open_files
from fashion.datasets.splits import load_train_and_val
from fashion.evaluation.io.ground_truth import checked_ground_truth
from fashion.evaluation.io.predictions import checked_results
from fashion.evaluation.metrics.coco import evaluate_coco_ap
from fashion.semantic.label_maps import LabelBatches, LabelledImages, placement_of
from fashion.semantic.losses import median_frequency_weights
from fashion.semantic.networks import NETWORKS, build_network
from fashion.semantic.segmenter import Segmenter, instances_of
from fashion.studies.segmentation import RATES
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
from mrcnn.weights.layer_files import save_weights

SHOWN = 6  # photos on the page


class Data:
    """What all runs share: the photos, as canvases of each size, and the truth that objects are scored against."""

    def __init__(self, args):
        self.files = open_files(args.data)
        train, self.validation = load_train_and_val(self.files, skip_bad=args.skip_bad)
        self.train = train
        if args.photos:
            self.train, self.validation = (
                first(train, args.photos),
                first(self.validation, max(1, args.photos // 4)),
            )
        self._canvases = {}
        content = self.validation.to_coco()
        write_text(args.out / "truth.json", json.dumps(content))
        self.truth, self.labels = (
            checked_ground_truth(content),
            {key: content[key] for key in ("images", "categories", "attributes")},
        )
        self.shown_rows = np.unique(
            np.linspace(0, len(self.validation.image_ids) - 1, SHOWN).astype(int)
        ).tolist()

    def canvases(self, size):
        """(training, validation) `LabelledImages`; those of another size, which may fill the memory, are let go."""
        if size not in self._canvases:
            self._canvases = {
                size: (LabelledImages(self.train, size), LabelledImages(self.validation, size))
            }
        return self._canvases[size]

    def shown(self, results, out):
        """The photos of the page, see `write_study`."""
        said = {
            variant: np.load(folder_of(out, variant, 1) / "shown.npz")["labels"]
            for variant in results
        }
        names = {
            k: row["name"].split(",")[0] for k, row in enumerate(self.labels["categories"], start=1)
        }
        photos = []
        for i, row in enumerate(self.shown_rows):
            labels = {
                size: self.canvases(size)[1][row] for size in {variant.size for variant in results}
            }
            present = np.unique(next(iter(labels.values()))[1]).tolist()
            photos.append(
                {
                    "name": str(self.validation.image_info[row]["id"]),
                    "labels": labels,
                    "names": {k: names[k] for k in present if k in names},
                    "said": {variant: maps[i] for variant, maps in said.items()},
                }
            )
        return photos


def first(dataset, count):
    """The first photos of a data set."""
    return dataset.subset([info["id"] for info in dataset.image_info[:count]])


def folder_of(out, variant, seed):
    """Where a run is kept."""
    return out / str(variant.size) / variant.name / f"seed{seed}"


def finished_run(args, data, variant, seed, bar):
    """The record of one run, which is trained and scored if it is not yet: what metrics.json holds."""
    folder = folder_of(args.out, variant, seed)
    photos, held_out = data.canvases(variant.size)
    if (folder / "metrics.json").exists():
        set_forward(bar, args.epochs * -(-len(photos) // args.batch))
        (folder / "last.h5").unlink(
            missing_ok=True
        )  # a kill may have come before it was removed, see below
        return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    keras.utils.clear_session(free_memory=True)
    keras.utils.set_random_seed(seed)
    model = build_network(
        variant.network, variant.size, photos.num_classes, args.width, args.weights
    )
    xla = use_xla(Config())
    segmenter = Segmenter(model, xla)
    of = functools.partial(
        LabelBatches,
        batch_size=args.batch,
        pixels=NETWORKS[variant.network].pixels,
        workers=args.workers,
    )
    validation = of(held_out)

    run, clock = RunFolder(folder), EpochClock()

    def evaluate(epoch):
        bar.set_postfix_str("scoring")
        scores = pixel_scores(segmenter.count(validation), data.labels["categories"])
        numbers = {
            f"val_{name}": value for name, value in scores.items() if isinstance(value, float)
        }
        return numbers | {"seconds": clock.seconds()}

    weights = median_frequency_weights(*photos.frequencies()) if args.weigh else None

    def compile_stage(stage, steps):
        model.compile(
            variant.make_optimizer(), variant.make_loss(args.gamma, weights), jit_compile=xla
        )

    batches = of(photos, seed=seed)
    set_forward(bar, epochs_in(run.last) * len(batches))
    history = fit(
        model,
        batches,
        [Stage("all", "all", args.epochs, RATES[variant.optimizer])],
        run,
        compile_stage,
        evaluate=evaluate,
        resume=run.last.exists(),
        callbacks=[SeededDropout(seed), clock, BatchBar(bar)],
        tensorboard=False,
        quiet=True,
    )
    bar.set_postfix_str("scoring")
    counts = {"train": segmenter.count(of(photos)), "validation": segmenter.count(validation)}
    record = vars(variant) | {
        "seed": seed,
        "epochs": args.epochs,
        "width": args.width,
        "parameters": model.count_params(),
        "training_loss": history[-1]["loss"],
        "minutes": sum(row["seconds"] for row in history) / 60,
        **{part: pixel_scores(table, data.labels["categories"]) for part, table in counts.items()},
        "mask_ap": as_objects(data, segmenter, validation, folder),
        "history": history,
        "confusion": counts["validation"].tolist(),
    }
    save_weights(
        model,
        folder / "weights.h5",
        metadata=vars(variant) | {"width": args.width, "categories": data.labels["categories"]},
    )
    write_text(folder / "metrics.json", json.dumps(record) + "\n")
    (folder / "last.h5").unlink()  # with the optimiser it is three times as large as the weights
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def as_objects(data, segmenter, batches, folder):
    """COCO's mask AP of the connected parts of what is said about a data set; keeps predictions.json and the maps that the page shows."""
    dataset, size, rows, shown = data.validation, batches.images.size, [], {}
    for index in range(len(batches)):
        labels, probabilities = segmenter(batches[index][0])
        for row, place in enumerate(
            range(
                index * batches.batch_size,
                min((index + 1) * batches.batch_size, len(batches.images)),
            )
        ):
            image_id = int(dataset.image_ids[place])
            if place in data.shown_rows:
                shown[place] = labels[row]
            for found in instances_of(
                labels[row], probabilities[row], placement_of(dataset, image_id, size)
            ):
                rows.append(
                    {
                        "image_id": image_id,
                        "category_id": data.labels["categories"][found.pop("class_id") - 1]["id"],
                        **found,
                    }
                )
    stored = data.labels | {"annotations": rows}
    write_text(folder / "predictions.json", json.dumps(stored))
    with atomic_path(folder / "shown.npz") as path:
        np.savez_compressed(path, labels=np.stack([shown[place] for place in data.shown_rows]))
    return evaluate_coco_ap(data.truth, checked_results(stored, data.truth))
