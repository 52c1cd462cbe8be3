"""Recall of each category in a study: a table of variants, and a heat map."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fashion.pages.text import short_name
from fashion.studies.detector_tables import finished_seeds
from fashion.studies.seed_statistics import known, mean, standard_deviation
from mrcnn.files import write_text
from mrcnn.typing import Array

# Category: (objects, {variant: recall of each seed}).
Recalls = dict[str, tuple[int, dict[str, Array]]]


def recalls_of(out: Path, names: Iterable[str]) -> Recalls:
    """Reads the recall of each category.

    Args:
        out: Folder of the study.
        names: Variants, in the order of the table.

    Returns:
        For each category that occurs in the validation images, the most frequent first, its number
        of objects, and the recall of each finished seed by variant.
    """
    found: dict[str, tuple[int, dict[str, list[float]]]] = {}
    for name in names:
        for _, path in sorted(finished_seeds(out, name).items()):
            metrics = json.loads(path.read_text(encoding="utf-8"))
            for row in metrics["found"]["per_category"].values():
                if row["instances"]:
                    entry = found.setdefault(row["name"], (row["instances"], {}))
                    entry[1].setdefault(name, []).append(row["sensitivity"])
    ordered = sorted(found.items(), key=lambda item: (-item[1][0], item[0]))
    result: Recalls = {}
    for category, (objects, rows) in ordered:
        result[category] = objects, {name: np.array(row, float) for name, row in rows.items()}
    return result


def write_recalls(out: Path, recalls: Recalls) -> None:
    """Writes recall.csv: a row for each category and variant.

    Args:
        out: Folder of the study.
        recalls: Result of `recalls_of`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["category", "objects", "variant", "seeds", "recall", "standard deviation"])
    for category, (objects, rows) in recalls.items():
        for name, values in rows.items():
            spread = standard_deviation(values)
            of_seeds: list[Any] = [len(values), mean(values), "" if np.isnan(spread) else spread]
            writer.writerow([category, objects, name, *of_seeds])
    write_text(out / "recall.csv", text.getvalue())


def recall_rows(recalls: Recalls, names: Iterable[str]) -> list[list[Any]]:
    """Writes the mean recalls as a table.

    Args:
        recalls: Result of `recalls_of`.
        names: Variants.

    Returns:
        Rows, the header first.
    """
    names = list(names)
    rows: list[list[Any]] = [["category", "objects", *names]]
    for category, (objects, of_variants) in recalls.items():
        texts = [f"{mean(of_variants[name]):.2f}" if name in of_variants else "–" for name in names]
        rows.append([category, objects, *texts])
    return rows


def recall_figure(recalls: Recalls, names: Iterable[str]) -> Figure:
    """Draws the mean recalls as a heat map: a category a row, a variant a column.

    Args:
        recalls: Result of `recalls_of`, not empty.
        names: Variants.

    Returns:
        The figure.
    """
    from fashion.pages.plots import FONT_SIZE, MAX_WIDTH, TEXT_COLOR, cell_text_color

    names = list(names)
    values = _means(recalls, names)
    width = min(MAX_WIDTH, 2.6 + 1.1 * len(names))
    figure = Figure(figsize=(width, 0.26 * len(recalls) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    axes.pcolormesh(np.ma.masked_invalid(values), cmap="Blues", vmin=0, vmax=1, edgecolors="white")
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            color = cell_text_color(float(value))
            at = column + 0.5, row + 0.5
            axes.text(*at, f"{value:.2f}", ha="center", va="center", fontsize=8, color=color)
    axes.invert_yaxis()
    labels = [f"{short_name(category)} ({objects})" for category, (objects, _) in recalls.items()]
    axes.set_yticks(np.arange(len(labels)) + 0.5, labels, fontsize=FONT_SIZE - 1)
    steps = [_in_lines(name) for name in names]
    axes.set_xticks(np.arange(len(names)) + 0.5, steps, fontsize=FONT_SIZE - 1)
    axes.tick_params(length=0, labelcolor=TEXT_COLOR)
    axes.spines[:].set_visible(False)
    axes.set_title("Recall by category (objects)", fontsize=FONT_SIZE + 1, loc="left")
    return figure


def _means(recalls: Recalls, names: list[str]) -> Array:
    """(categories, variants), NaN where a variant has no run."""
    values = np.full((len(recalls), len(names)), np.nan)
    for row, (_, of_variants) in enumerate(recalls.values()):
        for column, name in enumerate(names):
            if name in of_variants:
                values[row, column] = mean(known(of_variants[name]))
    return values


def _in_lines(name: str) -> str:
    """A name in lines of some fifteen characters."""
    lines = [""]
    for word in name.split():
        if lines[-1] and len(lines[-1]) + len(word) > 15:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def least_recall(recalls: Recalls, name: str, count: int = 5) -> Mapping[str, float]:
    """Finds the categories of least recall.

    Args:
        recalls: Result of `recalls_of`.
        name: The variant.
        count: How many categories.

    Returns:
        Mean recall by category, the least first.
    """
    means = {category: mean(rows[name]) for category, (_, rows) in recalls.items() if name in rows}
    return dict(sorted(means.items(), key=lambda item: item[1])[:count])
