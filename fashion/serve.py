"""Serve a model over HTTP: a page to try it, and an API.

    fashion serve --weights model.onnx
    fashion serve --index catalogue --host 0.0.0.0 --api-key-file keys

Open http://localhost:8000 for the page. The API finds garments in photos
(POST /api/detect), and similar garments in an index of `fashion catalogue`
(POST /api/search); see docs/serve.md. Photos are not stored.

The key of --api-key-file can also be in the variable FASHION_API_KEY.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    if __name__ == "__main__":
        from fashion.__main__ import main_of  # handles signals before NumPy is imported

        sys.exit(main_of(__file__))

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from fashion.cli.errors import run_verb
from fashion.cli.options import SHIPPED_WEIGHTS, add_option, check_dates, check_model_options
from fashion.cli.parser import Parser, positive, whole
from fashion.cli.paths import check_file, check_output, find_images

KEY_VARIABLE = "FASHION_API_KEY"
_LEAST_KEY = 8  # characters
_ORIGIN = re.compile(r"\*|https?://[^/\s]+")


def main(argv: Sequence[str] | None = None) -> None:
    """Serves until a signal comes.

    Args:
        argv: Arguments; None takes those of the process.
    """
    args = parse(argv)
    from fashion.commands.serve import run  # not at the top: it imports the web framework

    run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments; `samples` are files, `api_keys` texts.

    Raises:
        OSError: There is no such model, index or file, or --keep cannot be written to.
        ValueError: The model is not a weight file, or there is no key where one is named.
    """
    parser = _parser()
    args = parser.parse_args(argv)
    args.ensemble = args.rescore = None
    if args.weights or not args.index:
        check_model_options(args)
    if args.index:
        from fashion.retrieval.index import check_index  # not at the top: it imports NumPy

        check_index(args.index)
        check_dates(args)
    elif args.dates != "exif":
        parser.error("--dates is for the trends of an index. Name one with --index.")
    args.samples = find_images(args.samples)
    args.api_keys = _keys(args.api_key_file)
    for origin in args.cors:
        if not _ORIGIN.fullmatch(origin):
            parser.error(f"--cors must be an origin, such as https://shop.example. Got {origin}.")
    if args.trusted_proxies:
        from fashion.service.access import network_of

        for text in args.trusted_proxies:
            try:
                network_of(text)
            except ValueError as error:
                parser.error(f"--trusted-proxies: {error}")
    if args.keep is not None:
        check_output(args.keep)
    return args


def _keys(file: Path | None) -> tuple[str, ...]:
    """The keys of a file, one a line, and that of the environment."""
    check_file(file, "--api-key-file", "a file with one key in each line")
    lines = file.read_text(encoding="utf-8").splitlines() if file else []
    keys = [line.strip() for line in [*lines, os.environ.get(KEY_VARIABLE, "")] if line.strip()]
    if file and not keys:
        raise ValueError(f"{file} holds no key. Write one into each line.")
    if any(len(key) < _LEAST_KEY for key in keys):
        raise ValueError(
            f"A key has less than {_LEAST_KEY} characters, which can be guessed. Make one with "
            "`python -c 'import secrets; print(secrets.token_urlsafe())'`."
        )
    return tuple(keys)


def _parser() -> Parser:
    parser = Parser("serve", __doc__)
    add_option(
        parser,
        "--weights",
        default=None,
        help="trained model: a run folder, a .h5 checkpoint, an exported file, or the name of a "
        f"shipped model (default: that of --index, or {SHIPPED_WEIGHTS.stem})",
    )
    parser.add_argument(
        "--index",
        metavar="DIR|URL",
        help="index of garments to search: a folder of `fashion catalogue`, or a collection of a "
        "Qdrant server (default: none)",
    )
    add_option(
        parser,
        "--dates",
        help="dates of the trends of the index: exif, folders, or a CSV file with the columns "
        "image and date (default: %(default)s)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at (default: %(default)s)"
    )
    parser.add_argument(
        "--port",
        type=whole(0, 65535),
        default=8000,
        metavar="N",
        help="port to listen at, 0 for any free one (default: %(default)s)",
    )
    for name in ("--conf", "--attr-conf", "--set"):
        add_option(parser, name)
    add_option(parser, "--title")
    add_option(
        parser,
        "--samples",
        help="photos that the page offers to try (default: an astronaut and drawings)",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="keep the photos that are sent, and the answers (default: nothing is stored)",
    )
    _add_limits(parser.add_argument_group("limits and access"))
    return parser


def _add_limits(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--queue",
        type=whole(1, 10_000),
        default=16,
        metavar="N",
        help="photos that wait for the model; more are refused (default: %(default)s)",
    )
    group.add_argument(
        "--max-upload",
        type=positive,
        default=12,
        metavar="MB",
        help="size of a photo's file (default: %(default)s)",
    )
    group.add_argument(
        "--max-pixels",
        # Beyond, the decoder itself warns of an attack.
        type=whole(1, 89),
        default=50,
        metavar="MILLIONS",
        help="pixels of a photo, 1 to 89 million (default: %(default)s)",
    )
    group.add_argument(
        "--timeout",
        type=positive,
        default=30,
        metavar="S",
        help="seconds in which a photo must be sent (default: %(default)s)",
    )
    group.add_argument(
        "--api-key-file",
        type=Path,
        metavar="FILE",
        help="keys, one in each line; the API then needs one of them (default: no key)",
    )
    group.add_argument(
        "--rate-limit",
        type=whole(1),
        metavar="N",
        help="photos that a client may send in a minute (default: no limit)",
    )
    group.add_argument(
        "--trusted-proxies",
        nargs="+",
        default=[],
        metavar="ADDRESS",
        help="proxies that tell who a client is: addresses or networks (default: none)",
    )
    group.add_argument(
        "--cors",
        nargs="+",
        default=[],
        metavar="ORIGIN",
        help="web pages elsewhere that may call the API, such as https://shop.example (default: "
        "none)",
    )


if __name__ == "__main__":
    sys.exit(run_verb(main))
