r"""Score a model, or stored predictions, against ground truth.

    fashion evaluate --weights runs/ccp... --data DIR --out evaluation

Score stored predictions:

    fashion evaluate --gt val.csv --predictions submission.csv

Search the best thresholds on them, and draw the images:

    fashion evaluate --gt val.csv --images val/ \
        --predictions evaluation/predictions.json --tune kaggle_2020

Computes COCO's AP of masks and boxes, AP with F1 of the attributes,
Fashionpedia's AP, Kaggle's scores of 2019 and 2020, the scores of attributes,
recall, and scores of pixels. Ground truth is a data set, a Kaggle CSV of 2019
or 2020, or a COCO or Fashionpedia JSON. Predictions are a submission, or COCO
results with attribute_ids or attribute_scores. --out receives pages to look
at (index.html: images, scores, errors, thresholds), metrics.json, the
predictions of a model (predictions.json), and with --tune the thresholds for
`fashion submit` and `fashion predict` (thresholds.json). If the evaluation
of a model is interrupted, the same command resumes.
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
from typing import Any

from fashion.cli.data_options import add_val_option, check_data_options
from fashion.cli.errors import run_verb
from fashion.cli.options import add_option, check_model_options
from fashion.cli.parser import Parser, fraction, whole
from fashion.cli.paths import check_file, check_folder, check_output
from fashion.evaluation.thresholds.names import LEVELS, OBJECTIVE_NAMES
from fashion.moved import moved_attributes

__getattr__ = moved_attributes(
    __name__, "fashion.commands.evaluate", ("evaluate", "tune", "write_pages")
)


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Evaluates as the arguments ask.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The scores.
    """
    args = parse(argv)
    from fashion.commands.evaluate import run  # not at the top: it may import Keras

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.

    Raises:
        OSError: A file is missing, or a folder cannot be written to.
        ValueError: The model is not a weight file.
    """
    parser = Parser("evaluate", __doc__)
    add_model_options(parser.add_argument_group("a model"))
    _add_stored_predictions(parser.add_argument_group("stored predictions"))
    scored = parser.add_argument_group("scores and pages")
    _add_threshold_options(scored)
    _add_tuning_options(scored)
    _add_output_options(scored)
    args = parser.parse_args(argv)
    wrong = _contradiction(args)
    if wrong:
        parser.error(wrong)
    if args.gt:
        check_file(args.gt, "--gt", "a Kaggle CSV, or a COCO or Fashionpedia JSON")
        check_file(args.predictions, "--predictions", "a submission, or COCO results as JSON")
        check_file(args.thresholds, "--thresholds", "thresholds.json of --tune")
    else:
        check_data_options(args)
        check_model_options(args)
        check_file(args.label_map, "--label-map", "a JSON object of names")
    check_folder(args.images, "--images", "the folder of the images")
    for option in ("out", "report", "errors"):
        check_output(getattr(args, option), f"--{option}")
    return args


def add_model_options(group: Any) -> None:
    """Adds the options of the evaluation of a model.

    Args:
        group: Group of a parser.
    """
    add_option(group, "--weights", default=None)
    for name in ("--ensemble", "--data", "--skip-bad", "--rescore", "--tta", "--tiles", "--set"):
        add_option(group, name)
    for name in ("--limit", "--restart"):
        add_option(group, name)
    add_val_option(group)
    group.add_argument(
        "--split",
        metavar="PART",
        help="what is scored: train, val, test, or a CSV in the folder of --data (default: the "
        "images that the training held out; of another data set its validation data, all images "
        "of a file, or a tenth of a folder)",
    )
    group.add_argument(
        "--ap-conf",
        type=fraction,
        default=0.01,
        metavar="SCORE",
        help="minimum confidence score of the detections that AP ranks (default: %(default)s)",
    )
    group.add_argument(
        "--min-score",
        dest="ap_conf",
        type=fraction,
        help=argparse.SUPPRESS,
        default=argparse.SUPPRESS,
    )
    group.add_argument(
        "--label-map",
        type=Path,
        metavar="FILE",
        help="JSON object that renames labels of the model or of the data, before the labels of "
        'both are matched by name: {"short sleeve top": "top, t-shirt, sweatshirt"}; labels '
        "that then have one name are joined",
    )
    group.add_argument(
        "--shared-labels",
        action="store_true",
        help="score only the labels that the model and the data have; without it, labels that the "
        "model lacks count as missed",
    )
    group.add_argument(
        "--true-boxes",
        action="store_true",
        help="score the attributes of the ground-truth boxes as well",
    )


def _add_stored_predictions(group):
    group.add_argument(
        "--gt", type=Path, metavar="FILE", help="ground truth of the stored predictions"
    )
    group.add_argument(
        "--predictions", type=Path, metavar="FILE", help="stored predictions; no model is loaded"
    )
    add_option(
        group,
        "--images",
        nargs=None,
        metavar="DIR",
        help="folder of the images of --gt, to draw them on the pages, or of --data",
    )


def _add_threshold_options(group):
    add_option(
        group,
        "--conf",
        old_names=("--score-threshold",),
        default=0.5,  # not that of the model: scores of two models must be of one threshold
        help="minimum confidence score of a detection, except in AP, which ranks all "
        "(default: %(default)s)",
    )
    add_option(group, "--attr-conf")
    add_option(group, "--thresholds")
    group.add_argument(
        "--fixed",
        action="store_true",
        help="add a variant of Fashionpedia's AP that does not depend on the order of objects",
    )


def _add_tuning_options(group):
    group.add_argument(
        "--tune",
        choices=OBJECTIVE_NAMES,
        metavar="METRIC",
        help="search the thresholds that maximize a metric, and write thresholds.json: "
        f"{', '.join(OBJECTIVE_NAMES)}",
    )
    group.add_argument(
        "--folds",
        type=whole(2),
        default=5,
        metavar="N",
        help="folds of the images; each is scored with thresholds searched on the others "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--level",
        choices=LEVELS,
        metavar="LEVEL",
        help=f"granularity of the thresholds: {', '.join(LEVELS)} (default: the simplest level "
        "within one standard error of the best)",
    )


def _add_output_options(group):
    add_option(group, "--out", default=Path("evaluation"))
    group.add_argument(
        "--no-pages",
        dest="pages",
        action="store_false",
        help="write the files of --out without the pages index.html, scores.html, errors.html and, "
        "after --tune, thresholds.html",
    )
    # Pages in folders of their own: before the pages in --out existed.
    for name in ("--report", "--errors"):
        group.add_argument(name, type=Path, help=argparse.SUPPRESS)


def _contradiction(args: argparse.Namespace) -> str | None:
    """The first contradiction among the arguments."""
    if (args.gt is None) != (args.predictions is None):
        return "--gt and --predictions belong together: give both, or a model with --weights"
    if not any((args.gt, args.weights, args.ensemble, args.data)):
        return (
            "Nothing to score. Name a data set with --data and a model with --weights (default: "
            "the shipped model); or stored predictions with --gt and --predictions"
        )
    if args.gt and (args.weights or args.ensemble):
        option = "--ensemble" if args.ensemble else "--weights"
        return f"{option} names a model, and --gt belongs to stored predictions: give one of them"
    of_model = (args.data, args.val, args.split, args.true_boxes, args.limit)
    of_labels = (args.label_map, args.shared_labels)
    if args.gt and any((*of_model, *of_labels, args.rescore, args.tta, args.tiles)):
        return (
            "--data, --val, --split, --true-boxes, --limit, --label-map, --shared-labels, "
            "--rescore, --tta and --tiles belong to a model, and --gt to stored predictions"
        )
    if args.true_boxes and any(of_labels):
        return (
            "--true-boxes needs data of the model's own label list, and --label-map and "
            "--shared-labels are for data of another one"
        )
    if args.report and args.errors and args.report.resolve() == args.errors.resolve():
        return (
            "--report and --errors each write an index.html: give them two folders. "
            f"Got {args.report} for both"
        )
    return None


if __name__ == "__main__":
    sys.exit(run_verb(main))
