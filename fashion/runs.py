"""List training runs, or write the page of a run again.

    fashion runs runs --sort ap
    fashion runs --page runs/ccp2026…

Prints a table with the data, the recipe, the scores of the best epoch, the time
that the epochs took, and the state of every run below a folder.
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
from typing import Any

from fashion.cli.errors import run_verb
from fashion.cli.parser import Parser
from fashion.cli.paths import check_folder, check_output

# What --sort sorts by: names from A, scores and times from the largest.
COLUMNS = ("started", "name", "data", "recipe", "epochs", "ap", "ap50", "f1", "time", "state")


def main(argv: Sequence[str] | None = None) -> Any:
    """Lists runs, or writes pages.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The facts of the runs, a `RunFacts` each.
    """
    args = parse(argv)
    from fashion.commands.runs import run  # not at the top: pages import Keras

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.

    Raises:
        OSError: There is no such folder, or the page cannot be written to it.
    """
    parser = Parser("runs", __doc__, "[DIR] [options]")
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="a run folder, or a folder with runs at any depth (default: %(default)s)",
    )
    parser.add_argument(
        "--sort",
        choices=COLUMNS,
        default="started",
        metavar="COLUMN",
        help=f"{', '.join(COLUMNS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--format",
        choices=("table", "json", "csv"),
        default="table",
        metavar="KIND",
        help="table, json or csv (default: %(default)s)",
    )
    parser.add_argument(
        "--page",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="write the page of these run folders: index.html, metrics.json and pictures",
    )
    args = parser.parse_args(argv)
    for folder in args.page or [args.folder]:
        check_folder(folder, "--page" if args.page else "DIR", "a folder with runs")
    for folder in args.page or ():
        check_output(folder, None)
    return args


if __name__ == "__main__":
    sys.exit(run_verb(main))
