"""Figures of the report: curves, bars and heat maps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fashion.pages.plots import (
    COLORS,
    FONT_SIZE,
    LABEL_COLOR,
    MAX_WIDTH,
    TEXT_COLOR,
    cell_text_color,
    legend_above,
    style_axes,
)
from mrcnn.typing import Array

_DASHES = ("-", "--", ":")
_CELL, _ROW = 0.42, 0.34  # inches of a cell of a heat map with a number in it
_MAX_COLUMNS = int((MAX_WIDTH - 1.6) / _CELL)  # more have no room for numbers

Curve = Mapping[str, Sequence[float]]  # "50", "75" and "mean": (101,) precision, -1: undefined


def line_figure(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    x_label: str,
    y_label: str,
    *,
    top: float | None = 1.03,
) -> Figure:
    """Plots lines over one axis.

    Args:
        lines: `{label: (x, y)}`, at most three.
        x_label: Below the x axis.
        y_label: Beside the y axis.
        top: Where y ends; a perfect curve is visible below 1.03. None: where the lines end.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(6.6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for (label, (x, y)), color, dashes in zip(lines.items(), COLORS, _DASHES):
        axes.plot(
            x,
            y,
            dashes,
            color=color,
            label=label,
            linewidth=1.8,
            marker="o" if len(x) < 25 else None,
            markersize=4,
            clip_on=False,
        )
    style_axes(axes, x_label, y_label)
    axes.set_ylim(0, top)
    if len(lines) > 1:
        axes.legend(fontsize=FONT_SIZE, frameon=False, labelcolor=TEXT_COLOR)
    return figure


def precision_recall_figure(curves: Mapping[str, Curve], recalls: Sequence[float]) -> Figure:
    """Plots precision over recall of all categories, a plot for masks and one for boxes.

    Args:
        curves: `{title: curve}`.
        recalls: `(101,)`.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(4.9 * len(curves), 3.7), layout="constrained")
    figure.set_layout_engine("constrained", wspace=0.06)
    grid = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    labels = {"50": "IoU 0.50", "75": "IoU 0.75", "mean": "mean of IoU 0.50 to 0.95"}
    for axes, (title, curve) in zip(grid, curves.items()):
        for (key, label), color, dashes in zip(labels.items(), COLORS, _DASHES):
            precision = _without_undefined(curve[key])
            axes.plot(recalls, precision, dashes, color=color, linewidth=1.8, label=label)
        style_axes(axes, "recall", "precision" if axes is grid[0] else "")
        axes.set_title(title, fontsize=FONT_SIZE + 1, color=TEXT_COLOR, loc="left")
        axes.set(xlim=(0, 1.01), ylim=(0, 1.03))
    legend_above(figure, grid[0], by_label=True)
    return figure


def precision_recall_panels(curves: Mapping[str, Curve], recalls: Sequence[float]) -> Figure:
    """Plots a small precision-recall curve of each category, at IoU 0.50 and 0.75.

    Args:
        curves: `{title: curve}`, row by row.
        recalls: `(101,)`.

    Returns:
        The figure.
    """
    columns = min(5, len(curves))
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(1.95 * columns, 1.65 * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(curves) :]:
        axes.remove()
    for i, (axes, (title, curve)) in enumerate(zip(grid.flat, curves.items())):
        for key, color, dashes in zip(("50", "75"), COLORS, _DASHES):
            precision = _without_undefined(curve[key])
            label = f"IoU 0.{key}"
            axes.plot(recalls, precision, dashes, color=color, linewidth=1.6, label=label)
        last = i + columns >= len(curves)
        style_axes(axes, "recall" if last else "", "precision" if i % columns == 0 else "")
        axes.set_title(title, fontsize=FONT_SIZE, color=TEXT_COLOR, loc="left", pad=3)
        axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.set_xticklabels(("0", ".5", "1"))
        axes.set_yticklabels(("0", ".5", "1"))
        axes.tick_params(labelbottom=last)
    legend_above(figure, grid[0, 0], by_label=True)
    return figure


def precision_heat_map(
    precision: Sequence[Sequence[float]] | Array, thresholds: Sequence[float]
) -> Figure:
    """Plots Kaggle 2020's precision at every pair of thresholds.

    Args:
        precision: `(10, 10)`, IoU by F1.
        thresholds: Ten thresholds of both.

    Returns:
        The figure.
    """
    labels = [f"{t:.2f}" for t in thresholds]
    figure, _ = _heat_map(
        np.asarray(precision, np.float64),
        labels,
        labels,
        "F1 of the attributes above",
        "mask IoU above",
        "precision",
        lowest=0.0,
    )
    return figure


def grid_heat_map(grid: Mapping[str, Any]) -> Figure:
    """Plots a score at every pair of a score and an attribute threshold, the best one framed.

    Args:
        grid: From `search.grid`: "score_thresholds" (S), "attribute_thresholds" (A), "metric" and
            "values" `(S, A)`, -1 where undefined.

    Returns:
        The figure. Of equal best cells the first is framed.

    Raises:
        ValueError: If there is not a value for every pair of thresholds.
    """
    values = np.asarray(grid["values"], np.float64)
    expected = len(grid["score_thresholds"]), len(grid["attribute_thresholds"])
    if values.shape != expected or not values.size:
        raise ValueError(
            "A grid has a value for every pair of its thresholds, at least one: "
            f"{expected[0]} x {expected[1]}. Got values of shape {values.shape}."
        )
    figure, axes = _heat_map(
        values,
        [f"{t:.3g}" for t in grid["score_thresholds"]],
        [f"{t:.3g}" for t in grid["attribute_thresholds"]],
        "attribute threshold",
        "score threshold",
        grid["metric"],
    )
    row, column = best_cell(grid)
    frame = Rectangle((column, row), 1, 1, fill=False, edgecolor=COLORS[1], linewidth=2.5, zorder=3)
    axes.add_patch(frame)
    axes.set_title(
        f"best: {values[row, column]:.3f} at score {grid['score_thresholds'][row]:.3g}, attribute "
        f"{grid['attribute_thresholds'][column]:.3g}",
        fontsize=FONT_SIZE + 1,
        color=TEXT_COLOR,
        loc="left",
    )
    return figure


def best_cell(grid: Mapping[str, Any]) -> tuple[int, int]:
    """Finds the largest value of a grid.

    Args:
        grid: As in `grid_heat_map`.

    Returns:
        Row and column; of equal values the first.
    """
    values = np.asarray(grid["values"], np.float64)
    row, column = np.unravel_index(np.argmax(values), values.shape)
    return int(row), int(column)


def _heat_map(
    values: Array,
    y_labels: Sequence[str],
    x_labels: Sequence[str],
    x_label: str,
    y_label: str,
    name: str,
    *,
    lowest: float | None = None,
) -> tuple[Figure, Axes]:
    """Figure and axes of (R, C) values, row 0 on top. lowest: the value of the lightest colour."""
    rows, columns = values.shape
    numbered = columns <= _MAX_COLUMNS
    width = min(MAX_WIDTH, max(4.2, _CELL * columns + 1.6))
    figure = Figure(figsize=(width, max(2.2, _ROW * rows + 1)), layout="constrained")
    axes = figure.add_subplot()
    known = np.ma.masked_less(values, 0)
    low, high = (known.min(), known.max()) if known.count() else (0, 1)
    low = low if lowest is None else lowest
    high = high if high > low else low + 0.01
    mesh = axes.pcolormesh(
        known, cmap="Blues", vmin=low, vmax=high, edgecolors="white", linewidth=0.6
    )
    bar = figure.colorbar(mesh, ax=axes, aspect=30, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=FONT_SIZE, labelcolor=LABEL_COLOR, color=LABEL_COLOR)
    bar.set_label(name, fontsize=FONT_SIZE, color=LABEL_COLOR)
    if numbered:
        for (row, column), value in np.ndenumerate(values):
            axes.text(
                column + 0.5,
                row + 0.5,
                f"{value:.3f}".lstrip("0") if value >= 0 else "–",
                ha="center",
                va="center",
                fontsize=FONT_SIZE,
                color=cell_text_color(max(value - low, 0) / (high - low)),
            )
    style_axes(axes, x_label, y_label)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.invert_yaxis()
    every = 1 if numbered else -(-columns // _MAX_COLUMNS)
    axes.set_xticks(np.arange(0, columns, every) + 0.5, x_labels[::every])
    axes.set_yticks(np.arange(rows) + 0.5, y_labels)
    axes.tick_params(length=0)
    return figure, axes


def _without_undefined(values: Sequence[float] | Array) -> Array:
    """(N,) with NaN, a gap in the line, where a value is below 0."""
    values = np.asarray(values, np.float64)
    return np.where(values < 0, np.nan, values)
