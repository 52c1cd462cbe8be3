"""Find what rises and falls over time in a catalogue of garments.

    fashion trends index --dates exif
    fashion trends index --dates dates.csv --by quarter

Measures the share of images with each category, attribute and color in every
period, tests each series for a trend (Mann-Kendall), and controls the rate of
false discoveries. Writes one page, the numbers (JSON, CSV) and the plots.

    exif      the dates that the catalogue has read from the photos
    folders   dates in names of folders: 2024-05-17, 2024/05, 2024-Q2, 2024
    FILE.csv  the columns image and date
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
from fashion.cli.options import add_option, check_dates
from fashion.cli.parser import Parser, whole
from fashion.cli.paths import check_output

PERIODS = ("week", "month", "quarter", "year")


def main(argv: Sequence[str] | None = None) -> Path:
    """Measures trends.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        Path of the page.
    """
    args = parse(argv)
    from fashion.commands.trends import run  # not at the top: it imports matplotlib

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.

    Raises:
        OSError: There is no such catalogue or CSV, or --out cannot be written to.
    """
    parser = Parser("trends", __doc__, "INDEX [options]")
    parser.add_argument(
        "index",
        nargs="?",
        metavar="INDEX",
        help="index of `fashion catalogue`, or a collection of a Qdrant server",
    )
    # As the other verbs name it.
    parser.add_argument("--index", dest="index_option", help=argparse.SUPPRESS)
    add_option(parser, "--dates")
    parser.add_argument(
        "--by",
        choices=PERIODS,
        default="month",
        metavar="PERIOD",
        help="week, month, quarter or year (default: %(default)s)",
    )
    add_option(parser, "--out", default=Path("trends"))
    _add_options_of_the_test(parser)
    args = parser.parse_args(argv)
    if args.index and args.index_option:
        parser.error("Name one index.")
    args.index = args.index or args.index_option
    if not args.index:
        parser.error("INDEX is missing.")
    from fashion.retrieval.index import check_index  # not at the top: it imports NumPy

    check_index(args.index)
    check_dates(args)
    check_output(args.out)
    return args


def _add_options_of_the_test(parser: Parser) -> None:
    parser.add_argument(
        "--min-count",
        type=whole(1),
        default=10,
        metavar="N",
        help="leave out periods, categories, attributes and colors with fewer than N images "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--alpha",
        type=_share,
        default=0.05,
        metavar="RATE",
        help="limit of the false-discovery rate (default: %(default)s)",
    )
    parser.add_argument(
        "--category",
        metavar="NAME",
        help="only garments of this category: attributes and colors of dresses, for instance",
    )
    parser.add_argument(
        "--seasonal",
        action="store_true",
        help="compare each month with the same month of other years only; needs two years",
    )
    parser.add_argument(
        "--photo-sessions",
        dest="shoots",
        action="store_true",
        help="each folder is one photo session: count all its images in the period of its median "
        "date",
    )
    parser.add_argument(  # its name before
        "--shoots", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    add_option(
        parser,
        "--conf",
        help="minimum confidence score of a garment (default: all of the catalogue)",
    )
    add_option(
        parser,
        "--attr-conf",
        help="minimum confidence score of an attribute (default: all of the catalogue)",
    )


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and below 1. Got {text}.")
    return value


if __name__ == "__main__":
    sys.exit(run_verb(main))
