r"""Train and compare networks for semantic segmentation.

    fashion segment --data DIR

Some minutes on the built-in drawings:

    fashion segment --quick --out runs/quick

Trains U-Net, SegNet and FCN-ResNet50, each with cross-entropy and focal loss,
with Adam (learning rate 0.001) and SGD (0.01, momentum 0.9): twelve runs.
--losses and --schedules add others. The two runs with the best binary IoU are
trained again on larger images. The defaults are the UIUC report's sizes: they
are meant for a GPU. On a CPU take smaller ones:

    fashion segment --data DIR --imgsz 128 --large 256 --width 16 \
        --epochs 12

Each run is scored by pixels, and by mask AP with connected parts as objects;
these are written to predictions.json, which `fashion evaluate --gt
OUT/truth.json` reads. All results are in index.html, table.csv and
results.json. If the study is interrupted, the same command resumes after the
last complete epoch.

--quick shows that everything works, with three runs and their best two larger.
It is too short to learn the categories.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    if __name__ == "__main__":
        from fashion.__main__ import main_of  # handles signals before NumPy is imported

        sys.exit(main_of(__file__))

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fashion.cli.data_options import add_data_options, check_data_options
from fashion.cli.errors import run_verb
from fashion.cli.options import add_option
from fashion.cli.parser import Parser, did_you_mean, not_negative, whole
from fashion.cli.paths import check_output
from fashion.formats.model_files import check_model
from fashion.moved import moved_attributes
from fashion.semantic.names import MULTIPLE, NETWORK_TITLES
from fashion.studies.segmentation import (
    LOSSES,
    REPORTED,
    REPORTED_LOSSES,
    SCHEDULES,
    Variant,
    every_variant,
    variants,
)

__getattr__ = moved_attributes(
    __name__,
    "fashion.commands.segment",
    {
        **{name: name for name in ("COMMON", "LARGEST", "Results", "about", "best_of")},
        **{name: name for name in ("best_of_each_size", "summary", "train_and_measure")},
        "trained": "trained",
        "note_run_arguments": "fashion.studies.runner.note_run_arguments",
    },
)

USUAL = {
    "imgsz": 256,
    "large": 512,
    "epochs": 20,
    "batch": 8,
    "width": 64,
    "weights": "imagenet",
    "limit": 0,
}
# With --quick.
QUICK = {
    "imgsz": 64,
    "large": 96,
    "epochs": 2,
    "batch": 8,
    "width": 8,
    "weights": "none",
    "limit": 96,
}


# What the options of the compared trainings mean.
_MEANING = {
    "--losses": "Dice and Lovász are added to cross-entropy",
    "--schedules": "The learning rate over a training: as it is, divided by 10 after 2/3 and 8/9 "
    "of it, or a half cosine",
}


# Runs of --quick: each network once, and most losses and schedules.
QUICK_RUNS = ("unet-ce-adam", "segnet-focal-sgd-step", "fcn-lovasz-adam-cosine")


def main(argv: Sequence[str] | None = None) -> Any:
    """Does the study that the arguments describe.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        Records of all runs.
    """
    args, chosen = parse(argv)
    from fashion.commands.segment import run  # not at the top: it imports Keras

    return run(args, chosen)


def parse(argv: Sequence[str] | None = None) -> tuple[argparse.Namespace, list[Variant]]:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        args: The arguments.
        chosen: The variants to be trained.

    Raises:
        OSError: There is no such data set or model, or --out cannot be written to.
        ValueError: The model of --beside is not a weight file.
    """
    parser = Parser("segment", __doc__)
    add_data_options(parser)
    add_option(parser, "--out", default=Path("runs/segment"))
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a short study of small networks: "
        + " ".join(f"--{name} {value}" for name, value in QUICK.items()),
    )
    _add_run_options(parser)
    _add_training_options(parser.add_argument_group("training"))
    args = parser.parse_args(argv)
    for name, usual in (QUICK if args.quick else USUAL).items():
        if getattr(args, name) is None:
            setattr(args, name, usual)
    every = {variant.name: variant for variant in every_variant(args.imgsz)}
    wrong = _contradiction(args, every)
    if wrong:
        parser.error(wrong)
    check_data_options(args)
    if args.beside:
        check_model(args.beside)
    check_output(args.out)
    chosen = args.only
    if args.quick and not any((chosen, args.losses, args.schedules, args.pretrained)):
        chosen = QUICK_RUNS
    if chosen:
        return args, [variant for variant in every.values() if variant.name in chosen]
    networks = [*REPORTED, *(["unet_lite0"] if args.pretrained else [])]
    losses = list(dict.fromkeys(args.losses or REPORTED_LOSSES))
    schedules = list(dict.fromkeys(args.schedules or ["constant"]))
    return args, variants(networks, args.imgsz, losses, schedules)


def _add_run_options(parser):
    parser.add_argument(
        "--only",
        action="append",
        metavar="RUN",
        help="train this run only, may be repeated, for instance unet-focal-adam, or "
        f"unet-dice-adam-cosine. Networks: {', '.join(NETWORK_TITLES)}; losses: "
        f"{', '.join(LOSSES)}; optimizers: adam, sgd; schedules: {', '.join(SCHEDULES)}",
    )
    for option, names, usual in (
        ("--losses", LOSSES, REPORTED_LOSSES),
        ("--schedules", SCHEDULES, ["constant"]),
    ):
        parser.add_argument(
            option,
            nargs="+",
            choices=names,
            metavar="NAME",
            help=f"{', '.join(names)} (default: {' '.join(usual)}). {_MEANING[option]}",
        )
    parser.add_argument(
        "--pretrained", action="store_true", help="add four runs of a U-Net on EfficientNet-Lite0"
    )
    parser.add_argument(
        "--beside",
        metavar="RUN|FILE",
        help="a Mask R-CNN that is scored on the same images as the two best runs of each size",
    )
    parser.add_argument(
        "--seeds",
        type=whole(1),
        default=1,
        metavar="N",
        help="runs of each variant, with seeds 1 to N (default: %(default)s)",
    )
    add_option(parser, "--restart")


def _add_training_options(group):
    add_option(
        group,
        "--imgsz",
        default=None,
        help=f"side of the images, a multiple of {MULTIPLE} (default: {USUAL['imgsz']})",
    )
    group.add_argument(
        "--large",
        type=whole(),
        metavar="PIXELS",
        help="side of the images for the best two runs; 0 leaves these out (default: "
        f"{USUAL['large']})",
    )
    add_option(
        group,
        "--limit",
        type=whole(),
        old_names=("--photos",),
        help="train on the first N images only, and validate on a quarter as many (default: all)",
    )
    add_option(group, "--epochs", help=f"epochs of each run (default: {USUAL['epochs']})")
    add_option(group, "--batch", help=f"images per batch (default: {USUAL['batch']})")
    group.add_argument(
        "--width",
        type=whole(1),
        metavar="CHANNELS",
        help="channels of the first level of a network; the cost grows with its square (default: "
        f"{USUAL['width']}, as published)",
    )
    add_option(
        group,
        "--weights",
        default=None,
        metavar="imagenet|none|FILE",
        help="initial weights of the encoders: imagenet (the default; needs --width 64 for a "
        "ResNet-50), none, or a file of ResNet-50",
    )
    group.add_argument(
        "--gamma",
        type=not_negative,
        default=2.0,
        metavar="G",
        help="exponent of the focal loss (default: %(default)s)",
    )
    group.add_argument(
        "--weigh", action="store_true", help="weight the classes by median frequency"
    )
    add_option(group, "--workers")


def _contradiction(args: argparse.Namespace, every: Mapping[str, Variant]) -> str | None:
    """The first contradiction among the arguments."""
    for option, size in (("--imgsz", args.imgsz), ("--large", args.large)):
        if size % MULTIPLE:
            return (
                f"{option} must be a multiple of {MULTIPLE} (the networks halve an image five "
                f"times). Got {size}"
            )
    unknown = next((name for name in args.only or () if name not in every), None)
    if unknown:
        hint = did_you_mean(unknown, every)
        return (
            "--only must be NETWORK-LOSS-OPTIMIZER or NETWORK-LOSS-OPTIMIZER-SCHEDULE, for "
            f"instance {next(iter(every))}; --help lists the names. Got {unknown}.{hint}"
        )
    if args.only and (args.losses or args.schedules):
        return "--only names whole runs, so --losses and --schedules go without it"
    return None


if __name__ == "__main__":
    sys.exit(run_verb(main))
