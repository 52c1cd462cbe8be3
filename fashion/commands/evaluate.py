"""Body of `evaluate`: predicts or reads predictions, scores them, searches thresholds."""

import argparse
import contextlib
import dataclasses
import importlib.util
import json
import logging
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

from fashion.cli.evaluation_input import ImageReader, input_from_files, input_from_model
from fashion.cli.interrupts import current_command, resumable
from fashion.cli.locks import working_in
from fashion.evaluation import scoring
from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.thresholds.files import read_thresholds, write_thresholds
from fashion.evaluation.thresholds.names import LEVELS
from fashion.evaluation.thresholds.objectives import OBJECTIVES
from mrcnn.drawing.tables import text_table
from mrcnn.files import atomic_path, write_text

log = logging.getLogger(__name__)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Evaluates as the arguments ask.

    Args:
        args: Result of `fashion.evaluate.parse`.

    Returns:
        The scores.
    """
    folders = [folder for folder in (args.out, args.report, args.errors) if folder]
    with contextlib.ExitStack() as stack:
        for folder in folders:
            stack.enter_context(working_in(folder, "evaluate"))
        if not args.gt:
            stack.enter_context(resumable())
            if args.restart:
                (args.out / "predictions.partial").unlink(missing_ok=True)
        return evaluate(args)


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """Evaluates as parsed arguments ask, into folders that are locked.

    Args:
        args: Result of `fashion.evaluate.parse`.

    Returns:
        The scores.
    """
    thresholds = read_thresholds(args.thresholds) if args.thresholds else None
    given = (input_from_files if args.gt else input_from_model)(args, thresholds)
    about, ground_truth, detections = given.about, given.ground_truth, given.detections
    about["photos"] = len(ground_truth["images"])
    inputs = Inputs(ground_truth, detections, score_threshold=args.conf, fixed=args.fixed)
    if args.tune:
        given.more |= tune(args, inputs, about.get("rescored"))
    if thresholds:
        about["thresholds"] = str(args.thresholds)
        detections = thresholds.apply_to_coco(detections, ground_truth)
        inputs = Inputs(ground_truth, detections, score_threshold=0.0, fixed=args.fixed)
    scores = scoring.compute_metrics(inputs) | given.more
    if "tuning" in scores and not OBJECTIVES[args.tune].ranked:
        scores["tuned"] = _tuned_headlines(args.out / "thresholds.json", ground_truth, detections)
    if detections and ground_truth["annotations"] and scores["coco"]["segm"]["AP50"] == 0:
        log.warning(
            "No detection overlaps an object of its category by half. Are the photos, their sizes "
            "and the label lists the same in both files?"
        )
    print(scoring.table(scores))
    write_text(args.out / "metrics.json", json.dumps(about | scores, indent=2) + "\n")
    print(f"metrics: {args.out / 'metrics.json'}")
    write_pages(args, about, inputs, scores, given.read_image)
    given.finish()
    return scores


def _tuned_headlines(path, ground_truth, detections):
    """The headline scores with the thresholds that were found, on the same images."""
    from fashion.evaluation.report.summary import headlines

    kept = read_thresholds(path).apply_to_coco(detections, ground_truth)
    return headlines(scoring.compute_metrics(Inputs(ground_truth, kept, score_threshold=0.0)))


def tune(args: argparse.Namespace, inputs: Inputs, rescored: bool | None) -> dict[str, Any]:
    """Searches thresholds, writes and prints them.

    Args:
        args: Result of `fashion.evaluate.parse`.
        inputs: Ground truth and predictions.
        rescored: Whether --rescore scored them; None if unknown.

    Returns:
        "tuning", and "grid" for metrics that thresholds can improve.
    """
    from fashion.evaluation.thresholds.search import search
    from fashion.evaluation.thresholds.tuning_data import read_tuning_data

    objective, ground_truth = OBJECTIVES[args.tune], inputs.ground_truth
    with tqdm(total=len(ground_truth["images"]), unit="image", desc="overlaps") as bar:
        data = read_tuning_data(
            ground_truth, inputs.detections, table=inputs.masks, on_image=bar.update
        )
    with tqdm(total=(args.folds + 1) * (len(LEVELS) - 1), desc="search") as bar:
        found = search(
            data,
            objective,
            score=args.conf,
            attribute=0.5 if args.attr_conf is None else args.attr_conf,
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
        thresholds = dataclasses.replace(thresholds, score=args.conf)
    tuning |= {} if rescored is None else {"rescored": rescored}
    path = args.out / "thresholds.json"
    write_thresholds(path, thresholds, tuning=tuning | {"photos": len(ground_truth["images"])})
    print(f"{_tuning_table(objective, found, chosen)}\nthresholds: {path}")
    if args.tune == "f1_ap":
        return {"tuning": tuning, "grid": _write_grid(args, _grid_of_ap(inputs))}
    if objective.ranked:  # AP ranks all detections, so no threshold on scores improves it
        return {"tuning": tuning}
    return {"tuning": tuning, "grid": _write_grid(args, _grid_of(args.tune, data, objective))}


def _grid_of(name, data, objective):
    """The metric on a grid of the two main thresholds."""
    from fashion.evaluation.thresholds.level_search import SCORES
    from fashion.evaluation.thresholds.search import grid

    with tqdm(total=len(SCORES[1::2]) ** 2, desc="grid") as bar:
        return grid(data, objective, on_step=bar.update) | {"metric": name}


def _grid_of_ap(inputs):
    """AP and f1AP on a grid of the two main thresholds, of masks and of boxes."""
    from fashion.evaluation.thresholds.ap_grid import ATTRIBUTES, ap_grid

    if not any("attribute_scores" in row for row in inputs.detections):
        log.warning(
            "The predictions have no attribute_scores, so each attribute counts at every attribute "
            "threshold: the grid differs by score threshold alone."
        )
    with tqdm(total=2 * (len(ATTRIBUTES) + 1), desc="grid") as bar:
        return ap_grid(inputs, on_step=bar.update)


def _write_grid(args, grid):
    """Writes grid.csv and grid.png; returns the grid."""
    from fashion.evaluation.report.figures import grid_heat_map
    from fashion.evaluation.thresholds.ap_grid import write_grid_csv

    write_grid_csv(args.out / "grid.csv", grid)
    with atomic_path(args.out / "grid.png") as path:
        grid_heat_map(grid).savefig(path, dpi=150, bbox_inches="tight")
    files = args.out / "grid.csv", args.out / "grid.png"
    print(f"grid of score and attribute thresholds: {files[0]}, {files[1]}")
    return grid


def _tuning_table(objective, found, chosen):
    """The metric at every level of thresholds, on held-out images and on the same ones."""
    lines = [f"{objective.title:42}{'held out':>12}{'same images':>14}"]
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
    """Prints the tuned scores and the next command, and writes the pages.

    Args:
        args: Result of `fashion.evaluate.parse`.
        about: JSON-able, where the predictions come from.
        inputs: What was scored.
        scores: Its scores.
        read_image: Reads the images for the page of errors; None without images.
    """
    if importlib.util.find_spec("matplotlib") is None:
        log.warning("The pages are left out: they need matplotlib. pip install matplotlib")
        return
    from fashion.reports import site  # not at the top: it imports matplotlib

    command = current_command("evaluate")
    evaluation = site.Evaluation(about, inputs, scores, read_image, command, args.out)
    if "tuned" in scores:
        print(f"\n{text_table(site.tuned_rows(scores))}\n")
    if args.pages:
        print(f"pages: {site.write_site(evaluation)}")
    print(f"next: {site.next_command(evaluation)[1]}")
    if args.report:
        from fashion.evaluation.report.page import write_report

        page = write_report(
            args.report,
            {**about, **scores},
            ground_truth=inputs.ground_truth,
            detections=inputs.detections,
            title=f"Scores of {evaluation.title}",
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
            title=f"Errors of {evaluation.title}",
        )
        print(f"errors: {args.errors / 'index.html'}")
