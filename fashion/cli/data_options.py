"""Options of the verbs that read a data set: where it is, and how it is split."""

import argparse
import re
from pathlib import Path
from typing import Any

from fashion.cli.options import add_option
from fashion.cli.parser import fraction
from fashion.cli.paths import check_data, check_folder
from fashion.datasets.split_rules import check_fold, check_fractions

_VAL_FRACTION = 0.1  # of `fashion.datasets.splits.Split`


def add_data_options(parser: Any, *, val: bool = True, skip_bad: bool = True) -> None:
    """Adds --data, --images, --val and --skip-bad.

    Args:
        parser: Parser of a verb, or one of its groups.
        val: False leaves --val out.
        skip_bad: False leaves --skip-bad out.
    """
    add_option(parser, "--data")
    add_option(
        parser,
        "--images",
        old_names=(),
        nargs=None,
        metavar="DIR",
        help="folder of the images of --data (default: looked for near the annotations)",
    )
    if val:
        add_val_option(parser)
    if skip_bad:
        add_option(parser, "--skip-bad")


def add_val_option(parser: Any) -> None:
    """Adds --val.

    Args:
        parser: Parser of a verb, or one of its groups.
    """
    parser.add_argument(
        "--val",
        type=Path,
        metavar="PATH",
        help="data set for validation, a file or a folder (default: that of --data if it has "
        "one, otherwise some images of --data)",
    )


def add_split_options(parser: Any, *, show: bool = True) -> None:
    """Adds --split, --fold, --val-fraction, --test-fraction, --near-duplicates and --show-split.

    Args:
        parser: Parser of a verb that trains, or one of its groups.
        show: False leaves --show-split out.
    """
    parser.add_argument(
        "--split",
        choices=["stratified", "random"],
        help="how validation images are chosen from the training data (default: stratified, or "
        "the validation data that the data set has)",
    )
    parser.add_argument(
        "--fold", type=fold, metavar="I/K", help="validate on part I of K of the training data"
    )
    for part, use, usual in (
        ("val", "to validate on", _VAL_FRACTION),
        ("test", "to keep for evaluate --split test", "none"),
    ):
        parser.add_argument(
            f"--{part}-fraction",
            type=fraction,
            metavar="F",
            help=f"share of the images {use} (default: {usual})",
        )
    parser.add_argument(
        "--near-duplicates",
        action=argparse.BooleanOptionalAction,
        help="keep near-duplicates on one side of a stratified split (default). All images are "
        "read for it once, which takes some minutes for 45,000",
    )
    if show:
        parser.add_argument(
            "--show-split",
            action="store_true",
            help="print the validation share of each category and attribute, and stop",
        )


def check_split_options(args: argparse.Namespace) -> None:
    """Checks --fold, --val-fraction and --test-fraction.

    Args:
        args: Parsed arguments of a verb with `add_split_options`.

    Raises:
        ValueError: There is no such fold, or nothing is left to train on.
    """
    if args.fold:
        check_fold(*args.fold)
    given = (args.val_fraction, args.test_fraction)
    if given != (None, None):
        val, test = given
        check_fractions(_VAL_FRACTION if val is None else val, test or 0.0)


def check_data_options(args: argparse.Namespace) -> None:
    """Checks that what --data, --images and --val name exists, and that --data is a data set.

    Args:
        args: Parsed arguments.

    Raises:
        FileNotFoundError: There is nothing of that name, or no data set.
        ValueError: There are several files of annotations.
    """
    check_folder(args.images, "--images", "the folder of the images")
    check_val_option(args)
    val, source = (getattr(args, name, None) for name in ("val", "source"))
    check_data(args.data, args.images, val, source)


def check_val_option(args: argparse.Namespace) -> None:
    """Checks that what --val names exists.

    Args:
        args: Parsed arguments, also of a verb without --val.

    Raises:
        FileNotFoundError: There is nothing of that name.
    """
    val = getattr(args, "val", None)
    if val is not None and not val.expanduser().exists():
        raise FileNotFoundError(f"There is no {val}. --val names a data set for validation.")


def fold(text: str) -> tuple[int, int]:
    """Converts "2/5", as the `type` of an option.

    Args:
        text: I/K.

    Returns:
        (2, 5).
    """
    if not re.fullmatch(r"\d+/\d+", text):
        raise argparse.ArgumentTypeError(f"must be I/K, for instance 1/5. Got {text}.")
    part, parts = map(int, text.split("/"))
    return part, parts
