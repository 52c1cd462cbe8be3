"""Write predictions in the format of an annotation tool.

    fashion predictions predictions/predictions.json --to label-studio

People then correct what the model found instead of drawing every mask.

    label-studio  tasks with brush regions, and the labeling configuration
                  next to them (.xml)
    cvat          a ZIP with annotations.xml of "CVAT for images 1.1", and its
                  labels (.json)
    coco          COCO JSON with scores
    fiftyone      COCO JSON with names of attributes, for FiftyOne's importer
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
from fashion.cli.paths import check_file, check_output_file

FILES = {
    "label-studio": "label_studio.json",
    "cvat": "cvat.zip",
    "coco": "coco.json",
    "fiftyone": "labels.json",
}


def main(argv: Sequence[str] | None = None) -> Path:
    """Writes what the arguments ask for.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The file.
    """
    args = parse(argv)
    from fashion.commands.predictions import run  # not at the top: it imports what reads masks

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.

    Raises:
        OSError: There are no such predictions, or --out cannot be written to.
    """
    parser = Parser("predictions", __doc__, "PREDICTIONS.json --to TOOL [options]")
    parser.add_argument(
        "predictions",
        type=Path,
        metavar="PREDICTIONS.json",
        help="predictions.json of fashion predict or fashion evaluate",
    )
    parser.add_argument("--to", choices=FILES, required=True, help="the annotation tool")
    add_option(
        parser,
        "--out",
        metavar="FILE",
        help="the file, or its folder (default: next to the predictions, named after the tool)",
    )
    add_option(
        parser,
        "--conf",
        default=0.5,
        help="minimum confidence score of a detection (default: %(default)s)",
    )
    parser.add_argument(
        "--url",
        default="/data/local-files/?d=",
        metavar="TEXT",
        help="label-studio: what comes before the name of an image in its address (default: "
        "%(default)s, for images in its local storage)",
    )
    args = parser.parse_args(argv)
    check_file(args.predictions, "PREDICTIONS.json", "what fashion predict wrote")
    args.out = args.out or args.predictions.with_name(FILES[args.to])
    args.out = _file_of(args.out, args.to)
    check_output_file(args.out)
    return args


def _file_of(out: Path, tool: str) -> Path:
    """The file to write: tools go by the ending of a name."""
    if out.is_dir():
        return out / FILES[tool]
    endings = (".zip", ".xml") if tool == "cvat" else (".json",)
    return out if out.suffix.lower() in endings else out.with_name(f"{out.name}{endings[0]}")


if __name__ == "__main__":
    sys.exit(run_verb(main))
