"""Compare networks that label every pixel.        python fashion/segment.py --data DIR --out runs/segment
A few minutes on the built-in data:                python fashion/segment.py --quick --out runs/quick

Trains U-Net, SegNet and FCN-ResNet50, each with cross-entropy and focal loss, Adam (rate 0.001) and SGD (0.01, momentum 0.9): twelve runs.
The two best by binary IoU are trained once more on larger pictures. Of each run the pixels, connected parts as objects (predictions.json,
which fashion/evaluate.py reads with --gt OUT/truth.json) and their mask AP are kept; all ends in one page, index.html, with the same as
table.csv and results.json. Killed at any moment, the same command goes on after the last whole epoch. --quick takes some ten minutes of a
shared CPU (2026-11-22), most of them for compiling; it shows that all works and is too short for a network to learn what a category is.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from fashion.cli import add_data_arguments, run_verb, working_in
from fashion.semantic.networks import MULTIPLE, NETWORKS
from fashion.studies.runner import note_run_arguments
from fashion.studies.segmentation import REPORTED, best, variants
from fashion.studies.segmentation_page import text_of, value_of, write_study
from fashion.studies.segmentation_peer import check_beside, scored_beside
from fashion.studies.segmentation_runs import Data, finished_run
from mrcnn.drawing.tables import text_table

USUAL = {
    "size": 256,
    "large": 512,
    "epochs": 20,
    "batch": 8,
    "width": 64,
    "weights": "imagenet",
    "photos": 0,
}
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
    "width": "channels of a network's first level; the cost goes with the square. 64 is the papers'",
    "photos": "only so many photos to train on, and a quarter as many to validate on",
}
LARGEST = 2  # how many runs are repeated on larger pictures
COMMON = (
    "data",
    "skip_bad",
    "photos",
    "epochs",
    "batch",
    "width",
    "weights",
    "gamma",
    "weigh",
)  # to all runs of a folder


def main(argv=None):
    """Run the study that the arguments describe; returns {Variant: [record of each run]}."""
    args, chosen = parse(argv)
    with working_in(args.out, "segment", below=True):
        return train_and_measure(args, chosen)


def train_and_measure(args, chosen):
    """What is missing of the chosen Variants, then the page of all; returns what `main` does."""
    note_run_arguments(args.out, {name: getattr(args, name) for name in COMMON})
    data = Data(args)
    if args.beside:
        check_beside(args, data)
    last = min(LARGEST, len(chosen)) if args.large else 0
    epochs = args.seeds * args.epochs * (len(chosen) + last)
    with tqdm(total=epochs * -(-len(data.train.image_ids) // args.batch), unit="batch") as bar:
        results = trained(args, data, chosen, bar)
        if last:
            names = {variant.name for variant in best_of(results, last)}
            larger = [
                variant for variant in variants(NETWORKS, args.large) if variant.name in names
            ]
            results |= trained(args, data, larger, bar)
    beside = scored_beside(args, data, best_of_each_size(results)) if args.beside else None
    print(summary(results))
    print(
        f"page: {write_study(args.out, results, data.shown(results, args.out), about(args, data), beside)}"
    )
    return results


def parse(argv):
    """(the arguments, the variants that are trained)."""
    parser = argparse.ArgumentParser(
        prog="fashion segment",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
        help="this run alone, for instance unet-focal-adam; may be given several "
        "times. Networks: " + ", ".join(NETWORKS) + "; losses: ce, focal; optimisers: adam, sgd",
    )
    parser.add_argument(
        "--pretrained", action="store_true", help="four runs more, of a U-Net on EfficientNet-Lite0"
    )
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
    args = parser.parse_args(argv)
    for name, usual in (QUICK if args.quick else USUAL).items():
        setattr(args, name, usual if getattr(args, name) is None else getattr(args, name))
    if (
        min(args.size, args.seeds, args.epochs, args.batch, args.width) < 1
        or min(args.photos, args.large, args.gamma) < 0
    ):
        parser.error(
            "--size, --seeds, --epochs, --batch and --width are at least 1, --photos, --large and --gamma at least 0"
        )
    for size in (args.size, args.large):
        if size % MULTIPLE:
            parser.error(
                f"--size and --large are multiples of {MULTIPLE} (the networks halve a picture five times). Got {size}"
            )
    every = {variant.name: variant for variant in variants(NETWORKS, args.size)}
    unknown = set(args.only or ()) - every.keys()
    if unknown:
        parser.error(f"there is no run {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    networks = [*REPORTED, *(["unet_lite0"] if args.pretrained else [])]
    return args, [
        v for v in every.values() if (v.name in args.only if args.only else v.network in networks)
    ]


def trained(args, data, chosen, bar):
    """{Variant: [record of each seed]}; what is finished is not done again."""
    results = {variant: [] for variant in chosen}
    for seed in range(
        1, 1 + args.seeds
    ):  # one after the other: broken off, it leaves every variant with the same seeds
        for variant in chosen:
            bar.set_description(
                f"{variant.name} {variant.size}" + (f", seed {seed}" if args.seeds > 1 else "")
            )
            results[variant].append(finished_run(args, data, variant, seed, bar))
    return results


def best_of(results, count=LARGEST):
    """The `count` best Variants, see `fashion.studies.segmentation.best`."""
    return best(
        {variant: [row["validation"] for row in rows] for variant, rows in results.items()}, count
    )


def best_of_each_size(results):
    """The same of each size, the smallest first."""
    sizes = sorted({variant.size for variant in results})
    return [
        variant
        for size in sizes
        for variant in best_of({v: rows for v, rows in results.items() if v.size == size})
    ]


def about(args, data):
    """A sentence on the data and the settings."""
    fresh = args.weights == "none" or args.width != 64
    return (
        f"{len(data.train.image_ids)} photos to train on, {len(data.validation.image_ids)} to validate on, "
        f"{len(data.labels['categories'])} categories; {args.epochs} epochs, batches of {args.batch}, width {args.width}, gamma "
        f"{args.gamma:g}, {'weighed by median frequency' if args.weigh else 'all categories weighed alike'}, photos "
        f"turned left to right by chance, {args.seeds} run{'s' * (args.seeds > 1)} of each kind; the ResNet-50 started from "
        f"{'nothing' if fresh else 'weights trained on ImageNet'}."
    )


def summary(results):
    """The validation scores as a table for the screen."""
    shown = {
        "pixel accuracy": ("validation", "pixel_accuracy"),
        "binary IoU": ("validation", "binary_iou"),
        "mean IoU": ("validation", "mean_iou"),
        "mask AP": ("mask_ap", "AP"),
    }
    return text_table(
        [
            ["run", "size", *shown],
            *(
                [
                    variant.name,
                    variant.size,
                    *(text_of(value_of(rows, keys)) for keys in shown.values()),
                ]
                for variant, rows in results.items()
            ),
        ]
    )


if __name__ == "__main__":
    sys.exit(run_verb(main))
