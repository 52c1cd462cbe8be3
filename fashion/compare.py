"""Compare two to ten runs or evaluations side by side.

    fashion compare runs/first runs/second --out comparison

Takes run folders of `fashion train`, output folders of `fashion evaluate`, and
metrics.json files. Prints the scores with their differences from the first one,
and writes one page with scores, curves over the epochs, precision over recall,
every category, and the settings that differ.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    if __name__ == "__main__":
        from fashion.__main__ import main_of  # handles signals before NumPy is imported

        sys.exit(main_of(__file__))

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fashion import study
from fashion.cli.errors import run_verb
from fashion.cli.options import add_option
from fashion.cli.parser import Parser, did_you_mean
from fashion.cli.paths import check_output
from fashion.moved import moved_attributes
from fashion.studies.detectors import STUDIES

log = logging.getLogger(__name__)

FEWEST, MOST = 2, 10  # runs on one page; more have no room side by side

__getattr__ = moved_attributes(
    __name__,
    "fashion.commands.study",
    (
        "COMMON",
        "compare",
        "data_options",
        "finished_run",
        "note_start",
        "note_variants",
        "training_options",
    ),
)


def main(argv: Sequence[str] | None = None) -> Any:
    """Compares runs; with the name of a study, does what `fashion study` does.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        Path of the page; of a study its scores.
    """
    argv = sys.argv[1:] if argv is None else [str(arg) for arg in argv]
    if argv and argv[0] in STUDIES:
        log.warning(
            "`fashion compare %s` is now `fashion study %s`; `compare` compares runs.",
            argv[0],
            argv[0],
        )
        return study.main(argv)
    args = parse(argv)
    from fashion.commands.compare import run  # not at the top: it imports matplotlib

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.

    Raises:
        OSError: A run does not exist, or --out cannot be written to.
    """
    parser = Parser("compare", __doc__, "RUN RUN … [options]")
    parser.add_argument(
        "runs",
        nargs="*",
        type=Path,
        metavar="RUN",
        help="run folder, output folder of `fashion evaluate`, or metrics.json; two to ten",
    )
    add_option(parser, "--out", default=Path("comparison"))
    args = parser.parse_args(argv)
    if not FEWEST <= len(args.runs) <= MOST:
        hint = did_you_mean(str(args.runs[0]), STUDIES) if args.runs else ""
        parser.error(f"Name {FEWEST} to {MOST} runs. Got {len(args.runs)}.{hint}")
    for path in args.runs:
        _check_run(path)
    check_output(args.out)
    return args


def _check_run(path: Path) -> None:
    """Raises FileNotFoundError where there is neither a run nor metrics."""
    if path.is_file() or any((path / name).is_file() for name in ("metrics.json", "config.json")):
        return
    what = "holds neither metrics.json nor config.json" if path.is_dir() else "does not exist"
    raise FileNotFoundError(
        f"{path} {what}. Give a run folder of `fashion train`, an output folder of `fashion "
        "evaluate`, or a metrics.json."
    )


if __name__ == "__main__":
    sys.exit(run_verb(main))
