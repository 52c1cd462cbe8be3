"""Tables of the detector studies: what finished runs scored, as a table and as a plot.

Variants are compared by paired differences: the mean over the seeds that both have. The interval
describes these seeds on one set of validation images. The page is in `detector_page`.
"""

import csv
import io
import itertools
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fashion.pages.plots import BLUE, FONT_SIZE, ORANGE, TEXT_COLOR, style_axes
from fashion.studies.seed_statistics import (
    difference_text,
    half_interval,
    known,
    mean,
    mean_text,
    standard_deviation,
)
from fashion.studies.study import Study
from mrcnn.drawing.tables import text_table
from mrcnn.files import atomic_path, write_text
from mrcnn.typing import Array

# Score of each seed by column, by variant.
Results = Mapping[str, Mapping[str, Array]]

SIZES = ("AP", "AP50", "AP75", "APs", "APm", "APl")
_RECALLS = ("AR1", "AR10", "AR100")
# Keys of each column in metrics.json of `evaluate --fixed --true-boxes`.
COLUMNS = {
    **{f"mask {n}": ("coco", "segm", n) for n in SIZES},
    **{f"mask f1{n}": ("f1_ap", "segm", f"f1{n}") for n in SIZES},
    **{f"box {n}": ("coco", "bbox", n) for n in SIZES},
    **{f"box f1{n}": ("f1_ap", "bbox", f"f1{n}") for n in SIZES},
    **{f"mask {n}": ("coco", "segm", n) for n in _RECALLS},
    **{f"box {n}": ("coco", "bbox", n) for n in _RECALLS},
    "Kaggle 2019": ("kaggle_2019", "mean_over_images_and_classes"),
    "Kaggle 2019, pooled": ("kaggle_2019", "pooled"),
    "Kaggle 2020": ("kaggle_2020", "score"),
    "mean recall": ("found", "mean_sensitivity"),
    "Fashionpedia AP": ("fashionpedia_fixed", "segm", "iou_f1/AP"),
    "attribute micro F1": ("attributes", "micro_f1"),
    "attribute macro F1": ("attributes", "macro_f1"),
    "attribute mAP": ("attributes", "map"),
    "micro F1, true boxes": ("attributes_on_truth", "micro_f1"),
    "mAP, true boxes": ("attributes_on_truth", "map"),
}
IN_TABLE = (
    "mean",
    "standard deviation",
    "seeds",
    "difference from the first row",
    "half its 95 % interval",
)
# Of a study by steps.
BY_STEP = "difference from the row above"
# What models without attributes have no columns of.
_OF_ATTRIBUTES = "attributes_on_truth"


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


def results_of(
    out: Path, names: Iterable[str], without_attributes: Collection[str] = ()
) -> dict[str, dict[str, Array]]:
    """Reads the scores of the finished runs.

    Args:
        out: Folder of the study.
        names: Variants, in the order of the table.
        without_attributes: Variants whose models predict none, so that a column may be missing.

    Returns:
        `(S,)` float64 by column, for each variant that has finished runs. S counts the seeds, in
        ascending order, that any variant has. NaN where a variant lacks one, or has nothing to
        measure.

    Raises:
        ValueError: A metrics file lacks a column.
    """
    finished = {name: finished_seeds(out, name) for name in names}
    seeds = sorted(set().union(*finished.values()))
    results = {}
    for name, paths in finished.items():
        if paths:
            may_lack = name in without_attributes
            results[name] = _columns_of([paths.get(seed) for seed in seeds], may_lack)
    return results


def finished_seeds(out: Path, name: str) -> dict[int, Path]:
    """Finds the metrics file of each finished run of a variant.

    Args:
        out: Folder of the study.
        name: The variant.

    Returns:
        Paths by seed.
    """
    paths = {}
    for path in folder_of(out, name, 0).parent.glob("seed*/metrics.json"):
        match = re.fullmatch(r"seed(\d+)", path.parent.name)
        if match:
            paths[int(match[1])] = path
    return paths


def _columns_of(paths: Sequence[Path | None], may_lack: bool) -> dict[str, Array]:
    """(S,) float64 by column, of metrics files; None for a run that is missing."""
    rows = []
    for path in paths:
        metrics = json.loads(path.read_text(encoding="utf-8")) if path else {}
        row = []
        for keys in COLUMNS.values():
            lacks = may_lack and keys[0] == _OF_ATTRIBUTES and keys[0] not in metrics
            row.append(np.nan if path is None or lacks else _value_at(metrics, keys, path))
        rows.append(row)
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


def write_results(out: Path, study: Study, results: Results) -> None:
    """Writes table.csv, of all columns, and plot.png; nothing without finished runs.

    Args:
        out: Folder of the study.
        study: The study.
        results: Result of `results_of`.
    """
    if not results:
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    kinds = [BY_STEP if study.by_step and kind.endswith("first row") else kind for kind in IN_TABLE]
    header = [f"{column}, {what}" for column, what in itertools.product(COLUMNS, kinds)]
    writer.writerow(["variant", *header])
    references = study.references(list(results))
    for name, columns in results.items():
        row: list[Any] = [name]
        for column, values in columns.items():
            baseline = np.full_like(values, np.nan)
            if name in references:
                baseline = results[references[name]][column]
            numbers = _numbers_in_table(values, baseline)
            row += ["" if np.isnan(number) else number for number in numbers]
        writer.writerow(row)
    write_text(out / "table.csv", text.getvalue())
    with atomic_path(out / "plot.png") as path:
        plot(study, results).savefig(path, dpi=150, bbox_inches="tight")


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


def screen_table(study: Study, results: Results) -> str:
    """Writes means over the seeds, and paired differences below.

    Args:
        study: The study.
        results: Result of `results_of`, not empty.

    Returns:
        The table as text.
    """
    shown = measured(results, study.shown)
    rows: list[list[Any]] = [[study.title, "seeds", *shown]]
    for name, columns in results.items():
        rows.append([name, seeds_of(columns), *(mean_text(columns[column]) for column in shown)])
    for name, numbers in study.reported.items():
        texts = [f"{numbers[column]:.3f}" if column in numbers else "" for column in shown]
        rows.append([f"{name} ({study.source})", "", *texts])
    differences = difference_rows(study, results, shown)
    # One seed gives a difference without an interval, which says little.
    if any("±" in cell for row in differences for cell in row[1:]):
        first = next(iter(results))
        heading = "against the row above:" if study.by_step else f"against {first}:"
        rows += [[heading], *([name, "", *cells] for name, *cells in differences)]
    return text_table(rows)


def difference_rows(study: Study, results: Results, columns: Sequence[str]) -> list[list[str]]:
    """Writes the paired differences of each variant from its reference.

    Args:
        study: The study.
        results: Result of `results_of`.
        columns: The scores.

    Returns:
        Rows: the variant, then a text for each column.
    """
    rows = []
    for name, reference in study.references(list(results)).items():
        of_variant, of_reference = results[name], results[reference]
        texts = [difference_text(known(of_variant[c] - of_reference[c])) for c in columns]
        rows.append([name, *texts])
    return rows


def seeds_of(columns: Mapping[str, Array]) -> int:
    """Counts the finished seeds of a variant.

    Args:
        columns: Score of each seed by column.

    Returns:
        How many.
    """
    return max(len(known(values)) for values in columns.values())


def measured(results: Results, columns: Sequence[str]) -> list[str]:
    """Selects the columns that some run has.

    Args:
        results: Result of `results_of`, not empty.
        columns: Columns to choose from.

    Returns:
        Those with a number, in their order.
    """
    shown = []
    for column in columns:
        values = np.concatenate([of_variant[column] for of_variant in results.values()])
        if not np.isnan(values).all():
            shown.append(column)
    return shown


def plot(study: Study, results: Results) -> Figure:
    """Draws a panel for each column of the screen: a dot for each seed, a line at the mean.

    Args:
        study: The study; scores of its report are crosses.
        results: Result of `results_of`, not empty.

    Returns:
        The figure.
    """
    shown = measured(results, study.shown) or list(study.shown[:1])
    height = 0.42 * len(results) + 1.3
    figure = Figure(figsize=(2.3 * len(shown) + 2.5, height), layout="constrained")
    axes = figure.subplots(1, len(shown), sharey=True, squeeze=False)
    for panel, column in zip(axes[0], shown):
        for row, (name, columns) in enumerate(results.items()):
            values = known(columns[column])
            panel.plot(values, [row] * len(values), "o", color=BLUE, alpha=0.6, markersize=5)
            line = [row - 0.3, row + 0.3]
            panel.plot([mean(values)] * 2, line, color=TEXT_COLOR, linewidth=1.6)
            if column in study.reported.get(name, {}):
                panel.plot(study.reported[name][column], row, "x", color=ORANGE, markersize=6)
        panel.set_title(column, fontsize=FONT_SIZE + 1)
        style_axes(panel)
        panel.grid(visible=False, axis="y")
    axes[0][0].set_yticks(range(len(results)), results)
    axes[0][0].set_ylim(len(results) - 0.4, -0.6)
    crosses = f"; crosses: {study.source}" if study.reported else ""
    title = f"{study.title} (dots: seeds, lines: means{crosses})"
    figure.suptitle(title, x=0.01, ha="left", fontsize=FONT_SIZE + 2)
    return figure
