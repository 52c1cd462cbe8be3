"""Figures: instances and training histories as matplotlib figures, with or without a screen."""

import logging

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.backends import BackendFilter, backend_registry
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mrcnn.drawing.grid import image_grid
from mrcnn.drawing.overlay import draw_instances, enlarge

__all__ = ["display_images", "display_instances", "image_grid", "plot_history"]

logger = logging.getLogger(__name__)

TRAIN_COLOR, VAL_COLOR, SCORE_COLOR = "#1f6fb4", "#e07a1f", "#2b8a57"
PANEL_INCHES = (3.6, 2.5)
PANEL_COLUMNS = 3


def display_instances(image, boxes, masks, class_ids, class_names, scores=None, title="", figsize=(16, 16),
                      ax=None, show_mask=True, show_bbox=True, colors=None, captions=None):
    """Shows an image with its instances; Matterport's signature.

    image: (H, W, 3) uint8 RGB; boxes: (N, 4) yxyx, pixels of the image; rows of zeros are padding
    masks: (H, W, N) bool or 0/1; class_ids: (N,); class_names: a name for every class id; scores: (N,)
    ax: axes to draw into; without, a new figure is made, and shown where there is a screen or a notebook
    colors: N of (r, g, b), floats 0..1 or integers 0..255; captions: N strings instead of "class score"
    The axes keep the image's own pixels as their units.
    """
    boxes = np.asarray(boxes).reshape(-1, 4)
    if len(boxes) == 0:
        logger.warning("No instances to display")
    elif len(boxes) != len(class_ids) or (show_mask and masks is not None and masks.shape[-1] != len(boxes)):
        raise ValueError(f"Every box needs a class id and a mask. Got boxes {boxes.shape}, "
                         f"{len(class_ids)} class ids and masks {np.shape(masks)}; masks are (H, W, N).")
    shown = np.flatnonzero(boxes.any(axis=1))
    if captions is None:
        captions = [_caption(class_names[class_ids[i]], None if scores is None else scores[i])
                    for i in range(len(boxes))]

    auto_show = ax is None
    if ax is None:
        _, ax = plt.subplots(1, figsize=figsize)
    height, width = image.shape[:2]
    picture, large_boxes, windows = enlarge(
        np.asarray(image).astype(np.uint8), boxes[shown],
        np.asarray(masks)[..., shown] if show_mask and masks is not None and len(shown) else None)
    labels = [str(captions[i] or "").split("\n") for i in shown]
    shown_colors = None if colors is None else [colors[i] for i in shown]
    picture = draw_instances(picture, large_boxes, windows, labels, colors=shown_colors, show_boxes=show_bbox)
    ax.imshow(picture, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    ax.set_title(title)
    ax.axis("off")
    if auto_show:
        _show()


def display_images(images, titles=None, cols=4, cmap=None, norm=None, interpolation=None):
    """Shows images side by side; Matterport's signature.

    images: list of (H, W, 3) or (H, W), sizes and types as `matplotlib.pyplot.imshow` takes them
    """
    titles = [""] * len(images) if titles is None else titles
    rows = len(images) // cols + 1
    plt.figure(figsize=(14, 14 * rows // cols))
    for place, (image, title) in enumerate(zip(images, titles, strict=False), start=1):
        plt.subplot(rows, cols, place)
        plt.title(title, fontsize=9)
        plt.axis("off")
        plt.imshow(np.asarray(image), cmap=cmap, norm=norm, interpolation=interpolation)
    _show()


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
    panels = [(_readable(name), [("training", history.get(name), TRAIN_COLOR),
                                 ("validation", history.get("val_" + name), VAL_COLOR)]) for name in names]
    if average_precision is not None:
        panels.append(("average precision", _score_curves(average_precision)))
    if not panels:
        raise ValueError("There is nothing to plot: the history is empty. Train for at least one epoch.")

    columns = min(PANEL_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(PANEL_INCHES[0] * columns, PANEL_INCHES[1] * rows), layout="constrained")
    for i, (title, curves) in enumerate(panels):
        _panel(figure.add_subplot(rows, columns, i + 1), title, curves, last_row=i + columns >= len(panels))
    return figure


def _panel(axes, title, curves, last_row):
    for label, values, color in curves:
        epochs, numbers = _points(values)
        if len(epochs):
            axes.plot(epochs, numbers, color=color, label=label, linewidth=1.6,
                      marker="o" if len(epochs) < 25 else None, markersize=3)
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
    items = [(int(epoch), float(value)) for epoch, value in items if value is not None and np.isfinite(value)]
    return [epoch for epoch, _ in items], [value for _, value in items]


def _score_curves(average_precision):
    named = isinstance(average_precision, dict) and any(isinstance(key, str) for key in average_precision)
    if not named:
        return [("validation", average_precision, SCORE_COLOR)]
    palette = [SCORE_COLOR, VAL_COLOR, TRAIN_COLOR, "#8a4fb0", "#b0413e", "#666666"]
    return [(name, average_precision[name], palette[i % len(palette)])
            for i, name in enumerate(average_precision)]


def _readable(name):
    return name.replace("_", " ")


def _caption(name, score):
    return str(name) if score is None else f"{name} {score:.2f}"


def _show():
    """plt.show(), except where it could only warn that there is no screen; `savefig` still works then."""
    writes_files_only = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)
    if matplotlib.get_backend().lower() not in {name.lower() for name in writes_files_only}:
        plt.show()
