"""Train and compare small classifiers on Fashion-MNIST.

    fashion mnist --epochs 10

Trains the networks of a student report, with one, two and three convolutions,
each with every seed, and evaluates them on the test images. --out receives
index.html and metrics.json, and a folder for each run with its history,
metrics, predictions and weights. If it is interrupted, the same command
resumes; finished runs are skipped, and a larger --epochs continues them.

--recipe report trains as the report did, with results after 10 and 50 epochs.
best adds augmentation and regularization, for 100 epochs. best-all does so on
all training images. Without --data the four official files are downloaded into
data/fashion_mnist.
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

from fashion.classify.data import paths_in
from fashion.classify.names import NETWORK_NAMES, RECIPE_NAMES
from fashion.cli.errors import run_verb
from fashion.cli.options import add_option
from fashion.cli.parser import Parser, whole
from fashion.cli.paths import check_folder, check_output
from fashion.moved import moved_attributes

__getattr__ = moved_attributes(
    __name__, "fashion.commands.mnist", ("all_results", "folder_of", "train_and_measure")
)


def main(argv: Sequence[str] | None = None) -> Path:
    """Runs the command.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The page.
    """
    args = parse(argv)
    from fashion.commands.mnist import run  # not at the top: it imports Keras

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.

    Raises:
        OSError: There is no such folder, or --out cannot be written to.
    """
    parser = Parser("mnist", __doc__)
    add_option(
        parser,
        "--data",
        type=Path,
        help="folder with the four official files, with or without .gz (default: they are "
        "downloaded)",
    )
    add_option(parser, "--out", default=Path("runs/mnist"))
    _add_training_options(parser)
    add_option(parser, "--restart")
    args = parser.parse_args(argv)
    check_folder(args.data, "--data", "the folder of the four files of Fashion-MNIST")
    if args.data:
        paths_in(args.data)
    check_output(args.out)
    return args


def _add_training_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recipe",
        choices=RECIPE_NAMES,
        default="report",
        metavar="NAME",
        help=f"{', '.join(RECIPE_NAMES)} (default: %(default)s)",
    )
    parser.add_argument(
        "--only",
        choices=NETWORK_NAMES,
        action="append",
        metavar="NETWORK",
        help=f"train this network only, may be repeated: {', '.join(NETWORK_NAMES)}",
    )
    add_option(
        parser,
        "--epochs",
        nargs="+",
        help="numbers of epochs after which to evaluate; the largest ends the training (default: "
        "those of the recipe)",
    )
    parser.add_argument(
        "--seeds",
        type=whole(1),
        default=1,
        metavar="N",
        help="runs of each network, with seeds 1 to N (default: %(default)s)",
    )


if __name__ == "__main__":
    sys.exit(run_verb(main))
