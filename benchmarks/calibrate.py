"""Calibrate the scores of a checkpoint on labelled photos that it was not trained on.

    fashion evaluate --weights model.h5 --data DIR --split held_out.csv --out scores
    python benchmarks/calibrate.py --gt DIR/held_out.csv --predictions scores/predictions.json
    python benchmarks/calibrate.py … --write model.h5

Prints the calibration error before and after, the latter with folds: on photos that the calibration
was not fitted on. --write adds the SCORE_CALIBRATION that all the photos give to
model.settings.json next to the checkpoint. Predictions of it are calibrated from then on.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from fashion.cli.evaluation_input import ground_truth_of
from fashion.evaluation.io.predictions import read_detections
from fashion.evaluation.matching import MatchTable
from fashion.evaluation.score_calibration import CalibrationReport, cross_fitted
from fashion.model import settings_beside
from mrcnn.files import write_text


def main(argv: Sequence[str] | None = None) -> CalibrationReport:
    """Fits, prints, and writes the checkpoint if asked to.

    Args:
        argv: Command line; that of the process by default.

    Returns:
        The report.
    """
    parser = argparse.ArgumentParser(
        prog="benchmarks/calibrate.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--gt", required=True, type=Path)
    parser.add_argument("--predictions", required=True, type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--write", type=Path, metavar="FILE", help="checkpoint to calibrate")
    args = parser.parse_args(argv)
    report = _report(args)
    scale, shift = report.calibration
    print(f"SCORE_CALIBRATION=[{scale:.3f}, {shift:.3f}]")
    print(f"calibration error {report.error_before:.3f} -> {report.error_after:.3f} (other folds)")
    numbers = ", ".join(f"{name} {value:.3f}" for name, value in report.scores.items())
    print(
        f"F1 is best from a calibrated score of {report.confidence:.2f} on; other folds: {numbers}"
    )
    if args.write:
        file = args.write.with_suffix(".settings.json")
        settings = settings_beside(args.write)
        if "SCORE_CALIBRATION" in settings:
            parser.error(
                f"{file} has a SCORE_CALIBRATION, and the predictions may be calibrated by it. "
                "Remove it there, evaluate again, and calibrate what that stores."
            )
        settings["SCORE_CALIBRATION"] = [round(scale, 3), round(shift, 3)]
        write_text(file, json.dumps(settings, indent=2) + "\n")
        print(f"written: {file}")
    return report


def _report(args):
    truth = ground_truth_of(args.gt)
    return cross_fitted(
        MatchTable.build(truth, read_detections(args.predictions, truth)), args.folds
    )


if __name__ == "__main__":
    main()
