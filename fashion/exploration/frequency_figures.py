"""Figures of frequencies: how often classes and attributes occur, and which occur together."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fashion.exploration.figures import ROW_HEIGHT
from fashion.pages.plots import (
    BLUE,
    FONT_SIZE,
    LABEL_COLOR,
    LIGHT,
    MAX_WIDTH,
    ORANGE,
    TEXT_COLOR,
    cell_grid,
    cell_text_color,
    label_rows,
    legend_above,
    log_axis,
    style_axes,
)
from fashion.pages.text import axis_label, percent, short_name
from mrcnn.typing import Array

_PANEL_ROWS = 10  # names in a panel of `group_panels`
_NUMBERED_COLUMNS = 26  # wider heat maps have no room for numbers

Rows = Sequence[Mapping[str, Any]]  # of `class_frequencies` or `attribute_frequencies`


def frequency_figure(rows: Rows) -> Figure:
    """Plots objects and images of each name on a logarithmic scale, the most frequent on top.

    Args:
        rows: Frequencies; at least one name occurs.

    Returns:
        The figure.
    """
    rows = sorted(_occurring(rows), key=lambda row: (row["objects"], row["photos"]))
    figure = Figure(figsize=(8.2, ROW_HEIGHT * len(rows) + 1.0), layout="constrained")
    axes = figure.add_subplot()
    _plot_dots(axes, rows)
    axes.tick_params(axis="x", labeltop=len(rows) > 20)
    legend_above(figure, axes)
    return figure


def group_panels(groups: Mapping[str, Rows]) -> Figure:
    """Plots the most frequent names of each group, a panel for each, on one logarithmic scale.

    Args:
        groups: `{super-category: frequencies}`.

    Returns:
        The figure.
    """
    columns = 2 if len(groups) > 1 else 1
    # Panels of similar height stand side by side.
    by_size = sorted(groups.items(), key=lambda group: -len(group[1]))
    shown = []
    for name, rows in by_size:
        top = sorted(_occurring(rows), key=lambda row: row["objects"])[-_PANEL_ROWS:]
        shown.append((name, top))
    pairs = [shown[i : i + columns] for i in range(0, len(shown), columns)]
    most_rows = [max(map(len, dict(pair).values())) for pair in pairs]
    heights = [ROW_HEIGHT * most + 0.55 for most in most_rows]
    figure = Figure(
        figsize=(MAX_WIDTH if columns > 1 else 6, sum(heights) + 0.3), layout="constrained"
    )
    figure.set_layout_engine("constrained", wspace=0.05)
    grid = figure.add_gridspec(len(pairs), columns, height_ratios=heights)
    every_row = list(itertools.chain.from_iterable(rows for _, rows in shown))
    limits = min(row["photos"] for row in every_row), max(row["objects"] for row in every_row)
    for i, pair in enumerate(pairs):
        for j, (name, rows) in enumerate(pair):
            axes = figure.add_subplot(grid[i, j])
            _plot_dots(axes, rows, limits)
            axes.set_ylim(
                len(rows) - most_rows[i] - 0.6, len(rows) - 0.4
            )  # equal height of all rows
            total = len(_occurring(groups[name]))
            more = f", the first {len(rows)} of {total}" if total > len(rows) else ""
            axes.set_title(
                short_name(name) + more, fontsize=FONT_SIZE + 1, color=TEXT_COLOR, loc="left"
            )
    legend_above(figure, axes)
    return figure


def rank_figure(rows: Rows) -> Figure:
    """Plots objects over rank, both logarithmic: the long tail.

    Args:
        rows: Frequencies; at least one name occurs.

    Returns:
        The figure.
    """
    counts = np.sort([row["objects"] for row in _occurring(rows)])[::-1]
    figure = Figure(figsize=(6.6, 3.0), layout="constrained")
    axes = figure.add_subplot()
    ranks = np.arange(1, len(counts) + 1)
    axes.plot(ranks, counts, color=BLUE, linewidth=1.8, marker="o", markersize=3)
    log_axis(axes.xaxis, 1, len(counts))
    log_axis(axes.yaxis, counts[-1], counts[0])
    style_axes(axes, "rank, the most frequent first", "objects")
    for least in (10, 100, 1000):
        rank = int((counts >= least).sum())
        if not 0 < rank < len(counts):
            continue
        # On the side where the curve leaves room.
        offset, side = ((-6, -10), "right") if rank**2 > len(counts) else ((6, 5), "left")
        axes.annotate(
            f"{rank} with {least:,} or more",
            (rank, counts[rank - 1]),
            offset,
            textcoords="offset points",
            ha=side,
            fontsize=FONT_SIZE,
            color=LABEL_COLOR,
        )
    return figure


def two_shares(rows: Rows, names: tuple[str, str] = ("train", "val")) -> Figure:
    """Plots two shares of each name as two dots joined by a line, the largest on top.

    Args:
        rows: From `compare_splits`.
        names: Legend.

    Returns:
        The figure.
    """
    largest = [(max(row["train"], row["val"]), row) for row in rows]
    rows = [row for share, row in sorted(largest, key=lambda pair: pair[0]) if share > 0]
    figure = Figure(figsize=(7.2, ROW_HEIGHT * len(rows) + 1.0), layout="constrained")
    axes, places = figure.add_subplot(), np.arange(len(rows))
    train = 100 * np.array([row["train"] for row in rows])
    val = 100 * np.array([row["val"] for row in rows])
    axes.hlines(places, train, val, color=LIGHT, linewidth=3)
    for values, color, label, fill in (
        (train, BLUE, names[0], BLUE),
        (val, ORANGE, names[1], "none"),
    ):
        axes.plot(
            values,
            places,
            "o",
            color=color,
            markersize=5.5,
            markerfacecolor=fill,
            markeredgewidth=1.3,
            label=label,
            clip_on=False,
        )
    style_axes(axes, "% of the images that have it")
    label_rows(axes, [row["name"] for row in rows])
    axes.set_xlim(0, None)
    legend_above(figure, axes)
    return figure


def share_map(
    shares: Array | Sequence[Sequence[float]],
    row_names: Sequence[str],
    column_names: Sequence[str],
    x_label: str,
    y_label: str,
    groups: Sequence[str] = (),
) -> Figure:
    """Plots a heat map of shares, white for 0, with percentages where there is room.

    Args:
        shares: `(R, C)` in [0, 1]; NaN: left empty.
        row_names: R names.
        column_names: C names.
        x_label: Below the columns.
        y_label: Beside the rows.
        groups: C groups; lines separate them.

    Returns:
        The figure.
    """
    shares = np.asarray(shares, np.float64)
    num_rows, num_columns = shares.shape
    cell = np.clip((MAX_WIDTH - 1.9) / num_columns, 0.17, 0.42)  # inches
    name_size = FONT_SIZE - 1 if cell > 0.2 else 6.5
    width = min(MAX_WIDTH, cell * num_columns + 1.9)
    height = max(0.2, min(cell, 0.3)) * num_rows + 1.7
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    if num_columns <= _NUMBERED_COLUMNS:
        _write_percentages(axes, shares)
    axes.set_xticks(
        range(num_columns),
        map(axis_label, column_names),
        rotation=55,
        ha="right",
        rotation_mode="anchor",
        fontsize=name_size,
    )
    axes.set_yticks(range(num_rows), map(axis_label, row_names), fontsize=name_size)
    axes.set_xlabel(x_label, fontsize=FONT_SIZE, color=LABEL_COLOR)
    axes.set_ylabel(y_label, fontsize=FONT_SIZE, color=LABEL_COLOR)
    cell_grid(axes, num_rows, num_columns)
    for j in range(1, len(groups)):
        if groups[j] != groups[j - 1]:
            axes.axvline(j - 0.5, color=LABEL_COLOR, linewidth=0.9)
    axes.tick_params(labelcolor=TEXT_COLOR)
    return figure


def _write_percentages(axes: Axes, shares: Array) -> None:
    for (i, j), value in np.ndenumerate(shares):
        if value >= 0.005:
            axes.text(
                j,
                i,
                f"{100 * value:.0f}",
                ha="center",
                va="center",
                fontsize=FONT_SIZE - 1,
                color=cell_text_color(min(value, 1)),
            )


def _occurring(rows: Rows) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["objects"]]


def _plot_dots(axes: Axes, rows: Rows, limits: tuple[float, float] | None = None) -> None:
    """A dot for the objects and a ring for the images of each row, from the bottom up."""
    places = np.arange(len(rows))
    objects = np.array([row["objects"] for row in rows])
    images = np.array([row["photos"] for row in rows])
    low, high = limits or (images.min(), objects.max())
    log_axis(axes.xaxis, low, high)
    axes.hlines(places, low / 2, objects, color=LIGHT, linewidth=1)
    axes.plot(objects, places, "o", color=BLUE, markersize=5.5, label="objects")
    axes.plot(
        images,
        places,
        "o",
        color=ORANGE,
        markersize=5.5,
        markerfacecolor="none",
        markeredgewidth=1.3,
        label="images with one or more",
    )
    for y, row in zip(places, rows):
        axes.annotate(
            f"{row['objects']:,} ({percent(row['share_of_photos'])})",
            (row["objects"], y),
            (7, 0),
            textcoords="offset points",
            va="center",
            fontsize=FONT_SIZE - 1,
            color=LABEL_COLOR,
        )
    style_axes(axes)
    label_rows(axes, [row["name"] for row in rows])
    axes.set_xlim(low / 2, high * (high / low) ** 0.22 * 1.6)  # room for the counts
