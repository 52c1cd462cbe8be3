"""What the finished runs of a comparison scored: means over the seeds, differences from the first variant, as a table and as a plot.

A difference is paired: the mean over the seeds that both variants have. Its interval is of these seeds, on one set of validation photos.
"""

import csv
import io
import json
import re

import numpy as np
from scipy import stats

from mrcnn.drawing.tables import text_table
from mrcnn.files import atomic_path, write_text

SIZES = ("AP", "AP50", "AP75", "APs", "APm", "APl")
# Where `evaluate --fixed --true-boxes` puts them in metrics.json, of every data set.
COLUMNS = {
    **{f"mask {n}": ("coco", "segm", n) for n in SIZES},
    **{f"mask f1{n}": ("f1_ap", "segm", f"f1{n}") for n in SIZES},
    **{f"box {n}": ("coco", "bbox", n) for n in SIZES},
    **{f"box f1{n}": ("f1_ap", "bbox", f"f1{n}") for n in SIZES},
    "Fashionpedia AP": ("fashionpedia_fixed", "segm", "iou_f1/AP"),
    "attribute micro F1": ("attributes", "micro_f1"),
    "attribute macro F1": ("attributes", "macro_f1"),
    "attribute mAP": ("attributes", "map"),
    "micro F1, true boxes": ("attributes_on_truth", "micro_f1"),
    "mAP, true boxes": ("attributes_on_truth", "map"),
}
ON_SCREEN = (
    "mask AP",
    "mask f1AP",
    "mask f1AP50",
    "Fashionpedia AP",
    "attribute micro F1",
    "attribute macro F1",
    "attribute mAP",
    "mAP, true boxes",
)
IN_TABLE = (
    "mean",
    "standard deviation",
    "seeds",
    "difference from the first row",
    "half its 95 % interval",
)


def folder_of(out, name, seed):
    """Where a run of a variant is: a plain name, since the variants' own have commas and brackets."""
    return out / re.sub(r"\W+", "-", name).strip("-") / f"seed{seed}"


def results_of(out, names):
    """{variant: {column: (S,) float64}} of the variants that have finished runs in the folder `out`, in the order of `names`.

    S: the seeds of which some variant has a finished run, ascending. NaN where a variant has none, or has nothing to measure.
    Raises ValueError for a file that lacks a column.
    """
    finished = {name: finished_seeds(folder_of(out, name, 0).parent) for name in names}
    seeds = sorted(set().union(*finished.values()))
    return {
        name: columns_of([mine.get(seed) for seed in seeds])
        for name, mine in finished.items()
        if mine
    }


def finished_seeds(folder):
    """{seed: metrics.json of its run} of a variant's folder."""
    named = (
        (re.fullmatch(r"seed(\d+)", path.parent.name), path)
        for path in folder.glob("seed*/metrics.json")
    )
    return {int(match[1]): path for match, path in named if match}


def columns_of(paths):
    """{column: (S,) float64} of the metrics.json of finished runs, None for one that is not; NaN for what has nothing to measure."""
    rows = []
    for path in paths:
        metrics = json.loads(path.read_text(encoding="utf-8")) if path else None
        rows.append(
            [value_at(metrics, keys, path) if path else np.nan for keys in COLUMNS.values()]
        )
    return dict(zip(COLUMNS, np.array(rows, np.float64).T, strict=True))


def value_at(metrics, keys, path):
    """The score that lies at `keys`, NaN for -1. Raises ValueError where there is none; path: of the file, for the error."""
    for key in keys:
        if key not in metrics:
            raise ValueError(
                f"{path} has no {' → '.join(keys)}, which fashion/evaluate.py writes now. Remove the file, and the run is "
                "scored again."
            )
        metrics = metrics[key]
    return np.nan if metrics < 0 else metrics


def write_results(out, title, results):
    """table.csv of all columns and plot.png, in the folder `out`; nothing where no run is finished."""
    if not results:
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["variant", *(f"{column}, {what}" for column in COLUMNS for what in IN_TABLE)])
    for name, columns in results.items():
        numbers = (
            number
            for column, values in columns.items()
            for number in in_table(values, first_beside(results, name, column))
        )
        writer.writerow([name, *("" if np.isnan(number) else number for number in numbers)])
    write_text(out / "table.csv", text.getvalue())
    with atomic_path(out / "plot.png") as path:
        plot(title, results).savefig(path, dpi=150, bbox_inches="tight")


def first_beside(results, name, column):
    """(S,) of the first variant, which the others are compared with; NaN beside itself."""
    first = next(iter(results))
    return np.full_like(results[first][column], np.nan) if name == first else results[first][column]


def in_table(values, first):
    """The numbers of IN_TABLE, NaN for what is not known. values, first: (S,)"""
    differences = known(values - first)
    return (
        mean(known(values)),
        spread(known(values)),
        len(known(values)),
        mean(differences),
        half_interval(differences),
    )


def screen_table(title, results):
    """Means over the seeds; below, the differences from the first variant seed by seed, with 95 % intervals of the mean."""
    shown = measured(results)
    rows = [[title, "seeds", *shown]]
    rows += [
        [name, number_of_seeds(columns), *(mean_and_spread(known(columns[c])) for c in shown)]
        for name, columns in results.items()
    ]
    (baseline, first), *others = results.items()
    paired = {name: [known(columns[c] - first[c]) for c in shown] for name, columns in others}
    if any(len(differences) > 1 for of_variant in paired.values() for differences in of_variant):
        rows.append([f"beside {baseline}:"])
        rows += [[name, "", *map(beside, of_variant)] for name, of_variant in paired.items()]
    return text_table(rows)


def measured(results):
    """The columns of the screen that some run has."""
    return [
        column
        for column in ON_SCREEN
        if not all(np.isnan(columns[column]).all() for columns in results.values())
    ]


def number_of_seeds(columns):
    """How many finished runs a variant has."""
    return max(len(known(values)) for values in columns.values())


def mean_and_spread(values):
    """ "0.123 ± 0.004", of one value without the latter, of none a dash."""
    if not len(values):
        return "–"
    return f"{mean(values):.3f}" + (f" ± {spread(values):.3f}" if len(values) > 1 else "")


def beside(differences):
    """The mean of (n,) paired differences and half its 95 % interval; a star where that leaves out 0."""
    if len(differences) < 2:
        return f"{differences[0]:+.3f}" if len(differences) else "–"
    half = half_interval(differences)
    return f"{mean(differences):+.3f} ± {half:.3f}{' *' if abs(mean(differences)) > half else ''}"


def half_interval(differences):
    """Half the 95 % interval of the mean of (n,) values (Student's t); NaN of less than two."""
    n = len(differences)
    return stats.t.ppf(0.975, n - 1) * spread(differences) / n**0.5 if n > 1 else np.nan


def known(values):
    """Those of (S,) values that are not NaN."""
    return values[~np.isnan(values)]


def mean(values):
    """The mean; NaN of none."""
    return float(np.mean(values)) if len(values) else np.nan


def spread(values):
    """The standard deviation of a sample; NaN of less than two."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def plot(title, results):
    """A panel for each column on the screen: a dot for each seed, a line at the mean. Returns a matplotlib Figure."""
    from matplotlib import pyplot as plt

    shown = measured(results)
    figure, axes = plt.subplots(
        1,
        len(shown),
        figsize=(2.3 * len(shown) + 2.5, 0.42 * len(results) + 1.3),
        sharey=True,
        squeeze=False,
    )
    for panel, column in zip(axes[0], shown):
        for row, (_, columns) in enumerate(results.items()):
            panel.plot(
                columns[column],
                np.full(len(columns[column]), row),
                "o",
                color="#1f6fb4",
                alpha=0.6,
                markersize=5,
            )
            panel.plot(
                [mean(known(columns[column]))] * 2,
                [row - 0.3, row + 0.3],
                color="#1c2430",
                linewidth=1.6,
            )
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
