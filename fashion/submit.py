r"""Write a Kaggle submission.

    fashion submit --weights runs/fashion... --images test/ \
        --format 2020 --out submission.csv

Submits the detections and attributes that reach --conf and --attr-conf, or
those that --thresholds accepts. The file is checked against the rules of the
server before it is kept. If it is interrupted, the same command resumes.
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
from fashion.cli.parser import Parser, fraction, whole
from fashion.cli.paths import check_output_file, check_readable, find_images
from fashion.moved import moved_attributes
from fashion.submission import MIN_SHARE

__getattr__ = moved_attributes(
    __name__,
    "fashion.commands.submit",
    ("locked_file", "peak_memory", "read_images", "sizes_of", "write_submission"),
)


def main(argv: Sequence[str] | None = None) -> Path:
    """Runs the command.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The submission.
    """
    args = parse(argv)
    from fashion.commands.submit import run  # not at the top: it imports Keras

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments; `files` are the images by ImageId.

    Raises:
        OSError: There are no such images or model, or --out cannot be written to.
        ValueError: Two images have one ImageId, or the model is not a weight file.
    """
    parser = Parser("submit", __doc__, "--images DIR [options]")
    add_option(parser, "--images", old_names=(), help="folder of the test images, or image files")
    add_option(
        parser,
        "--out",
        old_names=("--output",),
        default=Path("submission.csv"),
        metavar="CSV",
        help="the submission (default: %(default)s)",
    )
    parser.add_argument(
        "--format",
        type=whole(),
        choices=(2019, 2020),
        default=2020,
        metavar="YEAR",
        help="year of the contest, 2019 or 2020 (default: %(default)s)",
    )
    add_option(parser, "--weights", default=None)
    for name in ("--ensemble", "--conf", "--attr-conf", "--thresholds", "--rescore", "--tta"):
        add_option(parser, name)
    add_option(parser, "--tiles")
    parser.add_argument(
        "--min-share",
        type=fraction,
        default=MIN_SHARE,
        metavar="SHARE",
        help="drop a mask if masks of its category with higher scores leave less than this share "
        "of it (default: %(default)s)",
    )
    for name in ("--limit", "--set", "--restart"):
        add_option(parser, name)
    args = parser.parse_args(argv)
    if not args.images:
        parser.error("--images is missing: the folder of the test images.")
    check_output_file(args.out)
    args.files = files_by_name(find_images(args.images)[: args.limit], args.format)
    check_readable(list(args.files.values()))
    check_model_options(args)
    return args


def files_by_name(paths: Sequence[Path], year: int) -> dict[str, Path]:
    """Lists images by the ImageId of a submission.

    Args:
        paths: Images.
        year: Year of the contest; in 2019 an ImageId has its extension.

    Returns:
        Image by ImageId.

    Raises:
        ValueError: Two images have one ImageId.
    """
    files: dict[str, Path] = {}
    for path in paths:
        name = path.name if year == 2019 else path.stem
        if name in files:
            raise ValueError(
                f"{files[name].name} and {path.name} are the same photo {name!r} in a submission "
                f"of {year}. Take one of them out of {path.parent}."
            )
        files[name] = path
    return files


if __name__ == "__main__":
    sys.exit(run_verb(main))
