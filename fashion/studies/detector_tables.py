"""Tables of the detector studies: what finished runs scored, as a table and as a plot.

Variants are compared by paired differences: the mean over the seeds that both have. The interval
describes these seeds on one set of validation images.
"""

import csv
import io
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fashion.studies.seed_statistics import (
    difference_text,
    half_interval,
    known,
    mean,
    mean_text,
    standard_deviation,
)
from mrcnn.drawing.tables import text_table
from mrcnn.files import atomic_path, write_text
from mrcnn.typing import Array

# Score of each seed by column, by variant.
Results = Mapping[str, Mapping[str, Array]]

SIZES = ("AP", "AP50", "AP75", "APs", "APm", "APl")
# Keys of each column in metrics.json of `evaluate --fixed --true-boxes`.
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


def folder_of(out: Path, name: str, seed: int) -> Path:
    """Chooses the folder of a run.

    Args:
        out: Folder of the study.
        name: Variant; its commas and brackets are replaced.
        seed: Seed of the run.

    Returns:
        The folder.
    """
    return out / re.sub(r"\W+", "-", name).strip("-") / f"seed{seed}"


def results_of(out: Path, names: Iterable[str]) -> dict[str, dict[str, Array]]:
    """Reads the scores of the finished runs.

    Args:
        out: Folder of the study.
        names: Variants, in the order of the table.

    Returns:
        `(S,)` float64 by column, for each variant that has finished runs. S counts the seeds, in
        ascending order, that any variant has. NaN where a variant lacks one, or has nothing to
        measure.

    Raises:
        ValueError: A metrics file lacks a column.
    """
    finished = {name: _finished_seeds(folder_of(out, name, 0).parent) for name in names}
    seeds = sorted(set().union(*finished.values()))
    results = {}
    for name, paths in finished.items():
        if paths:
            results[name] = _columns_of([paths.get(seed) for seed in seeds])
    return results


def _finished_seeds(folder: Path) -> dict[int, Path]:
    """The metrics file of each finished run of a variant, by seed."""
    paths = {}
    for path in folder.glob("seed*/metrics.json"):
        match = re.fullmatch(r"seed(\d+)", path.parent.name)
        if match:
            paths[int(match[1])] = path
    return paths


def _columns_of(paths: Sequence[Path | None]) -> dict[str, Array]:
    """(S,) float64 by column, of metrics files; None for a run that is missing."""
    rows = []
    for path in paths:
        metrics = json.loads(path.read_text(encoding="utf-8")) if path else None
        rows.append(
            [_value_at(metrics, keys, path) if path else np.nan for keys in COLUMNS.values()]
        )
    return dict(zip(COLUMNS, np.array(rows, np.float64).T, strict=True))


def _value_at(metrics: Any, keys: Sequence[str], path: Path) -> float:
    """The score under nested keys, NaN for -1; ValueError where there is none."""
    for key in keys:
        if key not in metrics:
            raise ValueError(
                f"{path} has no {' → '.join(keys)}, which `fashion evaluate` writes now. Remove "
                "the file, and the run is scored again."
            )
        metrics = metrics[key]
    return np.nan if metrics < 0 else metrics


def write_results(out: Path, title: str, results: Results) -> None:
    """Writes table.csv, of all columns, and plot.png; nothing without finished runs.

    Args:
        out: Folder of the study.
        title: Title of the study.
        results: Result of `results_of`.
    """
    if not results:
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    header = [f"{column}, {what}" for column, what in itertools.product(COLUMNS, IN_TABLE)]
    writer.writerow(["variant", *header])
    first = next(iter(results))
    for name, columns in results.items():
        row: list[Any] = [name]
        for column, values in columns.items():
            baseline = np.full_like(values, np.nan) if name == first else results[first][column]
            numbers = _numbers_in_table(values, baseline)
            row += ["" if np.isnan(number) else number for number in numbers]
        writer.writerow(row)
    write_text(out / "table.csv", text.getvalue())
    with atomic_path(out / "plot.png") as path:
        plot(title, results).savefig(path, dpi=150, bbox_inches="tight")


def _numbers_in_table(values: Array, baseline: Array) -> tuple[float, ...]:
    """The numbers of IN_TABLE, NaN where unknown."""
    differences = known(values - baseline)
    return (
        mean(known(values)),
        standard_deviation(known(values)),
        len(known(values)),
        mean(differences),
        half_interval(differences),
    )


def screen_table(title: str, results: Results) -> str:
    """Writes means over the seeds, and paired differences from the first variant below.

    Args:
        title: Title of the study.
        results: Result of `results_of`, not empty.

    Returns:
        The table as text.
    """
    shown = _measured(results)
    rows: list[list[Any]] = [[title, "seeds", *shown]]
    for name, columns in results.items():
        seeds = max(len(known(values)) for values in columns.values())
        rows.append([name, seeds, *(mean_text(columns[column]) for column in shown)])
    (baseline, first), *others = results.items()
    rows_of_differences = []
    has_intervals = False
    for name, columns in others:
        differences = [known(columns[column] - first[column]) for column in shown]
        # One seed gives a difference without an interval, which says little.
        has_intervals |= any(len(some) > 1 for some in differences)
        rows_of_differences.append([name, "", *map(difference_text, differences)])
    if has_intervals:
        rows += [[f"beside {baseline}:"], *rows_of_differences]
    return text_table(rows)


def _measured(results: Results) -> list[str]:
    """The columns of the screen that some run has."""
    shown = []
    for column in ON_SCREEN:
        values = np.concatenate([columns[column] for columns in results.values()])
        if not np.isnan(values).all():
            shown.append(column)
    return shown


def plot(title: str, results: Results) -> Figure:
    """Draws a panel for each column of the screen: a dot for each seed, a line at the mean.

    Args:
        title: Title of the study.
        results: Result of `results_of`, not empty.

    Returns:
        The figure.
    """
    from matplotlib import pyplot as plt

    shown = _measured(results)
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
