"""Compare networks that label every pixel.

    python fashion/segment.py --data DIR --out runs/segment

A few minutes on the built-in data:

    python fashion/segment.py --quick --out runs/quick

Trains U-Net, SegNet and FCN-ResNet50, each with cross-entropy and focal loss, Adam (rate 0.001) and
SGD (0.01, momentum 0.9): twelve runs. The two best by binary IoU are trained once more on larger
pictures. Of each run the pixels, connected parts as objects (predictions.json, which
fashion/evaluate.py reads with --gt OUT/truth.json) and their mask AP are kept; all ends in one
page, index.html, with the same as table.csv and results.json. Killed at any moment, the same
command goes on after the last whole epoch. --quick takes some ten minutes of a shared CPU
(2026-11-22), most of them for compiling; it shows that all works and is too short for a network to
learn what a category is.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fashion.cli import add_data_arguments, run_verb, working_in
from fashion.semantic.networks import MULTIPLE, NETWORKS
from fashion.studies.runner import note_run_arguments, run_study
from fashion.studies.seed_statistics import mean_text
from fashion.studies.segmentation import REPORTED, Variant, best, variants
from fashion.studies.segmentation_page import value_of, write_study
from fashion.studies.segmentation_peer import check_beside, scored_beside
from fashion.studies.segmentation_runs import Data, finished_run
from mrcnn.drawing.tables import text_table

# Records of the runs, a seed each, by variant.
Results = dict[Variant, list[dict[str, Any]]]

USUAL = {
    "size": 256,
    "large": 512,
    "epochs": 20,
    "batch": 8,
    "width": 64,
    "weights": "imagenet",
    "photos": 0,
}
# With --quick.
QUICK = {
    "size": 64,
    "large": 96,
    "epochs": 2,
    "batch": 8,
    "width": 8,
    "weights": "none",
    "photos": 96,
}
NUMBERS = {
    "size": f"side of the pictures, pixels, a multiple of {MULTIPLE}",
    "large": "that of the best runs once more; 0: none",
    "epochs": "of each run",
    "batch": "photos of a batch",
    "width": "channels of a network's first level; the cost goes with the square. 64 is the "
    "papers'",
    "photos": "only so many photos to train on, and a quarter as many to validate on",
}
LARGEST = 2  # runs that are repeated on larger images
# Arguments that all runs of a folder have in common.
COMMON = ("data", "skip_bad", "photos", "epochs", "batch", "width", "weights", "gamma", "weigh")


def main(argv: Sequence[str] | None = None) -> Results:
    """Does the study that the arguments describe.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        Records of all runs.
    """
    args, chosen = parse(argv)
    with working_in(args.out, "segment", below=True):
        return train_and_measure(args, chosen)


def train_and_measure(args: argparse.Namespace, chosen: Sequence[Variant]) -> Results:
    """Trains what is missing of the chosen variants, then writes the page of all runs.

    Args:
        args: Arguments of `parse`.
        chosen: Variants of `parse`.

    Returns:
        Records of all runs.
    """
    note_run_arguments(args.out, {name: getattr(args, name) for name in COMMON})
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
            larger = [
                variant for variant in variants(NETWORKS, args.large) if variant.name in names
            ]
            results |= trained(args, data, larger, bar)
    beside = scored_beside(args, data, best_of_each_size(results)) if args.beside else None
    print(summary(results))
    images = data.shown(results, args.out)
    print(f"page: {write_study(args.out, results, images, about(args, data), beside)}")
    return results


def parse(argv: Sequence[str] | None = None) -> tuple[argparse.Namespace, list[Variant]]:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        args: The arguments.
        chosen: The variants to be trained.
    """
    parser = argparse.ArgumentParser(
        prog="fashion segment",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_arguments(parser)
    _add_training_arguments(parser)
    args = parser.parse_args(argv)
    for name, usual in (QUICK if args.quick else USUAL).items():
        if getattr(args, name) is None:
            setattr(args, name, usual)
    every = {variant.name: variant for variant in variants(NETWORKS, args.size)}
    wrong = _what_is_wrong(args, every)
    if wrong:
        parser.error(wrong)
    if args.only:
        return args, [variant for variant in every.values() if variant.name in args.only]
    networks = [*REPORTED, *(["unet_lite0"] if args.pretrained else [])]
    return args, [variant for variant in every.values() if variant.network in networks]


def _add_arguments(parser):
    add_data_arguments(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the runs and the page"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"small networks, pictures and data: {QUICK}, unless other is said",
    )
    for name, text in NUMBERS.items():
        parser.add_argument(
            f"--{name}", type=int, metavar="N", help=f"{text} (default: {USUAL[name] or 'all'})"
        )
    parser.add_argument(
        "--only",
        action="append",
        metavar="RUN",
        help="this run alone, for instance unet-focal-adam; may be given several times. "
        f"Networks: {', '.join(NETWORKS)}; losses: ce, focal; optimisers: adam, sgd",
    )
    parser.add_argument(
        "--pretrained", action="store_true", help="four runs more, of a U-Net on EfficientNet-Lite0"
    )


def _add_training_arguments(parser):
    parser.add_argument(
        "--weights",
        metavar="FILE|imagenet|none",
        help="where encoders start (default: imagenet, which a ResNet-50 of "
        "another width than 64 cannot); a file is one of ResNet-50's",
    )
    parser.add_argument(
        "--gamma",
        type=float,
        default=2.0,
        metavar="G",
        help="of the focal loss (default: %(default)s)",
    )
    parser.add_argument(
        "--weigh", action="store_true", help="rare categories count more, by median frequency"
    )
    parser.add_argument(
        "--beside",
        metavar="RUN_OR_FILE",
        help="a Mask R-CNN, scored on the same photos as the two best of each size",
    )
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="runs of each kind (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="threads that prepare batches"
    )


def _what_is_wrong(args: argparse.Namespace, every: Mapping[str, Variant]) -> str | None:
    """The first contradiction among the arguments."""
    positive = (args.size, args.seeds, args.epochs, args.batch, args.width)
    if min(positive) < 1 or min(args.photos, args.large, args.gamma) < 0:
        return (
            "--size, --seeds, --epochs, --batch and --width are at least 1, --photos, --large and "
            "--gamma at least 0"
        )
    for size in (args.size, args.large):
        if size % MULTIPLE:
            return (
                f"--size and --large are multiples of {MULTIPLE} (the networks halve a picture "
                f"five times). Got {size}"
            )
    unknown = set(args.only or ()) - every.keys()
    if unknown:
        return f"there is no run {', '.join(sorted(unknown))}; there are {', '.join(every)}"
    return None


def trained(args: argparse.Namespace, data: Data, chosen: Sequence[Variant], bar: tqdm) -> Results:
    """Trains and scores variants with every seed, as far as that is not done.

    Args:
        args: Arguments of `parse`.
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
        args: Arguments of `parse`.
        data: Data of all runs.

    Returns:
        The sentence.
    """
    fresh = args.weights == "none" or args.width != 64
    weighed = "weighed by median frequency" if args.weigh else "all categories weighed alike"
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


if __name__ == "__main__":
    sys.exit(run_verb(main))
