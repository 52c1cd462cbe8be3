"""Score a model on labelled photos.        python fashion/evaluate.py --weights runs/ccp... --data DIR --split val.csv --out scores
Or predictions that are stored.          python fashion/evaluate.py --gt val.csv --predictions submission.csv --out scores

Of a model: mask and box AP (COCO's definition) overall and by category, and the F1 of the attributes. Of stored predictions: these, the
scores of both contests, Fashionpedia's AP, AP with an F1 of the attributes, what was found, and pixel measures. --gt takes a Kaggle CSV
of 2019 or 2020, or a COCO or Fashionpedia JSON; --predictions a submission CSV, or COCO results with attribute_ids or attribute_scores.
Both write metrics.json.
"""
if not __package__:                 # run as a script: the repository, not this folder, belongs on the import path
    import sys
    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import json
import sys
from pathlib import Path

from tqdm import tqdm

from fashion.commands import add_data_arguments, add_model_arguments, open_files, run_verb
from fashion.datasets.annotation_csv import read_annotations
from fashion.datasets.files import year_of
from fashion.datasets.splits import load_files, load_train_and_val
from fashion.evaluation import every_score
from fashion.evaluation.every_score import number
from fashion.evaluation.predictions import read_detections
from fashion.evaluation.score import predict_dataset, score_detections
from fashion.evaluation.stored import read_ground_truth
from fashion.ontology import Ontology
from fashion.submission import table as submission_table
from mrcnn.files import write_text

COLUMNS = every_score.COCO


def main(argv=None):
    """Evaluate as the arguments say; returns the scores."""
    parser = argparse.ArgumentParser(prog="fashion evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_arguments(parser, min_score=0.05, default=None)
    add_data_arguments(parser)
    parser.add_argument("--gt", type=Path, metavar="FILE", help="the truth that stored predictions are scored against")
    parser.add_argument("--predictions", type=Path, metavar="FILE", help="stored predictions; no model is loaded")
    parser.add_argument("--attribute-threshold", type=float, default=0.5, metavar="T",
                        help="of predictions with attribute_scores, those from this on count (default: %(default)s)")
    parser.add_argument("--fixed", action="store_true", help="add our variant of Fashionpedia's AP, which does not depend on the order of "
                                                             "the objects")
    parser.add_argument("--split", metavar="CSV", help="CSV in the data folder (default: val.csv, or a tenth of train.csv without it)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for metrics.json")
    args = parser.parse_args(argv)
    if (args.gt is None) != (args.predictions is None) or (args.gt is None and not args.weights):
        parser.error("give --weights to score a model, or --gt and --predictions to score stored predictions")
    return score_stored(args) if args.gt else score_model(args)


def score_stored(args):
    """Score the predictions of a file; nothing of a network is imported for it."""
    ontology = Ontology.official(year_of(args.gt)) if args.gt.suffix.lower() == ".csv" else None
    truth = read_ground_truth(args.gt, ontology, read_annotations=read_annotations)
    detections = read_detections(args.predictions, truth, table=submission_table, attribute_threshold=args.attribute_threshold)
    scores = every_score.score_stored(truth, detections, fixed=args.fixed)
    print(every_score.table(scores))
    write_metrics(args.out, {"gt": str(args.gt), "predictions": str(args.predictions), "photos": len(truth["images"]), **scores})
    return scores


def score_model(args):
    """Score a model on the photos of a CSV."""
    model = load_model(args.weights, DETECTION_MIN_CONFIDENCE=args.min_score)
    dataset = open_split(open_files(args.data), args.split, model.ontology, args.skip_bad)
    with tqdm(total=len(dataset.image_ids), unit="photo") as bar:
        detections = predict_dataset(model, dataset, dataset.image_ids, on_result=lambda *_: bar.update())
    scores = score_detections(dataset.to_coco(), detections)
    print(table(scores, model.ontology))
    write_metrics(args.out, {"weights": str(checkpoint_path(args.weights)), "photos": len(dataset.image_ids), "min_score": args.min_score,
                             **scores})
    return scores


def load_model(path, **settings):
    """See `fashion.model`, which imports Keras and so is not imported to score what is stored."""
    from fashion.model import load_model
    return load_model(path, **settings)


def checkpoint_path(weights):
    """The checkpoint that --weights means."""
    from fashion.model import checkpoint_in
    return checkpoint_in(weights)


def write_metrics(folder, metrics):
    """Write metrics.json into the folder, if there is one, and say so."""
    if folder:
        write_text(folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")
        print(f"metrics: {folder / 'metrics.json'}")


def open_split(files, split, ontology, skip_bad):
    """The data set of one CSV of the folder; None means the validation photos."""
    if split is None and files.val_csv is None:
        return load_train_and_val(files, ontology, skip_bad=skip_bad)[1]
    csv = files.folder / split if split else files.val_csv
    if not csv.exists():
        raise FileNotFoundError(f"There is no {csv}. --split names a CSV inside the data folder {files.folder}.")
    return load_files(files, csv, ontology, skip_bad=skip_bad)


def table(scores, ontology):
    """The scores as text: overall, by category, and attributes."""
    lines = [f"{'':32}" + "".join(f"{name:>8}" for name in COLUMNS)]
    for title, kind in (("masks", "segm"), ("boxes", "bbox")):
        lines.append(f"{title:32}" + "".join(number(scores[kind][name]) for name in COLUMNS))
    lines += ["", f"{'category':32}{'objects':>8}{'AP':>8}{'AP50':>8}   (masks)"]
    for category in ontology.category_ids:
        row = scores["segm"]["per_category"][category]
        if row["instances"]:
            lines.append(f"{row['name'][:31]:32}{row['instances']:8d}{number(row['AP'])}{number(row['AP50'])}")
    a = scores["attributes"]
    lines += ["", f"attributes on {a['matched']} of {a['ground_truth']} objects, those found at mask IoU 0.5: micro F1 {a['micro_f1']:.3f} "
                  f"(precision {a['precision']:.3f}, recall {a['recall']:.3f}), macro F1 {a['macro_f1']:.3f}"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(run_verb(main))
