"""Find garments of an index that look like those in a photo.

    fashion similar photo.jpg --index catalogue
    fashion similar photo.jpg --category same --attribute red
    fashion similar --garment 17 -k 20
    fashion similar --garment 17 --goes-with shoe

Writes similar.html, with the most similar garments for each garment of the
photo, and similar.json. Garments of the photo itself are left out, if it is in
the index. With --goes-with it also shows what people wear with similar
garments.
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
from fashion.cli.parser import Parser, whole
from fashion.cli.paths import check_output, check_readable, find_images
from fashion.retrieval.garment import MOST_MATCHES


def main(argv: Sequence[str] | None = None) -> Path:
    """Searches as the arguments ask.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The folder of similar.html and similar.json.
    """
    args = parse(argv)
    from fashion.commands.similar import run  # not at the top: it imports Keras

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments; `files` are the photos.

    Raises:
        OSError: There is no such photo or index, or --out cannot be written to.
        ValueError: The model did not make the index.
    """
    parser = _parser()
    args = parser.parse_args(argv)
    args.images = [*args.paths, *args.images]
    if bool(args.images) == (args.garment is not None):
        both = "Got both photos and --garment. " if args.images else ""
        parser.error(f"{both}Name photos, or a garment of the index with --garment ID.")
    from fashion.retrieval.index import check_index  # not at the top: it imports NumPy

    check_index(args.index)
    args.files = find_images(args.images)[: args.limit]
    check_readable(args.files)
    check_output(args.out)
    return args


def _parser() -> Parser:
    parser = Parser("similar", __doc__, "PHOTO|FOLDER … [options]")
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PHOTO|FOLDER", help="the same as --images"
    )
    add_option(parser, "--images", default=[])
    parser.add_argument(
        "--index",
        default="catalogue",
        metavar="DIR|URL",
        help="index of `fashion catalogue`, or a collection of a Qdrant server "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--garment",
        type=whole(1),
        metavar="ID",
        help="search with garment ID of the index instead of a photo",
    )
    parser.add_argument(
        "--category",
        metavar="NAME",
        help="search this category only; `same` takes that of each garment (default: any)",
    )
    parser.add_argument(
        "--attribute",
        action="append",
        default=[],
        metavar="NAME",
        help="search garments with this attribute only, may be repeated",
    )
    parser.add_argument(
        "-k",
        type=whole(1, MOST_MATCHES),
        default=12,
        metavar="N",
        help="similar garments to show for each garment (default: %(default)s)",
    )
    parser.add_argument(
        "--goes-with",
        action="append",
        default=[],
        metavar="NAME",
        help="also show garments of this category that people wear with similar garments; `any` "
        "takes the three likeliest categories; left out for garments of the category itself; may "
        "be repeated",
    )
    add_option(parser, "--out", default=Path("similar"))
    add_option(
        parser,
        "--weights",
        default=None,
        help="model of the index, if it has moved: a run folder, a .h5 checkpoint, or a file of "
        "`fashion export --embeddings`",
    )
    add_option(parser, "--conf", help="minimum confidence score (default: that of the index)")
    add_option(parser, "--limit")
    return parser


if __name__ == "__main__":
    sys.exit(run_verb(main))
