"""Print the settings of a recipe, with their meanings.

    python fashion/settings.py baseline

Change a setting in train, predict, evaluate, submit and explore with
--set KEY=VALUE. Values are written as JSON: 0.3, true, [8,16,32].
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

from fashion.cli.errors import run_verb
from fashion.cli.options import add_option
from fashion.cli.parser import Parser
from fashion.config import RECIPES


def main(argv: Sequence[str] | None = None) -> str:
    """Prints the settings.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        What was printed.
    """
    args = parse(argv)
    from fashion.commands.settings import run

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.
    """
    parser = Parser("settings", __doc__, "[RECIPE] [options]")
    parser.add_argument(
        "recipe",
        nargs="?",
        choices=sorted(RECIPES),
        default="baseline",
        metavar="RECIPE",
        help=f"{', '.join(sorted(RECIPES))} (default: %(default)s)",
    )
    add_option(parser, "--set")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run_verb(main))
