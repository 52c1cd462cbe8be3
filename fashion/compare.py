"""Compare variants of a model.        python fashion/compare.py attribute-heads --recipe smoke --weights runs/smoke2026… --out runs/heads

Trains every variant of a study with several seeds, scores each by every measure, and writes one table and one plot: means over the seeds,
and the differences from the first variant, a star where a 95 % interval leaves out 0 (each by itself: of twenty stars one is chance).
Whatever is finished is not done again, more seeds can be added later, and a killed run goes on.
"""
if not __package__:                 # run as a script: the repository, not this folder, belongs on the import path
    import sys
    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import csv
import io
import json
import re
import sys
from pathlib import Path

import keras
import numpy as np
from scipy import stats
from tqdm import tqdm

from fashion import evaluate, train
from fashion.commands import add_data_arguments, note_order, run_verb
from fashion.config import RECIPES
from fashion.studies import STUDIES
from mrcnn.drawing.tables import text_table
from mrcnn.files import atomic_path, write_text

SIZES = ("AP", "AP50", "AP75", "APs", "APm", "APl")
COLUMNS = {
    **{f"mask {n}": ("coco", "segm", n) for n in SIZES}, **{f"mask f1{n}": ("f1_ap", "segm", f"f1{n}") for n in SIZES},
    **{f"box {n}": ("coco", "bbox", n) for n in SIZES}, **{f"box f1{n}": ("f1_ap", "bbox", f"f1{n}") for n in SIZES},
    "Fashionpedia AP": ("fashionpedia_fixed", "segm", "iou_f1/AP"),
    "attribute micro F1": ("attributes", "micro_f1"), "attribute macro F1": ("attributes", "macro_f1"),
    "attribute mAP": ("attributes", "map"),
    "micro F1, true boxes": ("attributes_on_truth", "micro_f1"), "mAP, true boxes": ("attributes_on_truth", "map"),
}
ON_SCREEN = ("mask AP", "mask f1AP", "mask f1AP50", "Fashionpedia AP", "attribute micro F1", "attribute macro F1", "attribute mAP",
             "mAP, true boxes")


def main(argv=None):
    """Run the study that the arguments name; returns {variant: {column: (seeds,) array}}."""
    parser = argparse.ArgumentParser(prog="fashion compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=sorted(STUDIES), help="what is compared")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="smoke", help="default: %(default)s")
    add_data_arguments(parser)
    parser.add_argument("--weights", metavar="RUN_OR_FILE", help="what every run starts from")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="runs of each variant (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=3, metavar="N", help="of each run, with --rate (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, metavar="R", help="learning rate (default: %(default)s)")
    parser.add_argument("--only", action="append", metavar="VARIANT", help="this variant alone; may be given several times")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting of all variants")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the runs, the table and the plot")
    args = parser.parse_args(argv)
    study = STUDIES[args.study]
    if study.needs_weights and not args.weights:
        parser.error(f"{args.study} trains {study.layers} alone: give a trained model to start from with --weights")
    unknown = set(args.only or ()) - study.variants.keys()
    if unknown:
        parser.error(f"there is no variant {', '.join(sorted(unknown))}; {args.study} has {'; '.join(study.variants)}")
    if args.seeds < 1 or args.epochs < 1:
        parser.error(f"--seeds and --epochs are at least 1. Got {args.seeds} and {args.epochs}")
    note_order(args, ("study", "recipe", "data", "skip_bad", "weights", "epochs", "rate", "set"))
    names = [name for name in study.variants if not args.only or name in args.only]
    # Not from 0, the recipes' own: a layer that starts anew would start as it did when the rest of --weights learned to go with it.
    seeds = range(1, 1 + args.seeds)
    with tqdm(total=len(names) * args.seeds, unit="run", desc=args.study) as bar:
        for seed in seeds:        # one after the other: broken off, it leaves every variant with the same seeds
            for name in names:
                finished_run(args, study, name, seed)
                bar.update()
    results = {name: columns_of([folder_of(args.out, name, seed) for seed in seeds]) for name in names}
    write_results(args, study, results)
    return results


def finished_run(args, study, name, seed):
    """The folder of one run, which is trained and scored if it is not yet."""
    folder = folder_of(args.out, name, seed)
    if (folder / "metrics.json").exists():
        return folder
    keras.utils.clear_session(free_memory=True)
    if list(folder.glob("*/config.json")):
        run = train.main(["--resume", "--out", str(folder)])
    else:
        stages = [["compare", study.layers, args.epochs, args.rate]]
        settings = {"SEED": seed, "EVALUATE_EVERY": args.epochs} | study.variants[name] | {"STAGES": stages}
        run = train.main(["--recipe", args.recipe, "--out", str(folder), *data_words(args),
                          *(["--weights", args.weights] if args.weights else []), *(["--exclude", study.anew] if study.anew else []),
                          *study.words.get(name, ()),
                          *(word for key, value in settings.items() for word in ("--set", f"{key}={json.dumps(value)}")),
                          *(word for text in args.set for word in ("--set", text))])
    evaluate.main(["--weights", str(run.last), "--out", str(folder), "--fixed", "--true-boxes", *data_words(args)])
    return folder


def data_words(args):
    """The words of the command line that name the data."""
    return [*(["--data", args.data] if args.data else []), *(["--skip-bad"] if args.skip_bad else [])]


def folder_of(out, name, seed):
    """Where a run of a variant is: a plain name, since the variants' own have commas and brackets."""
    return out / re.sub(r"\W+", "-", name).strip("-") / f"seed{seed}"


def columns_of(folders):
    """{column: (runs,) float64} of finished runs, NaN for what was not measured."""
    found = {column: [] for column in COLUMNS}
    for folder in folders:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        for column, keys in COLUMNS.items():
            value = metrics
            for key in keys:
                value = value.get(key, {}) if isinstance(value, dict) else {}
            found[column].append(np.nan if value == {} or value < 0 else value)
    return {column: np.array(values, np.float64) for column, values in found.items()}


def write_results(args, study, results):
    """table.csv of all columns, plot.png, and a table on the screen."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["variant", *(f"{column}, {what}" for column in COLUMNS for what in ("mean", "standard deviation"))])
    for name, columns in results.items():
        writer.writerow([name, *(number for values in columns.values() for number in (values.mean(), spread(values)))])
    write_text(args.out / "table.csv", text.getvalue())
    with atomic_path(args.out / "plot.png") as path:
        plot(study.title, results).savefig(path, dpi=150, bbox_inches="tight")
    print(screen_table(study.title, results))
    print(f"table: {args.out / 'table.csv'}; plot: {args.out / 'plot.png'}")


def screen_table(title, results):
    """Means over the seeds; below, the differences from the first variant seed by seed, with 95 % intervals of the mean."""
    shown = measured(results)
    rows = [[title, *shown]]
    rows += [[name, *(mean_and_spread(values[c]) for c in shown)] for name, values in results.items()]
    (_, first), *others = results.items()
    if others and len(first["mask AP"]) > 1:
        rows.append([f"beside {next(iter(results))}:", *[""] * len(shown)])
        for name, values in others:
            rows.append([name, *(beside(values[c] - first[c]) for c in shown)])
    return text_table(rows)


def measured(results):
    """The columns of the screen that some run has."""
    return [column for column in ON_SCREEN if not all(np.isnan(columns[column]).all() for columns in results.values())]


def mean_and_spread(values):
    """"0.123 ± 0.004", of one value without the latter."""
    return f"{values.mean():.3f}" + (f" ± {spread(values):.3f}" if len(values) > 1 else "")


def beside(differences):
    """The mean of (n,) paired differences and half its 95 % interval (Student's t); a star where that leaves out 0."""
    n = len(differences)
    half = stats.t.ppf(0.975, n - 1) * spread(differences) / n**0.5
    mean = differences.mean()
    return f"{mean:+.3f} ± {half:.3f}{' *' if abs(mean) > half else ''}"


def spread(values):
    """The standard deviation of a sample; NaN of one value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def plot(title, results):
    """A panel for each column on the screen: a dot for each seed, a line at the mean. Returns a matplotlib Figure."""
    from matplotlib import pyplot as plt

    shown = measured(results)
    figure, axes = plt.subplots(1, len(shown), figsize=(2.3 * len(shown) + 2.5, 0.42 * len(results) + 1.3), sharey=True, squeeze=False)
    for panel, column in zip(axes[0], shown):
        for row, (_, columns) in enumerate(results.items()):
            panel.plot(columns[column], np.full(len(columns[column]), row), "o", color="#1f6fb4", alpha=0.6, markersize=5)
            panel.plot([columns[column].mean()] * 2, [row - 0.3, row + 0.3], color="#1c2430", linewidth=1.6)
        panel.set_title(column, fontsize=10)
        panel.grid(axis="x", color="#e6e6e6")
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.tick_params(labelsize=9, left=False)
    axes[0][0].set_yticks(range(len(results)), results, fontsize=9)
    axes[0][0].invert_yaxis()
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    figure.tight_layout()
    plt.close(figure)
    return figure


if __name__ == "__main__":
    sys.exit(run_verb(main))
