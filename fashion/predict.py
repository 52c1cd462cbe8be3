"""Detect clothes in images, draw them and write them as JSON.

    fashion predict photo.jpg folder/ --out predictions

Writes one overlay for each image (masks, boxes, classes, confidence scores and
the most likely attributes), and predictions.json in COCO's format. If it is
interrupted, the same command resumes.
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
from fashion.cli.options import add_option, check_model_options
from fashion.cli.parser import Parser
from fashion.cli.paths import check_output, check_readable, find_images
from fashion.moved import moved_attributes

__getattr__ = moved_attributes(
    __name__,
    "fashion.commands.predict",
    {
        "find_photos": "fashion.cli.paths.find_images",
        "is_done": "is_done",
        "overlay_paths": "overlay_paths",
        "predict_images": "predict_images",
        "predict_into": "predict_into",
        "read_images": "read_images",
        "write_json": "write_json",
    },
)


def main(argv: Sequence[str] | None = None) -> Path:
    """Predicts as the arguments ask.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The folder of the overlays and of predictions.json.
    """
    args = parse(argv)
    from fashion.commands.predict import run  # not at the top: it imports Keras

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments; `files` are the images.

    Raises:
        OSError: There is no such image or model, or --out cannot be written to.
        ValueError: The model is not a weight file.
    """
    parser = Parser("predict", __doc__, "IMAGE|FOLDER … [options]")
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="IMAGE|FOLDER", help="the same as --images"
    )
    add_option(parser, "--images", default=[])
    add_option(parser, "--out", default=Path("predictions"))
    add_option(parser, "--weights", default=None)
    for name in ("--ensemble", "--conf", "--attr-conf", "--thresholds", "--rescore", "--tta"):
        add_option(parser, name)
    for name in ("--tiles", "--limit", "--set", "--restart"):
        add_option(parser, name)
    args = parser.parse_args(argv)
    args.images = [*args.paths, *args.images]
    if not args.images:
        parser.error("Name image files or folders of images.")
    args.files = find_images(args.images)[: args.limit]
    check_readable(args.files)
    check_model_options(args)
    check_output(args.out)
    return args


if __name__ == "__main__":
    sys.exit(run_verb(main))
