"""Figures: the curves, bars and heat-maps of the report, in one style that colour-blind readers can tell apart."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fashion.pages.plots import COLORS, FONT_SIZE, LABEL_COLOR, MAX_WIDTH, TEXT_COLOR, style_axes

DASHES = ("-", "--", ":")
_CELL, _ROW = 0.42, 0.34  # inches of a cell of a heat-map with a number in it
_MOST_COLUMNS = int((MAX_WIDTH - 1.6) / _CELL)  # more have no room for numbers


def line_figure(lines, x_label, y_label, *, top=1.03):
    """Lines over one axis.

    lines: {label: (x, y)}, at most three; top: where y ends (a perfect curve needs room to be seen), None: where the lines do
    """
    figure = Figure(figsize=(6.6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for (label, (x, y)), color, dashes in zip(lines.items(), COLORS, DASHES):
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


def precision_recall_figure(curves, recalls):
    """Precision over recall of all categories together, a plot for masks and one for boxes, in it a line for each IoU.

    curves: {title: {"50", "75", "mean": (101,) precision, -1 where there is nothing to find}}; recalls: (101,)
    """
    figure = Figure(figsize=(4.9 * len(curves), 3.7), layout="constrained")
    figure.get_layout_engine().set(wspace=0.06)
    grid = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, (title, curve) in zip(grid, curves.items()):
        for (key, label), color, dashes in zip(
            {"50": "IoU 0.50", "75": "IoU 0.75", "mean": "mean of IoU 0.50 to 0.95"}.items(),
            COLORS,
            DASHES,
        ):
            axes.plot(recalls, _known(curve[key]), dashes, color=color, linewidth=1.8, label=label)
        style_axes(axes, "recall", "precision" if axes is grid[0] else "")
        axes.set_title(title, fontsize=FONT_SIZE + 1, color=TEXT_COLOR, loc="left")
        axes.set(xlim=(0, 1.01), ylim=(0, 1.03))
    _legend_above(figure, grid[0])
    return figure


def precision_recall_panels(curves, recalls):
    """A small precision-recall plot for each category, IoU 0.50 and 0.75.

    curves: {title: {"50", "75": (101,) precision}}, drawn row by row; recalls: (101,)
    """
    columns = min(5, len(curves))
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(1.95 * columns, 1.65 * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(curves) :]:
        axes.remove()
    for i, (axes, (title, curve)) in enumerate(zip(grid.flat, curves.items())):
        for key, color, dashes in zip(("50", "75"), COLORS, DASHES):
            axes.plot(
                recalls,
                _known(curve[key]),
                dashes,
                color=color,
                linewidth=1.6,
                label=f"IoU 0.{key}",
            )
        last = i + columns >= len(curves)
        style_axes(axes, "recall" if last else "", "precision" if i % columns == 0 else "")
        axes.set_title(title, fontsize=FONT_SIZE, color=TEXT_COLOR, loc="left", pad=3)
        axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.set_xticklabels(("0", ".5", "1"))
        axes.set_yticklabels(("0", ".5", "1"))
        axes.tick_params(labelbottom=last)
    _legend_above(figure, grid[0, 0])
    return figure


def average_precision_bars(rows):
    """Horizontal bars of AP with a dot at AP50, the best category at the top.

    rows: list of (name, AP, AP50), at least one
    """
    rows = sorted(rows, key=lambda row: row[1])
    names, ap, ap50 = zip(*rows)
    figure = Figure(figsize=(7.6, 0.235 * len(rows) + 0.9), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(rows))  # not the names, two of which may be the same when shortened
    axes.barh(places, ap, height=0.68, color=COLORS[0], label="AP")
    axes.plot(ap50, places, "o", color=COLORS[1], markersize=5, label="AP50", clip_on=False)
    axes.set_yticks(places, names)
    for y, _, value, dot in zip(places, *zip(*rows)):
        at, gap = (dot, 6) if dot - value < 0.08 else (value, 3)  # not on top of a near dot
        axes.annotate(
            f"{value:.2f}",
            (at, y),
            (gap, 0),
            textcoords="offset points",
            va="center",
            fontsize=FONT_SIZE,
            color=TEXT_COLOR,
            bbox={
                "boxstyle": "square,pad=0.1",
                "facecolor": "white",
                "edgecolor": "none",
                "alpha": 0.8,
            },
        )
    style_axes(axes, "", "")
    axes.tick_params(axis="y", length=0, pad=7, labelcolor=TEXT_COLOR)
    axes.grid(visible=False, axis="y")
    axes.set(xlim=(0, 1), ylim=(-0.6, len(rows) - 0.4))
    axes.xaxis.set_ticks_position("both")  # a long figure is read from either end
    axes.tick_params(axis="x", labeltop=len(rows) > 20, length=0)
    _legend_above(figure, axes)
    return figure


def precision_heat_map(precision, thresholds):
    """Kaggle 2020's precision at every pair of thresholds. precision: (10, 10), IoU by F1; thresholds: the ten."""
    labels = [f"{t:.2f}" for t in thresholds]
    return _heat_map(
        np.asarray(precision, np.float64),
        labels,
        labels,
        "F1 of the attributes above",
        "mask IoU above",
        "precision",
        lowest=0.0,
    )[0]


def grid_heat_map(grid):
    """A score for every pair of a class-score threshold and an attribute threshold, the best one framed.

    grid: {"score_thresholds": (S,), "attribute_thresholds": (A,), "metric": its name, "values": (S, A), -1 where nothing is known}
    Returns: a matplotlib Figure. Of equal best cells, the first of the first row that has one is framed.
    """
    values = np.asarray(grid["values"], np.float64)
    expected = len(grid["score_thresholds"]), len(grid["attribute_thresholds"])
    if values.shape != expected or not values.size:
        raise ValueError(
            f"A grid has a value for every pair of its thresholds, at least one: {expected[0]} x {expected[1]}. "
            f"Got values of shape {values.shape}."
        )
    figure, axes = _heat_map(
        values,
        *([f"{t:.3g}" for t in grid[key]] for key in ("score_thresholds", "attribute_thresholds")),
        "attribute threshold",
        "score threshold",
        grid["metric"],
    )
    row, column = best_cell(grid)
    axes.add_patch(
        Rectangle((column, row), 1, 1, fill=False, edgecolor=COLORS[1], linewidth=2.5, zorder=3)
    )
    axes.set_title(
        f"best: {values[row, column]:.3f} at score {grid['score_thresholds'][row]:.3g}, attribute "
        f"{grid['attribute_thresholds'][column]:.3g}",
        fontsize=FONT_SIZE + 1,
        color=TEXT_COLOR,
        loc="left",
    )
    return figure


def best_cell(grid):
    """(row, column) of the largest value of a grid, see `grid_heat_map`."""
    values = np.asarray(grid["values"], np.float64)
    return tuple(int(i) for i in np.unravel_index(np.argmax(values), values.shape))


def _heat_map(values, y_labels, x_labels, x_label, y_label, name, *, lowest=None):
    """(figure, axes) of (R, C) values, row 0 at the top; a cell is one unit wide and high. lowest: the value of the palest colour."""
    rows, columns = values.shape
    numbered = columns <= _MOST_COLUMNS
    figure = Figure(
        figsize=(min(MAX_WIDTH, max(4.2, _CELL * columns + 1.6)), max(2.2, _ROW * rows + 1)),
        layout="constrained",
    )
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
                color="white" if (value - low) / (high - low) > 0.66 else TEXT_COLOR,
            )
    style_axes(axes, x_label, y_label)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.invert_yaxis()
    every = 1 if numbered else -(-columns // _MOST_COLUMNS)
    axes.set_xticks(np.arange(0, columns, every) + 0.5, x_labels[::every])
    axes.set_yticks(np.arange(rows) + 0.5, y_labels)
    axes.tick_params(length=0)
    return figure, axes


def _legend_above(figure, axes):
    handles = dict(sorted(zip(*axes.get_legend_handles_labels()[::-1])))  # AP before AP50
    figure.legend(
        handles.values(),
        handles,
        loc="outside upper left",
        ncols=len(handles),
        fontsize=FONT_SIZE,
        frameon=False,
        labelcolor=TEXT_COLOR,
    )


def _known(values):
    """(N,) with gaps where a value is below 0."""
    values = np.asarray(values, np.float64)
    return np.where(values < 0, np.nan, values)
