"""Write a smaller copy of a data set, for faster loading.

    fashion prepare --data ~/imaterialist --imgsz 1024

Downscales images so that their longer side is at most --imgsz, and their masks
with them. Smaller images keep their size. The copy has Kaggle's layout, as the
original has, so every command takes it as --data. Convert data of another
format first: `fashion convert --to kaggle`. If it is interrupted, the same
command resumes; the annotations are written last.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    if __name__ == "__main__":
        from fashion.__main__ import main_of  # handles signals before NumPy is imported

        sys.exit(main_of(__file__))

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from fashion.cli.errors import run_verb
from fashion.cli.options import add_option
from fashion.cli.parser import Parser, whole
from fashion.cli.paths import beside, check_data, check_output
from fashion.moved import moved_attributes

__getattr__ = moved_attributes(
    __name__, "fashion.commands.prepare", ("Copier", "fill", "load", "report", "write")
)


def main(argv: Sequence[str] | None = None) -> Path:
    """Runs the command.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The folder of the copy.
    """
    args = parse(argv)
    from fashion.commands.prepare import run  # not at the top: it is slow to import

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
    parser = Parser("prepare", __doc__)
    add_option(parser, "--data")
    add_option(
        parser,
        "--out",
        help="folder of the copy (default: the folder of --data, with -PIXELS added to its name)",
    )
    add_option(
        parser,
        "--imgsz",
        old_names=("--longest",),
        type=whole(1, 65_500),
        default=1024,
        help="longest side of an image (default: %(default)s)",
    )
    parser.add_argument(
        "--quality",
        type=whole(1, 100),
        default=92,
        metavar="Q",
        help="quality of JPEGs, 1 to 100 (default: %(default)s)",
    )
    add_option(parser, "--skip-bad")
    add_option(
        parser,
        "--workers",
        default=os.cpu_count() or 1,
        help="number of images that are prepared in parallel (default: the number of cores)",
    )
    args = parser.parse_args(argv)
    files = check_data(args.data)
    if files and files.has_names:
        converted = beside(args.data, "kaggle")
        first = ["fashion", "convert", "--data", args.data, "--to", "kaggle", "--out", converted]
        then = ["fashion", "prepare", "--data", converted, "--imgsz", args.imgsz]
        raise ValueError(
            f"{args.data} is not in Kaggle's layout, the only one that is copied. Convert it "
            f"first: {_command(first)}. Then: {_command(then)}."
        )
    if args.out is None:
        args.out = beside(args.data, str(args.imgsz))
    check_output(args.out)
    return args


def _command(words: Sequence[object]) -> str:
    return shlex.join(map(str, words))


if __name__ == "__main__":
    sys.exit(run_verb(main))
