"""Plots: training histories and precision-recall curves."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mrcnn.drawing.figures import new_axes

TRAIN_COLOR, VAL_COLOR, SCORE_COLOR = "#1f6fb4", "#e07a1f", "#2b8a57"
PANEL_INCHES = (3.6, 2.5)
PANEL_COLUMNS = 3
CURVE_COLOR = "#1f6fb4"


def plot_history(history, average_precision=None):
    """How a training went: one panel for every loss, training and validation together, and one for the score.

    history: {name: list of one number per epoch}, as `History.history`; "val_loss" joins the panel of "loss".
        A value that is None or NaN (not measured in that epoch) leaves a gap that the line crosses.
    average_precision: (E,) one number per epoch, or {epoch counted from 1: number}; or {name: either}
    Returns: a matplotlib Figure, not shown; `figure.savefig(path)` writes it.
    """
    names = list(dict.fromkeys(name.removeprefix("val_") for name in history))
    # The sum first, its parts in the order given, then whatever is not a loss (the learning rate …).
    names.sort(key=lambda name: (name != "loss", not name.endswith("loss")))
    panels = [
        (
            _readable(name),
            [
                ("training", history.get(name), TRAIN_COLOR),
                ("validation", history.get("val_" + name), VAL_COLOR),
            ],
        )
        for name in names
    ]
    if average_precision is not None:
        panels.append(("average precision", _score_curves(average_precision)))
    if not panels:
        raise ValueError(
            "There is nothing to plot: the history is empty. Train for at least one epoch."
        )

    columns = min(PANEL_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(
        figsize=(PANEL_INCHES[0] * columns, PANEL_INCHES[1] * rows), layout="constrained"
    )
    for i, (title, curves) in enumerate(panels):
        _panel(
            figure.add_subplot(rows, columns, i + 1),
            title,
            curves,
            last_row=i + columns >= len(panels),
        )
    return figure


def _panel(axes, title, curves, last_row):
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
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    if last_row:
        axes.set_xlabel("epoch", fontsize=8)
    if len(axes.lines) > 1 or title == "loss":
        axes.legend(fontsize=8, frameon=False)


def _points(values):
    """(epochs from 1, numbers), without the epochs that have none."""
    if values is None:
        return [], []
    items = values.items() if isinstance(values, dict) else enumerate(values, start=1)
    items = [
        (int(epoch), float(value))
        for epoch, value in items
        if value is not None and np.isfinite(value)
    ]
    return [epoch for epoch, _ in items], [value for _, value in items]


def _score_curves(average_precision):
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


def _readable(name):
    return name.replace("_", " ")


def plot_precision_recall(AP, precisions, recalls):
    """Draws the curve of one evaluation into a new figure of pyplot's; Matterport's signature.

    AP: average precision, 0..1; precisions, recalls: (K,) 0..1, as `mrcnn.utils.compute_ap` returns them, recalls ascending
    Each precision is drawn over the recalls from the one before up to its own, so the tinted area is the AP.
    """
    precisions, recalls = np.asarray(precisions, np.float64), np.asarray(recalls, np.float64)
    if precisions.shape != recalls.shape or precisions.ndim != 1:
        raise ValueError(
            f"A curve has one recall for every precision. Got precisions {precisions.shape} and recalls {recalls.shape}."
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
