"""Figures of distributions: sizes of images, shapes of masks by class, and the fit of anchors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fashion.pages.plots import (
    BLUE,
    FONT_SIZE,
    LABEL_COLOR,
    LIGHT,
    MAX_WIDTH,
    ORANGE,
    TEXT_COLOR,
    label_rows,
    legend_above,
    log_axis,
    style_axes,
)
from fashion.pages.text import count
from mrcnn.typing import Array

ROW_HEIGHT = 0.205  # inches of one name in a list


def size_figure(sizes: Mapping[str, Any]) -> Figure:
    """Plots width and height of images as dots, larger and darker for more images.

    Where all images have one width or one height, bars over the other one: dots would be a line.

    Args:
        sizes: From `image_sizes`.

    Returns:
        The figure.
    """
    x, y, number = np.array(sorted(sizes["grid"], key=lambda cell: cell[2])).T
    for same, other, name in ((x, y, "height"), (y, x, "width")):
        if len(x) > 1 and np.ptp(same) == 0:
            return _side_bars(other, number, sizes["step"], f"{name}, pixels")
    figure = Figure(figsize=(5.2, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(
        x,
        y,
        10 + 150 * np.sqrt(number / number.max()),
        number,
        cmap="Blues",
        vmin=-0.35 * number.max(),  # so that a single image is not white
        vmax=number.max(),
        edgecolors="white",
        linewidths=0.4,
    )
    style_axes(axes, "width, pixels", "height, pixels")
    margin = 0.06 * max(np.ptp(x), np.ptp(y), 0.1 * y.max())
    axes.axline((0, 0), slope=1, linestyle=":", color=LABEL_COLOR, linewidth=1)  # square images
    axes.set(xlim=(x.min() - margin, x.max() + margin), ylim=(y.min() - margin, y.max() + margin))
    return figure


def _side_bars(sides: Array, number: Array, step: float, x_label: str) -> Figure:
    """Number of images over one of their sides."""
    figure = Figure(figsize=(6.4, 2.9), layout="constrained")
    axes = figure.add_subplot()
    axes.bar(sides, number, 0.9 * step, color=BLUE)
    style_axes(axes, x_label, "images")
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def histograms(panels: Sequence[tuple[Mapping[str, Any], str, str]]) -> Figure:
    """Plots histograms side by side.

    Args:
        panels: `({"edges", "counts"}, x label, y label)` of each.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(min(MAX_WIDTH, 4.4 * len(panels)), 2.7), layout="constrained")
    for i, (histogram, x_label, y_label) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), i)
        edges = np.array(histogram["edges"])
        axes.bar(edges[:-1], histogram["counts"], np.diff(edges) * 0.94, align="edge", color=BLUE)
        style_axes(axes, x_label, y_label)
        axes.grid(visible=False, axis="x")
    return figure


def count_bars(panels: Sequence[tuple[Sequence[int], str, str]]) -> Figure:
    """Plots bars over whole numbers, side by side.

    Args:
        panels: `(counts of 0, 1, 2, …, x label, y label)` of each.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(min(MAX_WIDTH, 4.8 * len(panels)), 2.7), layout="constrained")
    for i, (counts, x_label, y_label) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), i)
        axes.bar(range(len(counts)), counts, 0.86, color=BLUE)
        style_axes(axes, x_label, y_label)
        axes.grid(visible=False, axis="x")
        axes.set_xlim(-0.6, len(counts) - 0.4)
        axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    return figure


def quantile_figure(
    rows: Sequence[Mapping[str, Any]], panels: Sequence[tuple[str, str, bool]]
) -> Figure:
    """Plots quantiles by name: line 5 to 95 %, bar 25 to 75 %, dot the median.

    Args:
        rows: Dicts with "name" and, for each panel's key, five quantiles. The first is on top.
        panels: `(key, x label, logarithmic)`, side by side.

    Returns:
        The figure.
    """
    rows = rows[::-1]
    figure = Figure(
        figsize=(min(MAX_WIDTH, 2.0 + 3.0 * len(panels)), ROW_HEIGHT * len(rows) + 0.8),
        layout="constrained",
    )
    places = np.arange(len(rows))
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (key, x_label, logarithmic) in zip(grid, panels):
        p5, p25, p50, p75, p95 = np.array([row[key] for row in rows], np.float64).T
        if logarithmic:
            log_axis(axes.xaxis, p5.min(), p95.max())
        axes.hlines(places, p5, p95, color=BLUE, linewidth=1.1)
        axes.hlines(places, p25, p75, color=BLUE, linewidth=6, alpha=0.45)
        axes.plot(p50, places, "o", color=TEXT_COLOR, markersize=4)
        style_axes(axes, x_label)
        label_rows(axes, [row["name"] for row in rows])
        axes.tick_params(axis="x", labeltop=len(rows) > 20)
    return figure


def share_bars(
    rows: Sequence[tuple[str, Sequence[Sequence[int]]]],
    titles: Sequence[str],
    labels: Sequence[str],
) -> Figure:
    """Plots bars of 100 % that are split into three parts, by name, a panel for each title.

    Args:
        rows: `(name, counts of the parts for each panel)`. The first is on top.
        titles: Of the panels.
        labels: Of the three parts.

    Returns:
        The figure.
    """
    rows = rows[::-1]
    figure = Figure(
        figsize=(min(MAX_WIDTH, 2.2 + 3.4 * len(titles)), ROW_HEIGHT * len(rows) + 1.0),
        layout="constrained",
    )
    grid = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for i, (axes, title) in enumerate(zip(grid, titles)):
        parts = np.array([row[1][i] for row in rows], np.float64)
        parts = 100 * parts / np.maximum(parts.sum(axis=1, keepdims=True), 1)
        left = np.zeros(len(rows))
        for values, color, label in zip(parts.T, (ORANGE, LIGHT, BLUE), labels):
            axes.barh(range(len(rows)), values, 0.72, left, color=color, label=label)
            left = left + values
        style_axes(axes, "% of the objects")
        axes.set_title(title, fontsize=FONT_SIZE + 1, color=TEXT_COLOR, loc="left")
        axes.grid(visible=False)
        label_rows(axes, [row[0] for row in rows])
        axes.set_xlim(0, 100)
    legend_above(figure, grid[0])
    return figure


def anchor_figure(anchors: Mapping[str, Any]) -> Figure:
    """Plots how well anchors fit, over IoU on the left and by size of the box on the right.

    Args:
        anchors: "anchors" of the analysis.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(MAX_WIDTH, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    edges = anchors["iou_edges"]
    series = [("given", BLUE, "-", "anchors of the recipe")]
    if anchors["changed"]:
        series.append(("suggested", ORANGE, "--", "suggested"))
    width = 0.76 / len(series)
    for k, (key, color, dashes, label) in enumerate(series):
        counts = np.array(anchors[key]["histogram"])
        at_least = 100 * np.append(np.cumsum(counts[::-1])[::-1], 0) / max(counts.sum(), 1)
        left.plot(edges, at_least, dashes, color=color, linewidth=1.8, label=label)
        sides = [row for row in anchors[key]["sides"] if row["objects"]]
        at = np.arange(len(sides)) + (k - (len(series) - 1) / 2) * width
        right.bar(at, [100 * row["good"] for row in sides], width * 0.94, color=color)
    for threshold in (0.5, 0.7):
        left.axvline(threshold, color=LIGHT, linewidth=1.2, zorder=0)
    style_axes(left, "IoU with the best anchor is at least", "% of the boxes")
    style_axes(
        right,
        "side of the box at training size, pixels (square root of its area)",
        "% of the boxes with IoU ≥ 0.7",
    )
    right.grid(visible=False, axis="x")
    right.set_xticks(
        range(len(sides)),
        [f"{row['name']}\n{count(row['objects'], 'box', 'boxes')}" for row in sides],
        fontsize=FONT_SIZE - 1,
    )
    left.set(xlim=(0, 1), ylim=(0, 101))
    right.set_ylim(0, 101)
    left.legend(fontsize=FONT_SIZE, frameon=False, labelcolor=TEXT_COLOR, loc="lower left")
    return figure
