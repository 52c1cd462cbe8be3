"""Intervals of mask AP by resampling the photos, and of the difference of two models.

    python benchmarks/bootstrap.py --gt DIR/val.csv --predictions a/predictions.json \
        b/predictions.json [--samples 1000]

Reads what `fashion evaluate --out` stores. 95 % percentile intervals.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
from collections.abc import Sequence
from pathlib import Path

from fashion.cli.evaluation_input import ground_truth_of
from fashion.evaluation.bootstrap import lines, resampled_ap
from fashion.evaluation.io.predictions import read_detections
from fashion.evaluation.matching import MatchTable


def main(argv: Sequence[str] | None = None) -> list[str]:
    """Resamples and prints.

    Args:
        argv: Command line; that of the process by default.

    Returns:
        The printed lines.
    """
    parser = argparse.ArgumentParser(
        prog="benchmarks/bootstrap.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--gt", required=True, type=Path)
    parser.add_argument("--predictions", required=True, type=Path, nargs="+")
    parser.add_argument("--samples", type=int, default=1000)
    args = parser.parse_args(argv)
    truth = ground_truth_of(args.gt)
    tables = [MatchTable.build(truth, read_detections(p, truth)) for p in args.predictions]
    columns = [resampled_ap(table, args.samples) for table in tables]
    found = lines([str(path) for path in args.predictions], columns)
    print("\n".join(found))
    return found


if __name__ == "__main__":
    main()
