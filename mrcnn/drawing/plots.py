"""Plots: training histories and precision-recall curves."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mrcnn.drawing.figures import new_axes
from mrcnn.typing import Array

TRAIN_COLOR, VAL_COLOR, SCORE_COLOR = "#1f6fb4", "#e07a1f", "#2b8a57"
PANEL_INCHES = (3.6, 2.5)
PANEL_COLUMNS = 3
CURVE_COLOR = "#1f6fb4"

# One number for each epoch, or by epoch from 1. None and NaN: not measured in that epoch.
Series: TypeAlias = Sequence[float | None] | Mapping[int, float | None] | Array


def plot_history(
    history: Mapping[str, Sequence[float | None]],
    average_precision: Series | Mapping[str, Series] | None = None,
) -> Figure:
    """Plots a training: a panel for each loss, with its validation, and one for the score.

    Args:
        history: By name, one number per epoch, as `History.history`. "val_loss" joins the panel of
            "loss". None and NaN (not measured in that epoch) leave a gap that the line crosses.
        average_precision: One series, or several by name.

    Returns:
        A figure, not shown; `figure.savefig(path)` writes it.

    Raises:
        ValueError: If there is nothing to plot.
    """
    names = list(dict.fromkeys(name.removeprefix("val_") for name in history))
    # The sum first, its parts in the order given, then what is not a loss (the learning rate …).
    names.sort(key=lambda name: (name != "loss", "loss" not in name))
    panels: list[tuple[str, list[tuple[str, Any, str]]]] = []
    for name in names:
        training = ("training", history.get(name), TRAIN_COLOR)
        validation = ("validation", history.get("val_" + name), VAL_COLOR)
        panels.append((name.replace("_", " "), [training, validation]))
    if average_precision is not None:
        panels.append(("average precision", _score_curves(average_precision)))
    if not panels:
        raise ValueError(
            "There is nothing to plot: the history is empty. Train for at least one epoch."
        )

    columns = min(PANEL_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    size = (PANEL_INCHES[0] * columns, PANEL_INCHES[1] * rows)
    # Not one of pyplot's figures, which would stay open until somebody closes it.
    figure = Figure(figsize=size, layout="constrained")
    for i, (title, curves) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, i + 1)
        _draw_panel(axes, title, curves, last_row=i + columns >= len(panels))
    return figure


def _draw_panel(
    axes: Axes, title: str, curves: Sequence[tuple[str, Any, str]], last_row: bool
) -> None:
    for label, values, color in curves:
        epochs, numbers = _points(values)
        if len(epochs):
            axes.plot(
                epochs,
                numbers,
                color=color,
                label=label,
                linewidth=1.6,
                marker="o" if len(epochs) < 25 else None,
                markersize=3,
            )
    axes.set_title(title, fontsize=10, loc="left")
    if title == "average precision":
        axes.set_ylim(bottom=0)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    # One tick is enough: with one epoch, two would have fractions.
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
    # Whole numbers at the ticks; a common factor, 1e-6, would be written over the title.
    axes.yaxis.set_major_formatter("{x:g}")
    if last_row:
        axes.set_xlabel("epoch", fontsize=8)
    if len(axes.lines) > 1 or title == "loss":
        axes.legend(fontsize=8, frameon=False)


def _points(values: Any) -> tuple[list[int], list[float]]:
    """Returns epochs from 1 and numbers, without the epochs that have none."""
    epochs: list[int] = []
    numbers: list[float] = []
    if values is None:
        return epochs, numbers
    items = values.items() if isinstance(values, dict) else enumerate(values, start=1)
    for epoch, value in items:
        if value is not None and np.isfinite(value):
            epochs.append(int(epoch))
            numbers.append(float(value))
    return epochs, numbers


def _score_curves(average_precision: Any) -> list[tuple[str, Any, str]]:
    named = isinstance(average_precision, dict) and any(
        isinstance(key, str) for key in average_precision
    )
    if not named:
        return [("validation", average_precision, SCORE_COLOR)]
    palette = [SCORE_COLOR, VAL_COLOR, TRAIN_COLOR, "#8a4fb0", "#b0413e", "#666666"]
    return [
        (name, average_precision[name], palette[i % len(palette)])
        for i, name in enumerate(average_precision)
    ]


def plot_precision_recall(
    AP: float, precisions: Array | Sequence[float], recalls: Array | Sequence[float]
) -> None:
    """Draws a precision-recall curve into a new pyplot figure; Matterport's signature.

    Each precision is drawn over the recalls from the previous one to its own, so the tinted area is
    the AP.

    Args:
        AP: Average precision, 0..1.
        precisions: `(K,)` 0..1, as `mrcnn.utils.compute_ap` returns them.
        recalls: `(K,)` 0..1, ascending.

    Raises:
        ValueError: For shapes that differ.
    """
    precisions, recalls = np.asarray(precisions, np.float64), np.asarray(recalls, np.float64)
    if precisions.shape != recalls.shape or precisions.ndim != 1:
        raise ValueError(
            "A curve has one recall for every precision. Got precisions "
            f"{precisions.shape} and recalls {recalls.shape}."
        )
    axes = new_axes((6.4, 4.8))
    axes.fill_between(recalls, precisions, step="pre", color=CURVE_COLOR, alpha=0.15, linewidth=0)
    axes.plot(recalls, precisions, color=CURVE_COLOR, drawstyle="steps-pre", linewidth=1.8)
    axes.set_title(f"Precision-Recall Curve. AP = {float(AP):.3f}", fontsize=12)
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    # A perfect curve runs along the border: it needs room to be seen.
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.03)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
