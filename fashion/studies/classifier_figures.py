"""Figures of the classifiers: accuracy and loss by epoch, confusion matrix, sheet of mistakes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from fashion.classify.data import CLASSES
from fashion.pages.plots import BLUE, FONT_SIZE, ORANGE, cell_text_color, style_axes
from mrcnn.drawing.grid import image_grid
from mrcnn.typing import Array

_CELL = 140  # side of an image on the sheet in pixels, five times its own


def curves_figure(histories: Sequence[Sequence[Mapping[str, float]]]) -> Figure:
    """Draws accuracy and loss by epoch, in training and in validation.

    Args:
        histories: History of each seed; those after the first are pale lines.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(9.2, 3.3), layout="constrained")
    for axes, key in zip(figure.subplots(1, 2), ("accuracy", "loss")):
        style_axes(axes, "epoch", key)
        for i, history in enumerate(histories):
            _draw_curve(axes, history, key, "training", BLUE, pale=i > 0)
            _draw_curve(axes, history, f"val_{key}", "validation", ORANGE, pale=i > 0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(fontsize=FONT_SIZE, frameon=False)
    return figure


def _draw_curve(axes, history, column, label, color, pale):
    points = [(row["epoch"], row[column]) for row in history if column in row]
    if points:
        axes.plot(
            *zip(*points),
            color=color,
            linewidth=1.6,
            alpha=0.35 if pale else 1,
            label=None if pale else label,
            marker="o" if len(points) < 4 else None,
        )


def confusion_figure(matrix: Sequence[Sequence[int]] | Array) -> Figure:
    """Draws a confusion matrix. Colours are shares of the row, numbers are counts.

    Args:
        matrix: `(K, K)` counts; row: label, column: prediction.

    Returns:
        The figure.
    """
    matrix = np.asarray(matrix)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(7.0, 6.0), layout="constrained")
    axes = figure.add_subplot()
    style_axes(axes, "predicted", "true")
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.argwhere(matrix):
        axes.text(
            j,
            i,
            str(matrix[i, j]),
            ha="center",
            va="center",
            fontsize=FONT_SIZE,
            color=cell_text_color(share[i, j]),
        )
    axes.set_xticks(
        range(len(matrix)), CLASSES[: len(matrix)], rotation=40, ha="right", rotation_mode="anchor"
    )
    axes.set_yticks(range(len(matrix)), CLASSES[: len(matrix)])
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def mistakes_sheet(pixels: Array, labels: Array, probabilities: Array, columns: int = 6) -> Array:
    """Shows wrongly classified images, each with its predicted class and its label.

    Args:
        pixels: `(N, 28, 28)` uint8.
        labels: `(N,)` int.
        probabilities: `(N, K)` float32.
        columns: Images of a row.

    Returns:
        `(H, W, 3)` uint8, one image.
    """
    predicted = probabilities.argmax(axis=1)
    scale = _CELL // pixels.shape[1]
    titles = [
        f"{CLASSES[p]} {row[p]:.0%}, is {CLASSES[label]}"
        for p, row, label in zip(predicted, probabilities, labels)
    ]
    return image_grid(
        list(pixels.repeat(scale, axis=1).repeat(scale, axis=2)),
        titles,
        columns,
        cell_hw=(_CELL, round(_CELL * 1.25)),
    )
