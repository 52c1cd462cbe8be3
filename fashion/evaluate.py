r"""Score a model on labelled photos.

    python fashion/evaluate.py --weights runs/ccp... --data DIR --split val.csv --out scores

Or predictions that are stored:

    python fashion/evaluate.py --gt val.csv --predictions submission.csv --out scores

Search the best thresholds on them:

    python fashion/evaluate.py --gt val.csv --predictions scores/predictions.json \
        --tune kaggle_2020 …

See what goes wrong:

    python fashion/evaluate.py --gt val.csv --predictions … --photos val/ --errors errors

Every measure of the field: COCO's mask and box AP, AP with an F1 of the attributes, Fashionpedia's
AP, the scores of both contests, the attributes, what was found, and pixel measures. --gt takes a
Kaggle CSV of 2019 or 2020, or a COCO or Fashionpedia JSON; --predictions a submission CSV, or COCO
results with attribute_ids or attribute_scores. What a model predicts is stored in
predictions.json, so that all this can be done with it again. Scores go to metrics.json, thresholds
for fashion/submit.py to thresholds.json.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import contextlib
import dataclasses
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fashion.cli import (
    add_data_arguments,
    add_model_arguments,
    keeping_nothing,
    run_verb,
    working_in,
)
from fashion.cli.evaluation_input import ImageReader, input_from_files, input_from_model
from fashion.evaluation import scoring
from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.thresholds.files import read_thresholds, write_thresholds
from fashion.evaluation.thresholds.level_search import LEVELS
from fashion.evaluation.thresholds.objectives import OBJECTIVES
from mrcnn.files import atomic_path, write_text

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Evaluates as the arguments ask.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The scores.
    """
    args = parse(argv)
    folders = [folder for folder in (args.out, args.report, args.errors) if folder]
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)  # before the work, not after it
        except OSError as error:  # a file of that name, or no permission
            raise OSError(
                f"The folder {folder} cannot be made: {error.strerror}. Give another one."
            ) from error
    with contextlib.ExitStack() as stack:
        if args.gt or not args.out:  # no predictions.partial
            stack.enter_context(keeping_nothing())
        for folder in folders:
            stack.enter_context(working_in(folder, "evaluate"))
        return evaluate(args)


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """Evaluates as parsed arguments ask, into folders that are locked.

    Args:
        args: Result of `parse`.

    Returns:
        The scores.
    """
    thresholds = read_thresholds(args.thresholds) if args.thresholds else None
    given = (input_from_files if args.gt else input_from_model)(args, thresholds)
    about, ground_truth, detections = given.about, given.ground_truth, given.detections
    about["photos"] = len(ground_truth["images"])
    inputs = Inputs(
        ground_truth, detections, score_threshold=args.score_threshold, fixed=args.fixed
    )
    if args.tune:
        given.more |= tune(args, inputs, about.get("rescored"))
    if thresholds:
        about["thresholds"] = str(args.thresholds)
        detections = thresholds.apply_to_coco(detections, ground_truth)
        inputs = Inputs(ground_truth, detections, score_threshold=0.0, fixed=args.fixed)
    scores = scoring.compute_metrics(inputs) | given.more
    if detections and ground_truth["annotations"] and scores["coco"]["segm"]["AP50"] == 0:
        log.warning(
            "No detection overlaps an object of its category by half. Are the photos, their sizes "
            "and the label lists the same in both files?"
        )
    print(scoring.table(scores))
    if args.out:
        write_text(args.out / "metrics.json", json.dumps(about | scores, indent=2) + "\n")
        print(f"metrics: {args.out / 'metrics.json'}")
    write_pages(args, about, inputs, scores, given.read_image)
    return scores


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.
    """
    parser = argparse.ArgumentParser(
        prog="fashion evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_input_arguments(parser)
    both = parser.add_argument_group("what is done")
    _add_threshold_arguments(both)
    _add_tuning_arguments(both)
    _add_output_arguments(both)
    args = parser.parse_args(argv)
    wrong = _what_is_wrong(args)
    if wrong:
        parser.error(wrong)
    return args


def _add_input_arguments(parser):
    of_model = parser.add_argument_group("a model")
    add_model_arguments(of_model, min_score=0.05, default=None)
    add_data_arguments(of_model)
    of_model.add_argument(
        "--split",
        metavar="CSV",
        help="CSV in the data folder (default: the photos that the training "
        "held out; of other data val.csv, or a tenth of train.csv)",
    )
    of_model.add_argument(
        "--true-boxes",
        action="store_true",
        help="also describe the attributes of the objects' true boxes",
    )
    stored = parser.add_argument_group("stored predictions")
    stored.add_argument(
        "--gt",
        type=Path,
        metavar="FILE",
        help="the truth that stored predictions are scored against",
    )
    stored.add_argument(
        "--predictions", type=Path, metavar="FILE", help="stored predictions; no model is loaded"
    )
    stored.add_argument(
        "--photos", type=Path, metavar="DIR", help="folder of the photos, to draw them for --errors"
    )


def _add_threshold_arguments(both):
    both.add_argument(
        "--score-threshold",
        type=float,
        default=0.5,
        metavar="S",
        help="detections that are less sure do not count, except in measures of ranked "
        "detections (default: %(default)s)",
    )
    both.add_argument(
        "--attribute-threshold",
        type=float,
        default=0.5,
        metavar="T",
        help="of predictions with attribute_scores alone, those from this on count "
        "(default: %(default)s)",
    )
    both.add_argument(
        "--thresholds",
        type=Path,
        metavar="JSON",
        help="what counts is as this file of --tune says; unlike in a submission, "
        "masks of one category may overlap",
    )
    both.add_argument(
        "--fixed",
        action="store_true",
        help="add our variant of Fashionpedia's AP, which does not depend on the order of "
        "the objects",
    )


def _add_tuning_arguments(both):
    both.add_argument(
        "--tune",
        choices=sorted(OBJECTIVES),
        metavar="MEASURE",
        help="search the thresholds at which it is best and write "
        f"thresholds.json and the grid of the two main ones: {', '.join(sorted(OBJECTIVES))}",
    )
    both.add_argument(
        "--folds",
        type=int,
        default=5,
        metavar="N",
        help="parts of the photos that --tune judges itself on, one after the "
        "other (default: %(default)s)",
    )
    both.add_argument(
        "--level",
        choices=LEVELS,
        help="how finely the thresholds are divided that --tune writes (default: the "
        "simplest that is no worse on held-out photos by more than chance)",
    )


def _add_output_arguments(both):
    both.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for metrics.json, predictions.json, thresholds.json",
    )
    both.add_argument(
        "--report", type=Path, metavar="DIR", help="folder for a page with all tables and plots"
    )
    both.add_argument(
        "--errors",
        type=Path,
        metavar="DIR",
        help="folder for a page about what goes wrong, and what it costs",
    )


def _what_is_wrong(args: argparse.Namespace) -> str | None:
    """The first contradiction among the arguments."""
    if (args.gt is None) != (args.predictions is None) or (args.gt is None) == (not args.weights):
        return (
            "give --weights to score a model, or --gt and --predictions to score stored predictions"
        )
    if args.tune and not args.out:
        return "--tune writes thresholds.json: give its folder with --out DIR"
    if args.folds < 2:
        return (
            "--folds must be at least 2, so that there are photos to search on and others to judge "
            f"on. Got {args.folds}"
        )
    for option in ("score_threshold", "attribute_threshold"):
        if not 0 <= getattr(args, option) <= 1:
            name = option.replace("_", "-")
            return f"--{name} lies between 0 and 1. Got {getattr(args, option)}"
    if args.gt and (args.split or args.true_boxes or args.data or args.rescore):
        return (
            "--data, --split, --true-boxes and --rescore belong to a model, and stored predictions "
            "have none"
        )
    if args.report and args.errors and args.report.resolve() == args.errors.resolve():
        return (
            "--report and --errors each write an index.html: give them two folders. "
            f"Got {args.report} for both"
        )
    return None


def tune(args: argparse.Namespace, inputs: Inputs, rescored: bool | None) -> dict[str, Any]:
    """Searches thresholds, writes and prints them.

    Args:
        args: Result of `parse`.
        inputs: Ground truth and predictions.
        rescored: Whether --rescore scored them; None if unknown.

    Returns:
        "tuning", and "grid" for metrics that thresholds can improve.
    """
    from fashion.evaluation.thresholds.search import search
    from fashion.evaluation.thresholds.tuning_data import read_tuning_data

    objective, ground_truth = OBJECTIVES[args.tune], inputs.ground_truth
    with tqdm(total=len(ground_truth["images"]), unit="photo", desc="overlaps") as bar:
        data = read_tuning_data(
            ground_truth, inputs.detections, table=inputs.masks, on_image=bar.update
        )
    with tqdm(total=(args.folds + 1) * (len(LEVELS) - 1), desc="search") as bar:
        found = search(
            data,
            objective,
            score=args.score_threshold,
            attribute=args.attribute_threshold,
            folds=args.folds,
            on_step=bar.update,
        )
    chosen = args.level or found.level
    tuning = {
        "metric": args.tune,
        "folds": args.folds,
        "level": chosen,
        "held_out": found.held_out,
        "on_same": found.on_same,
    }
    thresholds = found.candidates[chosen].to_table(data)
    if objective.ranked:  # searched with all detections, which nobody submits
        thresholds = dataclasses.replace(thresholds, score=args.score_threshold)
    tuning |= {} if rescored is None else {"rescored": rescored}
    path = args.out / "thresholds.json"
    write_thresholds(path, thresholds, tuning=tuning | {"photos": len(ground_truth["images"])})
    print(f"{_tuning_table(objective, found, chosen)}\nthresholds: {path}")
    if objective.ranked:  # AP ranks all detections, so no threshold on scores improves it
        return {"tuning": tuning}
    return {"tuning": tuning, "grid": _write_grid(args, data, objective)}


def _write_grid(args, data, objective):
    """The metric on a grid of the two main thresholds; draws grid.png."""
    from fashion.evaluation.report.figures import grid_heat_map
    from fashion.evaluation.thresholds.level_search import SCORES
    from fashion.evaluation.thresholds.search import grid

    with tqdm(total=len(SCORES[1::2]) ** 2, desc="grid") as bar:
        table = grid(data, objective, on_step=bar.update) | {"metric": args.tune}
    with atomic_path(args.out / "grid.png") as path:
        grid_heat_map(table).savefig(path, dpi=150, bbox_inches="tight")
    print(f"grid of score and attribute thresholds: {args.out / 'grid.png'}")
    return table


def _tuning_table(objective, found, chosen):
    """The metric at every level of thresholds, on held-out images and on the same ones."""
    lines = [f"{objective.title:42}{'held out':>12}{'same photos':>14}"]
    for level in LEVELS:
        mark = "   <- written" if level == chosen else ""
        lines.append(f"  {level:40}{found.held_out[level]:12.4f}{found.on_same[level]:14.4f}{mark}")
    return "\n".join(lines)


def write_pages(
    args: argparse.Namespace,
    about: Mapping[str, Any],
    inputs: Inputs,
    scores: Mapping[str, Any],
    read_image: ImageReader | None,
) -> None:
    """Writes the pages that were asked for.

    Args:
        args: Result of `parse`.
        about: JSON-able, where the predictions come from.
        inputs: What was scored.
        scores: Its scores.
        read_image: Reads the images for the page of errors; None without images.
    """
    model = Path(about.get("weights") or about["predictions"]).name
    data = about.get("gt") or about.get("data")
    scored = f"{model} on {Path(*Path(data).parts[-2:])}" if data else model
    if args.report:
        from fashion.evaluation.report.page import write_report

        page = write_report(
            args.report,
            {**about, **scores},
            ground_truth=inputs.ground_truth,
            detections=inputs.detections,
            title=f"Scores of {scored}",
        )
        print(f"report: {page}")
    if args.errors:
        from fashion.evaluation.errors.page import write_errors

        write_errors(
            args.errors,
            inputs.ground_truth,
            inputs.detections,
            read_image,
            score_threshold=inputs.score_threshold,
            table=inputs.masks,
            title=f"Errors of {scored}",
        )
        print(f"errors: {args.errors / 'index.html'}")


if __name__ == "__main__":
    sys.exit(run_verb(main))
