"""Body of `segment`: trains what is missing of the study, scores it and writes its page."""

import argparse
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from fashion.cli.interrupts import resumable
from fashion.cli.locks import start_over, working_in
from fashion.studies.runner import note_run_arguments, run_study
from fashion.studies.seed_statistics import mean_text
from fashion.studies.segmentation import Variant, best, every_variant
from fashion.studies.segmentation_page import value_of, write_study
from fashion.studies.segmentation_peer import check_beside, scored_beside
from fashion.studies.segmentation_runs import Data, finished_run, folder_of
from mrcnn.drawing.tables import text_table

# Records of the runs, a seed each, by variant.
Results = dict[Variant, list[dict[str, Any]]]

LARGEST = 2  # runs that are repeated on larger images
# Arguments that all runs of a folder have in common, by their names in its notes.
COMMON = {
    "data": "data",
    "skip_bad": "skip_bad",
    "photos": "limit",
    "epochs": "epochs",
    "batch": "batch",
    "width": "width",
    "weights": "weights",
    "gamma": "gamma",
    "weigh": "weigh",
}


def run(args: argparse.Namespace, chosen: Sequence[Variant]) -> Results:
    """Does the study that the arguments describe.

    Args:
        args: Arguments of `fashion.segment.parse`.
        chosen: Variants of `fashion.segment.parse`.

    Returns:
        Records of all runs.
    """
    with working_in(args.out, "segment", below=True), resumable():
        if args.restart:
            larger = every_variant(args.large) if args.large else []
            runs = [folder_of(args.out, variant, 1).parent for variant in (*chosen, *larger)]
            start_over(args.out, ["study.json", *(str(run.relative_to(args.out)) for run in runs)])
        return train_and_measure(args, chosen)


def train_and_measure(args: argparse.Namespace, chosen: Sequence[Variant]) -> Results:
    """Trains what is missing of the chosen variants, then writes the page of all runs.

    Args:
        args: Arguments of `fashion.segment.parse`.
        chosen: Variants of `fashion.segment.parse`.

    Returns:
        Records of all runs.
    """
    note_run_arguments(args.out, {key: getattr(args, name) for key, name in COMMON.items()})
    data = Data(args)
    if args.beside:
        check_beside(args, data)
    num_larger = min(LARGEST, len(chosen)) if args.large else 0
    epochs = args.seeds * args.epochs * (len(chosen) + num_larger)
    steps = -(-len(data.train.image_ids) // args.batch)
    with tqdm(total=epochs * steps, unit="batch") as bar:
        results = trained(args, data, chosen, bar)
        if num_larger:
            names = {variant.name for variant in best_of(results, num_larger)}
            larger = [variant for variant in every_variant(args.large) if variant.name in names]
            results |= trained(args, data, larger, bar)
    beside = scored_beside(args, data, best_of_each_size(results)) if args.beside else None
    print(summary(results))
    images = data.shown(results, args.out)
    print(f"page: {write_study(args.out, results, images, about(args, data), beside)}")
    return results


def trained(args: argparse.Namespace, data: Data, chosen: Sequence[Variant], bar: tqdm) -> Results:
    """Trains and scores variants with every seed, as far as that is not done.

    Args:
        args: Arguments of `fashion.segment.parse`.
        data: Data of all runs.
        chosen: The variants.
        bar: Bar of all batches of the study.

    Returns:
        Records of the runs.
    """

    def run_one(variant, seed):
        which = f", seed {seed}" if args.seeds > 1 else ""
        bar.set_description(f"{variant.name} {variant.size}{which}")
        return finished_run(args, data, variant, seed, bar)

    results, _ = run_study(chosen, args.seeds, run_one)
    return results


def best_of(results: Results, count: int = LARGEST) -> list[Variant]:
    """Finds the best variants, see `fashion.studies.segmentation.best`.

    Args:
        results: Records of the runs.
        count: Number of variants.

    Returns:
        The variants, the best first.
    """
    scores = {}
    for variant, rows in results.items():
        scores[variant] = [row["validation"] for row in rows]
    return best(scores, count)


def best_of_each_size(results: Results) -> list[Variant]:
    """Finds the best variants of each size.

    Args:
        results: Records of the runs.

    Returns:
        The variants, the smallest size first.
    """
    chosen = []
    for size in sorted({variant.size for variant in results}):
        chosen += best_of({v: rows for v, rows in results.items() if v.size == size})
    return chosen


def about(args: argparse.Namespace, data: Data) -> str:
    """Describes data and settings in a sentence.

    Args:
        args: Arguments of `fashion.segment.parse`.
        data: Data of all runs.

    Returns:
        The sentence.
    """
    fresh = args.weights == "none" or args.width != 64
    weighed = "weighted by median frequency" if args.weigh else "with equal weights"
    return (
        f"{len(data.train.image_ids)} photos to train on, {len(data.validation.image_ids)} to "
        f"validate on, {len(data.labels['categories'])} categories; {args.epochs} epochs, batches "
        f"of {args.batch}, width {args.width}, gamma {args.gamma:g}, {weighed}, photos turned left "
        f"to right by chance, {args.seeds} run{'s' * (args.seeds > 1)} of each kind; the ResNet-50 "
        f"started from {'nothing' if fresh else 'weights trained on ImageNet'}."
    )


def summary(results: Results) -> str:
    """Writes the validation scores as a table.

    Args:
        results: Records of the runs.

    Returns:
        The table as text.
    """
    shown = {
        "pixel accuracy": ("validation", "pixel_accuracy"),
        "binary IoU": ("validation", "binary_iou"),
        "mean IoU": ("validation", "mean_iou"),
        "mask AP": ("mask_ap", "AP"),
    }
    table: list[list[Any]] = [["run", "size", *shown]]
    for variant, rows in results.items():
        scores = [mean_text(value_of(rows, keys)) for keys in shown.values()]
        table.append([variant.name, variant.size, *scores])
    return text_table(table)
