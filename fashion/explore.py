"""Describe a data set before training on it.

    fashion explore --data ~/imaterialist --out exploration

Writes one page, index.html: sizes of the images, frequencies of classes and
attributes and which occur together, sizes and shapes of the masks, how well
anchors fit at the training size of a recipe and which would fit better,
sample masks of every class, data issues, and the differences between train.csv
and val.csv. The numbers are written next to it: exploration.json, classes.csv,
attributes.csv and suspicious.csv, which lists the data issues.
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
from fashion.cli.parser import Parser, whole
from fashion.cli.paths import check_output
from fashion.config import RECIPES
from fashion.exploration import TINY
from fashion.moved import moved_attributes
from mrcnn.config import parse_setting

__getattr__ = moved_attributes(
    __name__,
    "fashion.commands.explore",
    ("draw_samples", "explore", "readable", "with_objects"),
)


def main(argv: Sequence[str] | None = None) -> Path:
    """Runs the command.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The page.
    """
    args = parse(argv)
    from fashion.commands.explore import run  # not at the top: it is slow to import

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments, and as `config` the recipe with the settings of --set.

    Raises:
        OSError: There is no such data set, or --out cannot be written to.
        ValueError: A setting has an impossible value.
    """
    parser = Parser("explore", __doc__)
    add_data_options(parser, skip_bad=False)  # invalid rows are listed on the page
    add_option(parser, "--out", default=Path("exploration"))
    parser.add_argument(
        "--recipe",
        choices=sorted(RECIPES),
        default="baseline",
        metavar="NAME",
        help="recipe whose training size and anchors are compared with the objects: "
        f"{', '.join(sorted(RECIPES))} (default: %(default)s)",
    )
    add_option(parser, "--set")
    parser.add_argument(
        "--samples",
        type=whole(),
        default=6,
        metavar="N",
        help="sample objects drawn of each class (default: %(default)s)",
    )
    parser.add_argument(
        "--tiny",
        type=whole(),
        default=TINY,
        metavar="PIXELS",
        help="masks of fewer pixels are listed as data issues (default: %(default)s)",
    )
    add_option(parser, "--seed")
    args = parser.parse_args(argv)
    check_data_options(args)
    check_output(args.out)
    recipe = RECIPES[args.recipe]
    args.config = recipe.from_dict(dict(parse_setting(text, recipe) for text in args.set))
    return args


if __name__ == "__main__":
    sys.exit(run_verb(main))
