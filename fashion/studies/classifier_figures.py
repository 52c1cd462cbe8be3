"""Figures of the page: accuracy and loss by epoch, a confusion matrix, a sheet of mistakes."""

import numpy as np
from matplotlib.figure import Figure

from fashion.classify.data import CLASSES
from fashion.pages.plots import BLUE, FONT_SIZE, ORANGE, TEXT_COLOR, style_axes
from mrcnn.drawing.grid import image_grid

_CELL = 140  # pixels of a picture on the sheet; five times its own


def curves_figure(histories):
    """Accuracy and loss by epoch, in training and in validation; a pale line for each further seed. histories: lists of rows"""
    figure = Figure(figsize=(9.2, 3.3), layout="constrained")
    for axes, key in zip(figure.subplots(1, 2), ("accuracy", "loss")):
        style_axes(axes, "epoch", key)
        for i, history in enumerate(histories):
            for column, label, color in (
                (key, "training", BLUE),
                (f"val_{key}", "validation", ORANGE),
            ):
                points = [(row["epoch"], row[column]) for row in history if column in row]
                axes.plot(
                    *zip(*points),
                    color=color,
                    linewidth=1.6,
                    alpha=0.35 if i else 1,
                    label=None if i else label,
                    marker="o" if len(points) < 4 else None,
                ) if points else None
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(fontsize=FONT_SIZE, frameon=False)
    return figure


def confusion_figure(matrix):
    """A heat-map. Colour: share of the row; numbers: counts. matrix: (10, 10), row: the truth, column: the prediction"""
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
            color="white" if share[i, j] > 0.55 else TEXT_COLOR,
        )
    axes.set_xticks(
        range(len(matrix)), CLASSES[: len(matrix)], rotation=40, ha="right", rotation_mode="anchor"
    )
    axes.set_yticks(range(len(matrix)), CLASSES[: len(matrix)])
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def mistakes_sheet(pixels, labels, probabilities, columns=6):
    """One picture of wrongly classified ones: what it was taken for, how surely, and below what it is. pixels: (N, 28, 28) uint8"""
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
