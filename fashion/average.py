"""Average the weights of several checkpoints into one model.

    fashion average runs/first runs/second runs/third --out model.h5
    fashion average runs/first runs/second --float16

For checkpoints that were fine-tuned one from the other, or all from the same
one: their mean often scores higher than each, and predicts as fast as one
model. Trainings that started from different weights have no useful mean.
Score it with `fashion evaluate` before you use it.
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
from fashion.cli.paths import check_output_file
from fashion.formats.model_files import check_model


def main(argv: Sequence[str] | None = None) -> Path:
    """Averages what the arguments name.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The file.
    """
    args = parse(argv)
    from fashion.commands.average import run  # not at the top: it imports Keras

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments; `files` are the checkpoints.

    Raises:
        OSError: There is no such checkpoint, or --out cannot be written to.
        ValueError: A file is not a checkpoint.
    """
    parser = Parser("average", __doc__, "RUN|FILE RUN|FILE … [options]")
    parser.add_argument(
        "models",
        nargs="+",
        metavar="RUN|FILE",
        help="run folders, of which best.h5 is taken, .h5 checkpoints, or names of shipped models",
    )
    add_option(
        parser,
        "--out",
        metavar="FILE",
        default=Path("average.h5"),
        help="the .h5 file to write (default: %(default)s)",
    )
    parser.add_argument(
        "--float16",
        action="store_true",
        help="store kernels as float16: half the size, for models that are only used to predict",
    )
    args = parser.parse_args(argv)
    if len(args.models) < 2:
        parser.error("Name two or more checkpoints.")
    args.files = [check_model(model) for model in args.models]
    if args.out.suffix.lower() != ".h5":
        args.out = args.out.with_name(f"{args.out.name}.h5")
    if any(args.out.resolve() == file.resolve() for file in args.files):
        parser.error(f"--out {args.out} is one of the checkpoints. Choose another file.")
    check_output_file(args.out)
    return args


if __name__ == "__main__":
    sys.exit(run_verb(main))
