"""Heat-maps: which classes meet, and which attributes belong to which class; and how anchors fit."""

import numpy as np
from matplotlib.figure import Figure

from fashion.exploration.figures import shortened
from fashion.pages.plots import (
    BLUE,
    FONT_SIZE,
    LABEL_COLOR,
    LIGHT,
    MAX_WIDTH,
    ORANGE,
    TEXT_COLOR,
    style_axes,
)

_NUMBERED = 26  # columns; more have no room for numbers


def share_map(shares, row_names, column_names, x_label, y_label, groups=()):
    """A heat-map of shares from 0 to 1, white where they are nothing, in per cent where there is room.

    shares: (R, C), nan: left empty; groups: names of the columns' groups, (C,), parted by lines
    """
    shares = np.asarray(shares, np.float64)
    rows, columns = shares.shape
    cell = np.clip((MAX_WIDTH - 1.9) / columns, 0.17, 0.42)
    points = FONT_SIZE - 1 if cell > 0.2 else 6.5
    figure = Figure(
        figsize=(min(MAX_WIDTH, cell * columns + 1.9), max(0.2, min(cell, 0.3)) * rows + 1.7),
        layout="constrained",
    )
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    if columns <= _NUMBERED:
        for (i, j), value in np.ndenumerate(shares):
            if value >= 0.005:
                axes.text(
                    j,
                    i,
                    f"{100 * value:.0f}",
                    ha="center",
                    va="center",
                    fontsize=FONT_SIZE - 1,
                    color="white" if value > 0.55 else TEXT_COLOR,
                )
    axes.set_xticks(
        range(columns),
        map(shortened, column_names),
        rotation=55,
        ha="right",
        rotation_mode="anchor",
        fontsize=points,
    )
    axes.set_yticks(range(rows), map(shortened, row_names), fontsize=points)
    axes.set_xlabel(x_label, fontsize=FONT_SIZE, color=LABEL_COLOR)
    axes.set_ylabel(y_label, fontsize=FONT_SIZE, color=LABEL_COLOR)
    axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#eef1f5", linewidth=0.6)
    for j in range(1, len(groups)):
        if groups[j] != groups[j - 1]:
            axes.axvline(j - 0.5, color=LABEL_COLOR, linewidth=0.9)
    axes.tick_params(which="both", length=0, labelcolor=TEXT_COLOR)
    axes.spines[:].set_visible(False)
    return figure


def anchor_figure(anchors):
    """Left the share of the boxes whose best IoU is at least x, right the share from 0.7 on by side of the box. anchors: of the analysis"""
    figure = Figure(figsize=(MAX_WIDTH, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    edges = anchors["iou_edges"]
    which = [("given", BLUE, "-", "the recipe's anchors")]
    which += [("suggested", ORANGE, "--", "suggested")] if anchors["changed"] else []
    for k, (key, color, dashes, label) in enumerate(which):
        counts = np.array(anchors[key]["histogram"])
        left.plot(
            edges,
            100 * np.append(np.cumsum(counts[::-1])[::-1], 0) / max(counts.sum(), 1),
            dashes,
            color=color,
            linewidth=1.8,
            label=label,
        )
        sides = [row for row in anchors[key]["sides"] if row["objects"]]
        width = 0.76 / len(which)
        at = np.arange(len(sides)) + (k - (len(which) - 1) / 2) * width
        right.bar(at, [100 * row["good"] for row in sides], width * 0.94, color=color)
    for at in (0.5, 0.7):
        left.axvline(at, color=LIGHT, linewidth=1.2, zorder=0)
    style_axes(left, "IoU with the best anchor is at least", "% of the boxes")
    style_axes(
        right,
        "side of the box at the training size, pixels (root of its area)",
        "% of the boxes with IoU 0.7 or more",
    )
    right.grid(visible=False, axis="x")
    right.set_xticks(
        range(len(sides)),
        [f"{row['name']}\n{row['objects']:,} boxes" for row in sides],
        fontsize=FONT_SIZE - 1,
    )
    left.set(xlim=(0, 1), ylim=(0, 101))
    right.set_ylim(0, 101)
    left.legend(fontsize=FONT_SIZE, frameon=False, labelcolor=TEXT_COLOR, loc="lower left")
    return figure
