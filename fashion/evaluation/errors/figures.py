"""Figures: what errors cost, confusions as a heat-map, and recall by bin, for the page of errors."""

import numpy as np
from matplotlib.figure import Figure

from fashion.evaluation.errors.error_types import BINS
from fashion.evaluation.errors.findings import WORDS
from fashion.pages.plots import BLUE, FONT_SIZE, GRID_COLOR, LIGHT, ORANGE, TEXT_COLOR, style_axes


def cost_figure(rows, key, unit):
    """Bars of what each bin costs, pale where several bins are counted together.

    rows: list of {"bin", key: gain}; unit: what is gained
    """
    figure = Figure(figsize=(7.2, 0.34 * len(rows) + 0.7), layout="constrained")
    axes = _axes(figure)
    gains = [row[key] for row in rows]
    axes.barh(
        range(len(rows)),
        gains,
        color=[BLUE if row["bin"] in BINS else LIGHT for row in rows],
        height=0.62,
    )
    for i, gain in enumerate(gains):
        axes.text(
            max(gain, 0), i, f" {gain:+.3f}", va="center", fontsize=FONT_SIZE, color=TEXT_COLOR
        )
    axes.set_yticks(range(len(rows)), [WORDS[row["bin"]] for row in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max([*gains, 0.01]))
    axes.set_xlabel(f"gain in {unit} if repaired", fontsize=FONT_SIZE)
    axes.grid(axis="x", color=GRID_COLOR, linewidth=0.8)
    return figure


def confusion_figure(names, matrix):
    """A heat-map. Colour: share of the row; numbers: counts. names: (K + 1) strings, the last is nothing; matrix: (K + 1, K + 1) counts"""
    matrix = np.asarray(matrix)
    number = len(names)
    cell = np.clip(9 / number, 0.2, 0.6)  # inches
    names = [name.split(",")[0] for name in names]
    points = min(FONT_SIZE, 72 * cell * 0.36)
    figure = Figure(figsize=(cell * number + 1.6, cell * number + 1.3), layout="constrained")
    axes = figure.add_subplot()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    for i, j in np.argwhere(matrix):
        axes.text(
            j,
            i,
            str(matrix[i, j]),
            ha="center",
            va="center",
            fontsize=points,
            color="white" if share[i, j] > 0.55 else TEXT_COLOR,
        )
    axes.set_xticks(
        range(number),
        names,
        rotation=50,
        ha="right",
        rotation_mode="anchor",
        fontsize=max(points, 7),
    )
    axes.set_yticks(range(number), names, fontsize=max(points, 7))
    axes.set_xlabel("predicted", fontsize=FONT_SIZE + 1)
    axes.set_ylabel("true", fontsize=FONT_SIZE + 1)
    for line in (axes.axhline, axes.axvline):
        line(number - 1.5, color=TEXT_COLOR, linewidth=0.8)
    axes.set_xticks(np.arange(number + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(number + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e9edf2", linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    return figure


def breakdown_figure(rows):
    """AP50 and recall of each bin, and the recall that its categories alone would give. rows: of one measure of `breakdowns`"""
    rows = [row for row in rows if row["objects"]]
    figure = Figure(figsize=(7.2, 2.9), layout="constrained")
    axes = _axes(figure)
    x = np.arange(len(rows))
    bars = [
        (key, label, color)
        for key, label, color in (("ap50", "AP50", BLUE), ("recall", "recall", ORANGE))
        if any(row[key] >= 0 for row in rows)
    ]
    width = 0.76 / len(bars)
    for k, (key, label, color) in enumerate(bars):
        left = x + (k - (len(bars) - 1) / 2) * width
        values = [max(row[key], 0) for row in rows]
        axes.bar(left, values, width * 0.94, color=color, label=label)
        for place, value in zip(left, values):  # at the foot, where no line crosses them
            axes.text(
                place,
                0.02 + (value if value < 0.1 else 0),
                f"{value:.2f}",
                ha="center",
                fontsize=FONT_SIZE,
                color=TEXT_COLOR if value < 0.1 else "white",
            )
    end = x + (len(bars) / 2 - 0.5) * width  # recall is the last bar
    axes.hlines(
        [row["expected_recall"] for row in rows],
        end - width / 2,
        end + width / 2,
        color=TEXT_COLOR,
        linewidth=1.6,
        label="recall, if only\nthe category counted",
    )
    axes.set_xticks(
        x,
        [
            f"{row['label']}\n{row['objects']} object{'s' if row['objects'] > 1 else ''}"
            for row in rows
        ],
    )
    axes.set_ylim(0, 1.08)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.grid(axis="y", color=GRID_COLOR, linewidth=0.8)
    axes.legend(fontsize=FONT_SIZE - 1, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def cells_figure(cells, size_names, intricacy_names):
    """Recall and AP50 of size by intricacy, two heat-maps side by side. cells: three rows of three, of `small_or_intricate`"""
    figure = Figure(figsize=(7.2, 3.1), layout="constrained")
    for place, (key, title) in enumerate((("recall", "recall"), ("ap50", "AP50")), 1):
        axes = figure.add_subplot(1, 2, place)
        values = np.array([[cell[key] for cell in row] for row in cells])
        axes.imshow(
            np.where(values < 0, np.nan, values), cmap="Blues", vmin=0, vmax=1, aspect="auto"
        )
        for (i, j), value in np.ndenumerate(values):
            text = "–" if value < 0 else f"{value:.2f}"
            axes.text(
                j,
                i,
                f"{text}\n{cells[i][j]['objects']} objects",
                ha="center",
                va="center",
                fontsize=FONT_SIZE,
                color="white" if value > 0.55 else TEXT_COLOR,
            )
        axes.set_title(title, fontsize=FONT_SIZE + 1, loc="left")
        axes.set_xticks(range(3), intricacy_names, fontsize=FONT_SIZE)
        axes.set_yticks(range(3), size_names, fontsize=FONT_SIZE)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return figure


def _axes(figure):
    axes = figure.add_subplot()
    style_axes(axes)
    axes.grid(visible=False)
    return axes
