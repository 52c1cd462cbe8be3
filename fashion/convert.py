r"""Convert a data set to another format.

    fashion convert --data instances_train.json --images photos \
        --to kaggle --out copy

Reads whatever the other commands take for --data: Kaggle's CSV, COCO,
Fashionpedia and LVIS JSON, VIA, labelme, YOLO segmentation, DeepFashion2. Masks
keep every pixel. What the format cannot hold is listed at the end. Images
become hard links where the disk allows it, and copies elsewhere. If it is
interrupted, the same command resumes.
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

from fashion.cli.data_options import add_data_options, check_data_options
from fashion.cli.errors import run_verb
from fashion.cli.options import add_option
from fashion.cli.parser import Parser
from fashion.cli.paths import beside, check_output

SOURCES = (
    "kaggle",
    "coco",
    "fashionpedia",
    "lvis",
    "via",
    "labelme",
    "yolo",
    "deepfashion2",
)
TARGETS = ("kaggle", "kaggle2019", "coco", "fashionpedia", "yolo", "via")


def main(argv: Sequence[str] | None = None) -> Path:
    """Converts as the arguments ask.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The folder of the copy.
    """
    args = parse(argv)
    from fashion.commands.convert import run  # not at the top: it imports what reads masks

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.

    Raises:
        OSError: There is no such data set, or --out cannot be written to.
    """
    parser = Parser("convert", __doc__, "--data PATH --to FORMAT [options]")
    add_data_options(parser)
    parser.add_argument("--to", choices=TARGETS, required=True, help="format of the copy")
    parser.add_argument(
        "--from",
        dest="source",
        choices=SOURCES,
        metavar="FORMAT",
        help=f"format of --data (default: detected): {', '.join(SOURCES)}",
    )
    add_option(
        parser,
        "--out",
        help="folder of the copy (default: that of --data, with -FORMAT added to its name)",
    )
    args = parser.parse_args(argv)
    check_data_options(args)
    if args.out is None:
        args.out = beside(args.data, args.to)
    check_output(args.out)
    return args


if __name__ == "__main__":
    sys.exit(run_verb(main))
