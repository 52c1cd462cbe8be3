"""Score a model on labelled photos.        python fashion/evaluate.py --weights runs/ccp... --data DIR --split val.csv --out scores
Or predictions that are stored.          python fashion/evaluate.py --gt val.csv --predictions submission.csv --out scores
Search the best thresholds on them.      python fashion/evaluate.py --gt val.csv --predictions scores/predictions.json --tune kaggle_2020 …
See what goes wrong.                     python fashion/evaluate.py --gt val.csv --predictions … --photos val/ --errors errors

Every measure of the field: COCO's mask and box AP, AP with an F1 of the attributes, Fashionpedia's AP, the scores of both contests, the
attributes, what was found, and pixel measures. --gt takes a Kaggle CSV of 2019 or 2020, or a COCO or Fashionpedia JSON; --predictions a
submission CSV, or COCO results with attribute_ids or attribute_scores. What a model predicts is stored in predictions.json, so that all
this can be done with it again. Scores go to metrics.json, thresholds for fashion/submit.py to thresholds.json.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import contextlib
import dataclasses
import functools
import itertools
import json
import logging
import sys
from pathlib import Path

from tqdm import tqdm

from fashion.cli import (
    add_data_arguments,
    add_model_arguments,
    model_settings,
    open_files,
    run_verb,
    working_in,
)
from fashion.datasets.files import EXTENSIONS, year_of
from fashion.datasets.holding_out import noted_split
from fashion.datasets.splits import load_files, load_held_out
from fashion.evaluation import scoring
from fashion.evaluation.io.ground_truth import EXPECTED, checked_ground_truth, read_ground_truth
from fashion.evaluation.io.predictions import checked_results, read_detections
from fashion.evaluation.io.results import coco_results
from fashion.evaluation.io.resumable import predict_resumable
from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.thresholds.files import read_thresholds, write_thresholds
from fashion.evaluation.thresholds.objectives import OBJECTIVES
from fashion.evaluation.thresholds.search import LEVELS
from fashion.formats.annotation_csv import read_annotations
from fashion.labels.ontology import Ontology
from mrcnn.data.annotated_images import path_inside, read_annotated
from mrcnn.data.image_io import read_image
from mrcnn.files import write_text
from mrcnn.json_files import read_json

log = logging.getLogger(__name__)


def main(argv=None):
    """Evaluate as the arguments say; returns the scores."""
    parser = argparse.ArgumentParser(
        prog="fashion evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
    both = parser.add_argument_group("what is done")
    both.add_argument(
        "--score-threshold",
        type=float,
        default=0.5,
        metavar="S",
        help="detections that are less sure do not count, except in measures of ranked detections (default: %(default)s)",
    )
    both.add_argument(
        "--attribute-threshold",
        type=float,
        default=0.5,
        metavar="T",
        help="of predictions with attribute_scores alone, those from this on count (default: %(default)s)",
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
    args = parser.parse_args(argv)
    if (args.gt is None) != (args.predictions is None) or (args.gt is None) == (not args.weights):
        parser.error(
            "give --weights to score a model, or --gt and --predictions to score stored predictions"
        )
    if args.tune and not args.out:
        parser.error("--tune writes thresholds.json: give its folder with --out DIR")
    if args.folds < 2:
        parser.error(
            f"--folds must be at least 2, so that there are photos to search on and others to judge on. Got {args.folds}"
        )
    for option in ("score_threshold", "attribute_threshold"):
        if not 0 <= getattr(args, option) <= 1:
            parser.error(
                f"--{option.replace('_', '-')} lies between 0 and 1. Got {getattr(args, option)}"
            )
    if args.gt and (args.split or args.true_boxes or args.data or args.rescore):
        parser.error(
            "--data, --split, --true-boxes and --rescore belong to a model, and stored predictions have none"
        )
    if args.report and args.errors and args.report.resolve() == args.errors.resolve():
        parser.error(
            f"--report and --errors each write an index.html: give them two folders. Got {args.report} for both"
        )
    for folder in (args.out, args.report, args.errors):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    with contextlib.ExitStack() as stack:
        for folder in filter(None, (args.out, args.report, args.errors)):
            stack.enter_context(working_in(folder, "evaluate"))
        return evaluate(args)


def evaluate(args):
    """Evaluate as the arguments say, into folders that are locked; returns the scores."""
    thresholds = read_thresholds(args.thresholds) if args.thresholds else None
    about, truth, detections, more, read_photo = (from_files if args.gt else from_model)(
        args, thresholds
    )
    about |= {"photos": len(truth["images"])}
    if args.tune:
        more |= tune(args, truth, detections, about.get("rescored"))
    if thresholds:
        about |= {"thresholds": str(args.thresholds)}
        detections = thresholds.apply_to_coco(detections, truth)
    score_threshold = 0.0 if thresholds else args.score_threshold
    inputs = Inputs(truth, detections, score_threshold=score_threshold, fixed=args.fixed)
    scores = scoring.compute_metrics(inputs) | more
    if detections and truth["annotations"] and scores["coco"]["segm"]["AP50"] == 0:
        log.warning(
            "No detection overlaps an object of its category by half. Are the photos, their sizes and the label lists the same in "
            "both files?"
        )
    print(scoring.table(scores))
    if args.out:
        write_text(args.out / "metrics.json", json.dumps(about | scores, indent=2) + "\n")
        print(f"metrics: {args.out / 'metrics.json'}")
    write_pages(args, about, inputs, scores, read_photo)
    return scores


def from_files(args, thresholds):
    """(about, truth, detections, {}, read_photo) of stored predictions; nothing of a network is imported for it."""
    if not args.gt.is_file():
        raise FileNotFoundError(
            f"There is no file {args.gt}. --gt names a Kaggle CSV, or a COCO or Fashionpedia JSON."
        )
    truth = truth_of(args.gt)
    read_photo = photo_reader(
        args.photos,
        {
            str(image.get("file_name", image["id"])): (image["height"], image["width"])
            for image in truth["images"]
        },
    )
    if thresholds:
        thresholds.check_ground_truth(truth, args.thresholds)
    if not args.predictions.is_file():
        raise FileNotFoundError(
            f"There is no file {args.predictions}. --predictions names a submission, or COCO results as JSON."
        )
    about, how = (
        {"gt": str(args.gt), "predictions": str(args.predictions)},
        {"attribute_threshold": args.attribute_threshold},
    )
    if args.predictions.suffix.lower() == ".csv":
        return (
            about,
            truth,
            read_detections(args.predictions, truth, **how),
            {},
            read_photo,
        )
    content = read_json(args.predictions, EXPECTED)
    if isinstance(content, dict) and isinstance(content.get("rescored"), bool):
        about["rescored"] = content["rescored"]
    return (
        about,
        truth,
        checked_results(content, truth, args.predictions.name, **how),
        {},
        read_photo,
    )


def from_model(args, thresholds):
    """The same of a model's predictions, which are stored where there is a folder for them."""
    from fashion.classify.garments.rescorer import file_of
    from fashion.evaluation.io.results import describe_dataset
    from fashion.evaluation.metrics.attributes import attribute_f1_on_truth
    from fashion.model import checkpoint_in, load_model

    min_score = min(args.min_score, thresholds.min_score()) if thresholds else args.min_score
    model = load_model(args.weights, **model_settings(args, min_score))
    if thresholds:
        thresholds.check_ontology(model.ontology, args.thresholds)
    noted = noted_split(checkpoint_in(args.weights))
    files = open_files(args.data)
    labels = labels_of_data(files, args.split, model.ontology, args.true_boxes)
    dataset = open_split(files, args.split, labels, args.skip_bad, noted)
    about = {
        "weights": str(checkpoint_in(args.weights)),
        "min_score": min_score,
        "set": args.set,
        "data": str(dataset.annotations.csv_path),
        **({"rescore": str(file_of(args.rescore))} if args.rescore else {}),
        "rescored": bool(args.rescore),
    }
    warn_of_learned(model.rescorer, dataset)
    content = dataset.to_coco()
    truth = checked_ground_truth(content)
    if thresholds and labels is not model.ontology:
        thresholds.check_ground_truth(truth, args.thresholds)
    rows, journal = predict_resumable(
        model,
        dataset,
        functools.partial(coco_results, raw=True),
        about,
        args.out and args.out / "predictions.partial",
    )
    stored = {
        "rescored": about["rescored"],
        "images": content["images"],
        **model.ontology.to_coco(),
        "annotations": list(itertools.chain(*rows)),
    }
    if args.out:
        write_text(args.out / "predictions.json", json.dumps(stored))
        journal.remove()
        print(f"predictions: {args.out / 'predictions.json'}")
    more = {}
    if args.true_boxes:
        with tqdm(total=len(dataset.image_ids), unit="photo", desc="true boxes") as bar:
            described = describe_dataset(
                model, dataset, dataset.image_ids, on_result=lambda *_: bar.update()
            )
        more = {"attributes_on_truth": attribute_f1_on_truth(truth, described)}
    id_of = {image["file_name"]: image["id"] for image in content["images"]}
    return (
        about,
        truth,
        checked_results(stored, truth),
        more,
        lambda name: dataset.load_image(id_of[name]),
    )


def labels_of_data(files, split, ontology, true_boxes):
    """The label list that the CSV of a data folder is read with: the model's, or the folder's own where that is another one.

    Then what the model predicts is matched by name, and attributes that only one of the lists has count for nothing.
    """
    own = files.ontology()
    ours, theirs = (
        {
            *zip(o.category_ids, o.category_names),
            *(("attribute", *row) for row in zip(o.attribute_ids, o.attribute_names)),
        }
        for o in (ontology, own)
    )
    if theirs <= ours:
        return ontology
    if (
        files.labels is None
    ):  # the official list is a guess then: the model's comes first, if the file can be read with it
        csv = files.folder / split if split else files.train_csv
        if not csv.is_file() or not read_annotations(csv, ontology)[1]:
            return ontology
    if true_boxes:
        raise ValueError(
            f"--true-boxes needs data of the model's own label list, and that of {files.folder} is another one."
        )
    known = ontology.ids_in(own)[0]
    foreign = [
        name for i, name in zip(ontology.category_ids, ontology.category_names) if i not in known
    ]
    if foreign:
        raise ValueError(
            f"The label list of {files.folder} is not the model's and lacks {len(foreign)} of its categories: "
            f"{', '.join(foreign[:5])}. Label lists are matched by name: give data with these categories, or another model."
        )
    log.warning(
        "The label list of %s is not the model's: categories and attributes are matched by name.",
        files.folder,
    )
    return own


def warn_of_learned(rescorer, dataset):
    """Warn where a classifier that scores detections again was trained on photos of the data set."""
    learned = (
        set(rescorer.about.get("trained_on", ())).intersection(
            info["id"] for info in dataset.image_info
        )
        if rescorer
        else ()
    )
    if learned:
        log.warning(
            "The classifier of --rescore was trained on %d of the %d photos: their scores are better than those of new ones.",
            len(learned),
            len(dataset.image_info),
        )


def tune(args, truth, detections, rescored):
    """Search thresholds, write and tell them; returns what the scores say about it. rescored: whether by --rescore; None: not known"""
    from fashion.evaluation.report.figures import grid_heat_map
    from fashion.evaluation.thresholds.search import SCORES, grid, search
    from fashion.evaluation.thresholds.tuning_data import read_tuning_data
    from mrcnn.files import atomic_path

    goal = OBJECTIVES[args.tune]
    with tqdm(total=len(truth["images"]), unit="photo", desc="overlaps") as bar:
        data = read_tuning_data(truth, detections, on_image=bar.update)
    with tqdm(total=(args.folds + 1) * (len(LEVELS) - 1), desc="search") as bar:
        found = search(
            data,
            goal,
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
    if goal.ranked:  # it was searched with all detections, which nobody submits
        thresholds = dataclasses.replace(thresholds, score=args.score_threshold)
    if rescored is not None:
        tuning["rescored"] = rescored
    tuning_note = tuning | {"photos": len(truth["images"])}
    write_thresholds(args.out / "thresholds.json", thresholds, tuning=tuning_note)
    print(f"{goal.title:42}{'held out':>12}{'same photos':>14}")
    for level in LEVELS:
        print(
            f"  {level:40}{found.held_out[level]:12.4f}{found.on_same[level]:14.4f}{'   <- written' if level == chosen else ''}"
        )
    print(f"thresholds: {args.out / 'thresholds.json'}")
    if goal.ranked:  # a threshold on scores makes no AP better, so there is nothing to see
        return {"tuning": tuning}
    with tqdm(total=len(SCORES[1::2]) ** 2, desc="grid") as bar:
        table = grid(data, goal, on_step=bar.update) | {"metric": args.tune}
    with atomic_path(args.out / "grid.png") as path:
        grid_heat_map(table).savefig(path, dpi=150, bbox_inches="tight")
    print(f"grid of score and attribute thresholds: {args.out / 'grid.png'}")
    return {"tuning": tuning, "grid": table}


def write_pages(args, about, inputs, scores, read_photo):
    """The pages that were asked for."""
    model = Path(about.get("weights") or about["predictions"]).name
    data = about.get("gt") or about.get("data")
    scored = f"{model} on {Path(*Path(data).parts[-2:])}" if data else model
    if args.report:
        from fashion.evaluation.report.page import write_report

        path = write_report(
            args.report,
            about | scores,
            ground_truth=inputs.ground_truth,
            detections=inputs.detections,
            title=f"Scores of {scored}",
        )
        print(f"report: {path}")
    if args.errors:
        from fashion.evaluation.errors.page import write_errors

        write_errors(
            args.errors,
            inputs.ground_truth,
            inputs.detections,
            read_photo,
            score_threshold=inputs.score_threshold,
            table=inputs.masks,
            title=f"Errors of {scored}",
        )
        print(f"errors: {args.errors / 'index.html'}")


def truth_of(path):
    """The ground truth of a file, of a CSV as a model's own truth is read from it."""
    labels = labels_of(path)
    carrying = (
        labels.attribute_category_ids if labels and year_of(path) == 2019 else None
    )  # as `splits.load_files`
    return read_ground_truth(
        path,
        labels,
        attribute_categories=carrying,
    )


def labels_of(path):
    """The label list of a CSV: the label file beside it, else the official one of its year; None for other files, which have their own."""
    if path.suffix.lower() != ".csv":
        return None
    beside = path.parent / "label_descriptions.json"
    return Ontology.from_file(beside) if beside.is_file() else Ontology.official(year_of(path))


def photo_reader(folder, sizes=()):
    """Callable file name (with or without extension) -> (H, W, 3) uint8, None where the folder
    lacks it; None without a folder.

    sizes: {file name: (height, width) of its annotations}, by which a photo is turned as its EXIF
        data say. What lies outside of the
    folder, or is a link to that, counts as lacking, with a warning: the photos go into a page that
        is passed on.
    """
    if folder is None:
        return None
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder {folder}. Give the folder that holds the photos."
        )

    def read(name):
        for ending in ("", *EXTENSIONS):
            try:
                path = path_inside(folder, f"{name}{ending}")
            except ValueError as error:
                log.warning("%s It is not drawn.", error)
                return None
            if path.is_file():
                try:
                    return read_annotated(path, sizes[name]) if name in sizes else read_image(path)
                except ValueError as error:
                    raise OSError(str(error)) from error
        return None

    return read


def open_split(files, split, ontology, skip_bad, noted=None):
    """The data set of one CSV of the folder; None means the photos that were held out, as the checkpoint says: see `load_held_out`."""
    if split is None:
        return load_held_out(files, ontology, noted, skip_bad=skip_bad)
    csv = files.folder / split
    if not csv.exists():
        raise FileNotFoundError(
            f"There is no {csv}. --split names a CSV inside the data folder {files.folder}."
        )
    return load_files(files, csv, ontology, skip_bad=skip_bad)


if __name__ == "__main__":
    sys.exit(run_verb(main))
