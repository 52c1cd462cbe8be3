"""Write a web page that runs a model in the browser.

    fashion page --weights model.onnx --out page
    python -m http.server --directory page

The page runs the model on the visitor's device; photos are sent nowhere.
It is one folder for any static host: the page, the model, and ONNX Runtime
Web, which npm fetches once (or --runtime names).

A checkpoint or a run folder as --weights is exported to ONNX first, checked
with --images, see `fashion export`.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    if __name__ == "__main__":
        from fashion.__main__ import main_of  # handles signals before NumPy is imported

        sys.exit(main_of(__file__))

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fashion.cli.errors import run_verb
from fashion.cli.options import add_option
from fashion.cli.parser import Parser
from fashion.cli.paths import check_output, find_images
from fashion.formats.model_files import check_model
from mrcnn.inference.exported_files import format_of, read_export_metadata


def main(argv: Sequence[str] | None = None) -> Path:
    """Writes the page as the arguments ask.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The folder of the page.
    """
    args = parse(argv)
    from fashion.commands.page import run  # not at the top: it imports ONNX Runtime

    if format_of(args.weights) == "onnx":
        return run(args, Path(args.weights))
    from fashion.export import main as export

    images = [str(path) for path in args.images]
    with tempfile.TemporaryDirectory() as folder:
        weights = ["--weights", str(args.weights)]
        (file,) = export([*weights, "--images", *images, "--out", folder])
        return run(args, file)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments; `samples` is a list of files.

    Raises:
        OSError: There is no such file, or --out cannot be written to.
        ValueError: The model is not a weight file.
    """
    parser = _parser()
    args = parser.parse_args(argv)
    kind = format_of(args.weights)
    if kind not in (None, "onnx"):
        parser.error(f"--weights: browsers run ONNX files, and {args.weights} is none.")
    if kind is None:
        check_model(args.weights)
        if not args.images:
            parser.error(
                "--images is missing: some photos, with which the export of a checkpoint is "
                "checked. An .onnx file as --weights needs none."
            )
    else:
        read_export_metadata(args.weights)
    args.samples = find_images(args.samples)
    if args.runtime is not None and not args.runtime.exists():
        raise FileNotFoundError(f"There is no {args.runtime}. --runtime names ONNX Runtime Web.")
    check_output(args.out)
    return args


def _parser() -> Parser:
    parser = Parser("page", __doc__)
    add_option(
        parser,
        "--weights",
        help="an ONNX file of `fashion export`, or a run folder or .h5 checkpoint, which is "
        "exported first (default: the shipped model)",
    )
    add_option(
        parser,
        "--images",
        old_names=(),
        help="images that the export of a checkpoint is checked with",
    )
    add_option(parser, "--out", default=Path("page"))
    add_option(parser, "--title")
    add_option(parser, "--samples")
    parser.add_argument(
        "--runtime",
        type=Path,
        metavar="PATH",
        help="ONNX Runtime Web, as the .tgz file that `npm pack` writes, or unpacked (default: "
        "fetched by npm, once)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(run_verb(main))
