"""Train a classifier that re-scores detections.

    fashion rescore --weights runs/ccp... --data DIR

The classifier sees a crop of each detection at a higher resolution than the
detector does. It is trained on ground-truth garments and on false positives of
the detector, then evaluated on the images that the detector held out: AP before
and after, by category, and the largest changes, in index.html. rescorer.h5 is
for --rescore of predict, submit and evaluate. If the training is interrupted,
the same command resumes.
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

from fashion.cli.data_options import add_data_options, check_data_options
from fashion.cli.errors import run_verb
from fashion.cli.options import add_option
from fashion.cli.parser import Parser, did_you_mean, whole
from fashion.cli.paths import check_output
from fashion.formats.model_files import check_model
from fashion.moved import moved_attributes
from mrcnn.config import BACKBONE_NAMES

__getattr__ = moved_attributes(
    __name__,
    "fashion.commands.rescore",
    ("NOTED", "WEIGHTS", "measure", "rounded_boxes", "started", "train_and_measure")
    + ("train_classifier",),
)


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Runs the command.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        Content of metrics.json.
    """
    args = parse(argv)
    from fashion.commands.rescore import run  # not at the top: it imports Keras

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.

    Raises:
        OSError: There is no such model or data set, or --out cannot be written to.
        ValueError: The model is not a weight file, or the backbone is unknown.
    """
    parser = Parser("rescore", __doc__)
    add_option(
        parser,
        "--weights",
        help="trained model: a run folder, or a .h5 checkpoint (default: the shipped model)",
    )
    add_option(
        parser,
        "--conf",
        default=0.05,
        help="minimum confidence score of the detections that are re-scored (default: %(default)s)",
    )
    add_data_options(parser)
    add_option(parser, "--set")
    add_option(parser, "--out", default=Path("runs/rescore"))
    add_option(parser, "--restart")
    _add_training_options(parser.add_argument_group("training"))
    args = parser.parse_args(argv)
    _check_backbone(args.backbone)
    check_model(args.weights)
    check_data_options(args)
    check_output(args.out)
    return args


def _check_backbone(name: str) -> None:
    """Checks the name without Keras; with it, a script may have added a backbone of its own."""
    built = sys.modules.get("mrcnn.modeling.build")
    known = built.BACKBONES if built else BACKBONE_NAMES
    if name not in known:
        raise ValueError(
            f"A backbone is one of {', '.join(known)}. Got --backbone {name}."
            f"{did_you_mean(name, known)}"
        )


def _add_training_options(group):
    group.add_argument(
        "--backbone",
        default="efficientnet_lite0",
        metavar="NAME",
        help="backbone, as the setting BACKBONE of a recipe (default: %(default)s)",
    )
    group.add_argument(
        "--start",
        default="imagenet",
        metavar="FILE|imagenet|none",
        help="initial weights of the backbone (default: %(default)s)",
    )
    add_option(group, "--imgsz", default=128, help="side of a crop (default: %(default)s)")
    add_option(group, "--epochs", default=15)
    add_option(group, "--lr", default=5e-4)
    add_option(group, "--batch", default=8)
    group.add_argument(
        "--crops",
        type=whole(1),
        default=8,
        metavar="N",
        help="crops per image of a batch (default: %(default)s)",
    )
    add_option(group, "--seed")
    add_option(group, "--workers")


if __name__ == "__main__":
    sys.exit(run_verb(main))
