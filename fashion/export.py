"""Export a model for another runtime: ONNX, LiteRT or SavedModel.

    fashion export --weights runs/mine --to onnx --images photos/

The file holds the whole detector: the normalization of pixels, non-maximum
suppression, final scores, and its labels. Before it is kept, the same
images are run through Keras and through the file in its own runtime, and every
detection is compared. Files of fp16 and int8 are compared by their AP on the
ground truth of --data instead. A model card is written next to each file.

`fashion predict`, `evaluate` and `submit` take the file as --weights. With ONNX
and LiteRT they need neither Keras nor TensorFlow.

Also exports rescorer.h5 of `fashion rescore`, and weights.h5 of `fashion
segment`.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    if __name__ == "__main__":
        from fashion.__main__ import main_of  # handles signals before NumPy is imported

        sys.exit(main_of(__file__))

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fashion.cli.data_options import add_val_option, check_val_option
from fashion.cli.errors import run_verb
from fashion.cli.options import add_option
from fashion.cli.parser import Parser, fraction, whole
from fashion.cli.paths import check_data, check_output, find_images
from fashion.formats.model_files import check_model
from mrcnn.inference.exported_files import FORMATS

CHECKED_IMAGES = 24
CALIBRATION_IMAGES = 32
PRECISIONS = ("fp32", "fp16", "int8")


def main(argv: Sequence[str] | None = None) -> list[Path]:
    """Exports as the arguments ask.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The files, and the folders of SavedModels.
    """
    args = parse(argv)
    from fashion.commands.export import run  # not at the top: it imports Keras

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments; `formats` are what is written, `checked` how many images it is checked with,
        `files` those of --images, None without.

    Raises:
        OSError: There is no such model, image or data set, or --out cannot be written to.
        ValueError: The model is not a weight file.
    """
    parser = Parser("export", __doc__)
    add_option(
        parser,
        "--weights",
        help="trained model: a run folder, or a .h5 checkpoint (default: the shipped model)",
    )
    parser.add_argument(
        "--to",
        choices=(*FORMATS, "all"),
        default="onnx",
        metavar="FORMAT",
        help=f"{', '.join(FORMATS)}, or all (default: %(default)s)",
    )
    add_option(parser, "--out", default=Path("exports"))
    _add_network_options(parser.add_argument_group("the network"))
    _add_check_options(parser.add_argument_group("the check"))
    args = parser.parse_args(argv)
    args.formats = FORMATS if args.to == "all" else (args.to,)
    if args.precision != "fp32":
        if args.to == "savedmodel":
            parser.error(
                "--precision: a SavedModel has the precision fp32. Take --to onnx or --to litert."
            )
        args.formats = tuple(name for name in args.formats if name != "savedmodel")
    if args.precision == "int8" and "onnx" in args.formats and not args.calibrate:
        parser.error(
            "--calibrate is missing: images of the kind that the model will see, by which an ONNX "
            "file of int8 is calibrated; 16 or more, not those of the check."
        )
    check_model(args.weights)
    args.checked = args.limit or CHECKED_IMAGES
    args.files = find_images(args.images)[: args.checked] if args.images else None
    args.calibration = find_images([args.calibrate])[:CALIBRATION_IMAGES] if args.calibrate else []
    check_data(args.data)
    check_val_option(args)
    check_output(args.out)
    return args


def size_hw(text: str) -> tuple[int, int]:
    """Reads an argument of --imgsz.

    Args:
        text: "384x256", height and width, or "512", both.

    Returns:
        Height and width.
    """
    found = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text)
    if not found:
        raise argparse.ArgumentTypeError(f"needs HEIGHTxWIDTH, for instance 384x256. Got {text}.")
    return int(found[1]), int(found[2] or found[1])


def batch_size(text: str) -> int | None:
    """Reads an argument of --batch.

    Args:
        text: A number, or "dynamic".

    Returns:
        The number; None for "dynamic".
    """
    return None if text == "dynamic" else whole(1)(text)


def _add_network_options(group: Any) -> None:
    group.add_argument(
        "--batch",
        type=batch_size,
        default=1,
        metavar="N|dynamic",
        help="images in a batch of the file (default: %(default)s)",
    )
    group.add_argument(
        "--imgsz",
        type=size_hw,
        metavar="HxW",
        help="height and width of the network input (default: as trained)",
    )
    group.add_argument(
        "--max-detections",
        type=whole(1, 10_000),
        metavar="N",
        help="rows of the outputs (default: that of the model)",
    )
    group.add_argument(
        "--min-conf",
        dest="conf",
        type=fraction,
        default=0.01,
        metavar="SCORE",
        help="minimum confidence score of a detection that the file returns; its users can "
        "raise it (default: %(default)s)",
    )
    _add_precision_options(group)
    group.add_argument(
        "--embeddings",
        action="store_true",
        help="also return a vector for each detection, to search for similar ones",
    )
    group.add_argument(
        "--license",
        default="",
        metavar="TEXT",
        help="license of the model, for its metadata and its card",
    )
    add_option(group, "--set")


def _add_precision_options(group: Any) -> None:
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="fp32",
        metavar="P",
        help="fp32, fp16 or int8 (default: %(default)s)",
    )
    group.add_argument(
        "--calibrate",
        type=Path,
        metavar="DIR",
        help=f"folder of images that int8 is calibrated with; {CALIBRATION_IMAGES} at most are "
        "used",
    )


def _add_check_options(group: Any) -> None:
    add_option(
        group,
        "--images",
        old_names=(),
        help=f"images that the file is checked with, {CHECKED_IMAGES} at most (default: "
        "validation images of --data)",
    )
    add_option(group, "--data")
    add_val_option(group)
    add_option(group, "--skip-bad")
    group.add_argument(
        "--split",
        metavar="PART",
        help="images of --data: train, val, test, or a CSV in its folder (default: those that the "
        "training held out)",
    )
    add_option(
        group,
        "--limit",
        help=f"check with the first N images only (default: {CHECKED_IMAGES}, and all for an AP)",
    )
    group.add_argument(
        "--max-loss",
        type=fraction,
        default=0.005,
        metavar="AP",
        help="loss of mask AP from which a file of fp16 or int8 is refused (default: %(default)s)",
    )


if __name__ == "__main__":
    sys.exit(run_verb(main))
