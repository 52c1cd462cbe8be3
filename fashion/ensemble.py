r"""Fuse stored predictions of several models, and search their weights.

    fashion ensemble a/predictions.json b/predictions.json \
        --out both/predictions.json

Search the weights, and write the ensemble file for `--ensemble`:

    fashion ensemble a/predictions.json b/predictions.json \
        --gt val.csv --search --out both/predictions.json

The files are those of `fashion predict` and `fashion evaluate`, for the same
images. Boxes are fused, masks and scores of attributes are averaged. --search
tries weights and IoU thresholds, and scores them on images held out: that AP is
the one to expect on new images. It writes ensemble.json next to --out. `fashion
predict --ensemble ensemble.json` runs the models themselves, which predict
masks and attributes at the fused boxes.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    if __name__ == "__main__":
        from fashion.__main__ import main_of  # handles signals before NumPy is imported

        sys.exit(main_of(__file__))

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fashion.cli.errors import run_verb
from fashion.cli.options import add_option
from fashion.cli.parser import Parser, fraction, positive, whole
from fashion.cli.paths import check_file, check_output_file
from fashion.formats.model_files import member_in
from mrcnn.inference.fusion import METHODS

_EXPECTED = "predictions.json of `fashion predict` or `fashion evaluate`"


def main(argv: Sequence[str] | None = None) -> Path:
    """Fuses as the arguments ask.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The file of the fused predictions.
    """
    args = parse(argv)
    from fashion.commands.ensemble import run  # not at the top: it imports NumPy and pycocotools

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.

    Raises:
        OSError: A file is missing, or --out cannot be written to.
        ValueError: A model of --models is not a weight file.
    """
    parser = Parser("ensemble", __doc__, "PREDICTIONS.json … [options]")
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PREDICTIONS", help="stored predictions, two or more"
    )
    add_option(
        parser,
        "--out",
        default=Path("ensemble/predictions.json"),
        metavar="JSON",
        help="the fused predictions (default: %(default)s)",
    )
    _add_fusion_options(parser)
    _add_search_options(parser.add_argument_group("search"))
    args = parser.parse_args(argv)
    if wrong := _contradiction(args):
        parser.error(wrong)
    for path in args.paths:
        check_file(path, "PREDICTIONS", _EXPECTED)
    check_file(args.gt, "--gt", "a Kaggle CSV, or a COCO or Fashionpedia JSON")
    for path in args.models or ():
        member_in(path)
    check_output_file(args.out)
    return args


def _add_fusion_options(parser: Parser) -> None:
    parser.add_argument(
        "--weight",
        nargs="+",
        type=positive,
        metavar="N",
        help="weights of the files, in the same order (default: 1 each)",
    )
    parser.add_argument(
        "--fusion",
        choices=sorted(METHODS),
        default="wbf",
        metavar="METHOD",
        help=f"how boxes are fused: {', '.join(sorted(METHODS))} (default: %(default)s, weighted "
        "boxes fusion)",
    )
    parser.add_argument(
        "--iou",
        type=fraction,
        default=0.6,
        metavar="IOU",
        help="boxes of one category whose IoU is above this are one object (default: %(default)s)",
    )
    parser.add_argument(
        "--gt",
        type=Path,
        metavar="FILE",
        help="ground truth, to score the files and their fusion: a Kaggle CSV, or a COCO or "
        "Fashionpedia JSON",
    )


def _add_search_options(group):
    group.add_argument(
        "--search",
        action="store_true",
        help="search the weights and the IoU that score best on --gt, and write ensemble.json",
    )
    group.add_argument(
        "--models",
        nargs="+",
        type=Path,
        metavar="RUN|FILE",
        help="models of the files, in the same order, for ensemble.json (default: those that the "
        "files name)",
    )
    group.add_argument(
        "--folds",
        type=whole(2),
        default=5,
        metavar="N",
        help="folds of the images; each is scored with weights searched on the others "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--trials",
        type=whole(1),
        default=40,
        metavar="N",
        help="candidates that are tried (default: %(default)s)",
    )
    add_option(group, "--seed")


def _contradiction(args: argparse.Namespace) -> str | None:
    """The first contradiction among the arguments."""
    if len(args.paths) < 2:
        return f"Name two files of predictions or more. Got {len(args.paths)}."
    if args.search and not args.gt:
        return "--search needs the ground truth: --gt FILE."
    if args.search and args.weight:
        return "--search finds the weights, so --weight has no meaning: give one of them."
    for name in ("weight", "models"):
        given = getattr(args, name)
        if given and len(given) != len(args.paths):
            return f"--{name} needs a value for each of the {len(args.paths)} files."
    if args.iou >= 1:
        return "--iou lies below 1."
    return None


if __name__ == "__main__":
    sys.exit(run_verb(main))
