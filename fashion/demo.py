"""Train, evaluate, predict and submit on the built-in drawings.

    fashion demo

Trains the recipe "smoke" on drawings of paper dolls, evaluates it on drawings
that it was not trained on, draws its predictions, and writes a submission.
Takes about thirteen minutes on two CPU cores.
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
from fashion.cli.parser import Parser
from fashion.cli.paths import check_output
from fashion.moved import moved_attributes

__getattr__ = moved_attributes(
    __name__, "fashion.commands.demo", ("draw_some", "test_images", "unseen")
)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the demo; its last line gives the scores and the submission.

    Args:
        argv: Arguments; None takes those of the process.
    """
    args = parse(argv)
    from fashion import evaluate, submit, train  # not at the top: they import Keras
    from fashion.commands.demo import run

    run(args, {"train": train.main, "evaluate": evaluate.main, "submit": submit.main})


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.

    Raises:
        OSError: --out cannot be written to.
    """
    parser = Parser("demo", __doc__)
    add_option(parser, "--out", default=Path("runs/demo"))
    add_option(parser, "--set")
    args = parser.parse_args(argv)
    check_output(args.out)
    return args


if __name__ == "__main__":
    sys.exit(run_verb(main))
