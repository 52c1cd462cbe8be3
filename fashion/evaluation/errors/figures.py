"""Figures of the error page: costs, confusions, and recall by properties of the objects."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fashion.pages.plots import (
    BLUE,
    FONT_SIZE,
    GRID_COLOR,
    ORANGE,
    TEXT_COLOR,
    cell_grid,
    cell_text_color,
    style_axes,
)
from fashion.pages.text import count, short_name
from mrcnn.typing import Array


def confusion_figure(names: Sequence[str], matrix: Array | Sequence[Sequence[int]]) -> Figure:
    """Plots a confusion matrix: colours are shares of the row, numbers are counts.

    Args:
        names: K + 1 names, the last "background".
        matrix: `(K + 1, K + 1)` counts, ground truth by prediction.

    Returns:
        The figure.
    """
    matrix = np.asarray(matrix)
    number = len(names)
    names = [short_name(name) for name in names]
    cell = np.clip(9 / number, 0.2, 0.6)  # inches
    font_size = min(FONT_SIZE, 72 * cell * 0.36)
    figure = Figure(figsize=(cell * number + 1.6, cell * number + 1.3), layout="constrained")
    axes = figure.add_subplot()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    for i, j in np.argwhere(matrix):
        _write_cell(axes, i, j, str(matrix[i, j]), shares[i, j], font_size)
    axes.set_xticks(
        range(number),
        names,
        rotation=50,
        ha="right",
        rotation_mode="anchor",
        fontsize=max(font_size, 7),
    )
    axes.set_yticks(range(number), names, fontsize=max(font_size, 7))
    axes.set_xlabel("predicted", fontsize=FONT_SIZE + 1)
    axes.set_ylabel("ground truth", fontsize=FONT_SIZE + 1)
    for line in (axes.axhline, axes.axvline):
        line(number - 1.5, color=TEXT_COLOR, linewidth=0.8)
    cell_grid(axes, number, number)
    return figure


def breakdown_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Plots AP50 and recall of each bin, and the recall that its categories alone would give.

    Args:
        rows: Bins of one property, from `break_down`.

    Returns:
        The figure.
    """
    rows = [row for row in rows if row["objects"]]
    figure = Figure(figsize=(7.2, 2.9), layout="constrained")
    axes = _plain_axes(figure)
    x = np.arange(len(rows))
    bars = []
    for key, label, color in (("ap50", "AP50", BLUE), ("recall", "recall", ORANGE)):
        if any(row[key] >= 0 for row in rows):
            bars.append((key, label, color))
    width = 0.76 / len(bars)
    for k, (key, label, color) in enumerate(bars):
        centre = x + (k - (len(bars) - 1) / 2) * width
        values = [max(row[key], 0) for row in rows]
        axes.bar(centre, values, width * 0.94, color=color, label=label)
        for place, value in zip(centre, values):
            low = value < 0.1
            axes.text(  # at the foot, where no line crosses it
                place,
                0.02 + (value if low else 0),
                f"{value:.2f}",
                ha="center",
                fontsize=FONT_SIZE,
                color=TEXT_COLOR if low else "white",
            )
    recall_centre = x + (len(bars) / 2 - 0.5) * width  # recall is the last bar
    axes.hlines(
        [row["expected_recall"] for row in rows],
        recall_centre - width / 2,
        recall_centre + width / 2,
        color=TEXT_COLOR,
        linewidth=1.6,
        label="recall expected\nfrom the categories",
    )
    labels = [f"{row['label']}\n{count(row['objects'], 'object')}" for row in rows]
    axes.set_xticks(x, labels)
    axes.set_ylim(0, 1.08)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.grid(axis="y", color=GRID_COLOR, linewidth=0.8)
    axes.legend(fontsize=FONT_SIZE - 1, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def cells_figure(
    cells: Sequence[Sequence[Mapping[str, Any]]],
    size_names: Sequence[str],
    intricacy_names: Sequence[str],
) -> Figure:
    """Plots recall and AP50 of size by intricacy as two heat maps.

    Args:
        cells: 3 rows of 3, from `compare_size_and_intricacy`.
        size_names: Of the rows.
        intricacy_names: Of the columns.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(7.2, 3.1), layout="constrained")
    for place, (key, title) in enumerate((("recall", "recall"), ("ap50", "AP50")), 1):
        axes = figure.add_subplot(1, 2, place)
        values = np.zeros((len(cells), len(cells[0])))
        for i, j in np.ndindex(values.shape):
            values[i, j] = cells[i][j][key]
        known = np.where(values < 0, np.nan, values)
        axes.imshow(known, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (i, j), value in np.ndenumerate(values):
            text = "–" if value < 0 else f"{value:.2f}"
            objects = count(cells[i][j]["objects"], "object")
            _write_cell(axes, i, j, f"{text}\n{objects}", value, FONT_SIZE)
        axes.set_title(title, fontsize=FONT_SIZE + 1, loc="left")
        axes.set_xticks(range(3), intricacy_names, fontsize=FONT_SIZE)
        axes.set_yticks(range(3), size_names, fontsize=FONT_SIZE)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return figure


def _write_cell(
    axes: Axes, row: int, column: int, text: str, share: float, font_size: float
) -> None:
    axes.text(
        column,
        row,
        text,
        ha="center",
        va="center",
        fontsize=font_size,
        color=cell_text_color(max(share, 0)),
    )


def _plain_axes(figure: Figure) -> Axes:
    axes = figure.add_subplot()
    style_axes(axes)
    axes.grid(visible=False)
    return axes
