"""Make an index of the garments in photos, to find similar ones in.

    fashion catalogue photos/ --out catalogue
    fashion similar photo.jpg --index catalogue

The index is a folder. The same command adds photos that are new, updates those
that have changed, and removes garments of photos that were deleted. If it is
interrupted, it resumes.
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


def main(argv: Sequence[str] | None = None) -> Path:
    """Makes or updates an index as the arguments ask.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The folder of the index.
    """
    args = parse(argv)
    from fashion.commands.catalogue import run  # not at the top: it imports Keras

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments; `files` are the images.

    Raises:
        OSError: There is no such image or model, or --out cannot be written to.
        ValueError: The model gives no vectors.
    """
    parser = Parser("catalogue", __doc__, "IMAGE|FOLDER … [options]")
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="IMAGE|FOLDER", help="the same as --images"
    )
    add_option(parser, "--images", default=[])
    add_option(
        parser,
        "--out",
        default=Path("catalogue"),
        help="folder of the index (default: %(default)s)",
    )
    add_option(parser, "--weights", default=None)
    for name in ("--conf", "--attr-conf", "--limit"):
        add_option(parser, name)
    add_option(parser, "--workers", default=2)
    parser.add_argument(
        "--qdrant",
        metavar="URL",
        help="also copy the index into a collection of a Qdrant server, http://HOST:6333/NAME",
    )
    add_option(parser, "--set")
    add_option(parser, "--restart", help="make the index again from the first image")
    parser.set_defaults(ensemble=None, rescore=None)
    args = parser.parse_args(argv)
    args.images = [*args.paths, *args.images]
    if not args.images:
        parser.error("Name image files or folders of images.")
    args.files = find_images(args.images)[: args.limit]
    check_readable(args.files)
    check_model_options(args)
    # Not at the top: they import NumPy, and `--help` should not wait for it.
    from fashion.retrieval.model_identity import check_embeddings
    from fashion.retrieval.qdrant_server import split_address

    check_embeddings(args.weights)
    if args.qdrant:
        split_address(args.qdrant)
    check_output(args.out)
    return args


if __name__ == "__main__":
    sys.exit(run_verb(main))
