"""Body of `convert`: writes a data set in another format, and lists what that cannot hold."""

import argparse
from pathlib import Path

from fashion.cli.data import open_files
from fashion.cli.interrupts import resumable
from fashion.cli.locks import working_in
from fashion.datasets.conversion import Converted, convert
from fashion.datasets.summary import summary_of
from fashion.datasets.writers import WRITERS


def run(args: argparse.Namespace) -> Path:
    """Converts as the arguments ask.

    Args:
        args: Result of `fashion.convert.parse`.

    Returns:
        The folder of the copy.
    """
    files = open_files(args.data, args.images, args.val, args.source)
    with working_in(args.out, "convert"), resumable():
        found = convert(files, WRITERS[args.to], args.out, skip_bad=args.skip_bad)
    print(report(args.out, args.to, found))
    return args.out


def report(out: Path, name: str, found: Converted) -> str:
    """Describes a conversion.

    Args:
        out: Folder of the copy.
        name: Name of the format.
        found: What was written.

    Returns:
        Lines of text.
    """
    lines = [f"{out}: {WRITERS[name].title}"]
    for part, dataset in found.parts.items():
        lines.append(f"  {part}: {summary_of(dataset)}")
    if found.lost:
        lines += ["not in this format:", *(f"  {text}" for text in found.lost)]
    lines.append(f"To train on it, run: fashion train --data {out}")
    return "\n".join(lines)
