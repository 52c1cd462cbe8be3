"""Figures: instances and training histories as matplotlib figures, with or without a screen."""

import logging

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mrcnn.drawing.captions import caption, name_of
from mrcnn.drawing.grid import image_grid
from mrcnn.drawing.overlay import TINT, draw_instances, enlarge
from mrcnn.drawing.photo import as_rgb
from mrcnn.drawing.screen import entitle, new_axes, on_screen, show, text_size_on, wrapped

__all__ = ["display_images", "display_instances", "image_grid", "plot_history"]

logger = logging.getLogger(__name__)

TRAIN_COLOR, VAL_COLOR, SCORE_COLOR = "#1f6fb4", "#e07a1f", "#2b8a57"
PANEL_INCHES = (3.6, 2.5)
PANEL_COLUMNS = 3
SHEET_INCHES = 14  # the width of a full row of images, Matterport's
TALLEST_CELL = 2.0  # of its width
TITLE_POINTS = 9


def display_instances(
    image,
    boxes,
    masks,
    class_ids,
    class_names,
    scores=None,
    title="",
    figsize=(16, 16),
    ax=None,
    show_mask=True,
    show_bbox=True,
    colors=None,
    captions=None,
    *,
    show_mask_polygon=True,
    show_caption=True,
    save_fig_path=None,
    filter_classes=None,
    min_score=None,
):
    """Shows an image with its instances; Matterport's signature, and by name what a popular fork of it added.

    image: (H, W, 3) uint8 RGB; boxes: (N, 4) yxyx, pixels of the image; rows of zeros are padding
    masks: (H, W, N) bool, 0/1 or 0..1, or None; class_ids: (N,); class_names: a name for every class id; scores: (N,)
    figsize: (width, height) in inches of the new figure, where there is no `ax`
    ax: axes to draw into; without, a new figure is made, and shown where there is a screen or a notebook
    show_mask, show_mask_polygon, show_bbox, show_caption: whether to draw tints, outlines, boxes, captions
    colors: N of (r, g, b), floats 0..1 or integers 0..255; captions: N strings instead of "class score"
    save_fig_path: a file to write the whole figure to; a new figure that nobody can see is closed then
    filter_classes: the class ids or names to show, others are left out; min_score: so are lower scores
    The axes keep the image's own pixels as their units.
    """
    image, boxes, class_ids = (
        as_rgb(image),
        np.asarray(boxes).reshape(-1, 4),
        np.asarray(class_ids).reshape(-1),
    )
    masks = np.asarray(masks) if masks is not None and (show_mask or show_mask_polygon) else None
    if len(boxes) == 0:
        logger.warning("No instances to display")
        masks = None
    _check_instances(
        image, boxes, masks, class_ids, scores=scores, colors=colors, captions=captions
    )
    shown = _shown(boxes, class_ids, class_names, scores, filter_classes, min_score)
    if masks is not None and len(shown) < len(boxes):
        masks = masks[..., shown]
    labels = None
    if show_caption:
        labels = [
            caption(class_ids[i], class_names, None if scores is None else scores[i])
            if captions is None
            else str(captions[i] or "")
            for i in shown
        ]

    axes = new_axes(figsize) if ax is None else ax
    picture, large_boxes, windows = enlarge(image, boxes[shown], masks)
    picture = draw_instances(
        picture,
        large_boxes,
        windows,
        labels and [label.split("\n") for label in labels],
        colors=None if colors is None else [colors[i] for i in shown],
        alpha=TINT if show_mask else 0,
        show_outlines=show_mask_polygon,
        show_boxes=show_bbox,
        text_size=text_size_on(axes, picture.shape[:2]),
    )
    height, width = image.shape[:2]
    axes.imshow(picture, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    entitle(axes, title) if ax is None else axes.set_title(title)
    axes.axis("off")
    if save_fig_path is not None:
        axes.figure.figure.savefig(save_fig_path, bbox_inches="tight")  # of a subfigure, the figure
    if ax is None:
        show()
        if save_fig_path is not None and not on_screen():
            plt.close(
                axes.figure
            )  # or a loop over a folder of images would keep them all in memory


def _check_instances(image, boxes, masks, class_ids, **others):
    if len(boxes) != len(class_ids) or (
        masks is not None and (masks.ndim != 3 or masks.shape[-1] != len(boxes))
    ):
        raise ValueError(
            f"Every box needs a class id and a mask. Got boxes {boxes.shape}, "
            f"{len(class_ids)} class ids and masks {np.shape(masks)}; masks are (H, W, N)."
        )
    if masks is not None and masks.shape[:2] != image.shape[:2]:
        raise ValueError(
            f"Masks have the height and width of their image. Got masks {masks.shape} and an image {image.shape}. "
            f"Mini masks fill their boxes: load them with use_mini_mask=False, or use utils.expand_mask."
        )
    for name, given in others.items():
        if given is not None and len(given) < len(boxes):
            raise ValueError(
                f"Every box needs its own entry in {name}. Got {len(given)} for {len(boxes)} boxes."
            )


def _shown(boxes, class_ids, class_names, scores, filter_classes, min_score):
    """(M,) int: the rows to draw. Padding is not, nor what the filters leave out."""
    kept = boxes.any(axis=1)
    if filter_classes is not None:
        wanted = (
            {filter_classes}
            if np.ndim(filter_classes) == 0
            else set(np.asarray(filter_classes).tolist())
        )
        kept &= [int(i) in wanted or name_of(i, class_names) in wanted for i in class_ids]
    if min_score is not None and scores is not None:
        kept &= np.asarray(scores) >= min_score
    return np.flatnonzero(kept)


def display_images(images, titles=None, cols=4, cmap=None, norm=None, interpolation=None):
    """Shows images side by side, `cols` in a row; Matterport's signature.

    images: list of (H, W, 3) RGB of any type, or (H, W), which `cmap`, `norm` and `interpolation` apply to
    """
    if len(images) == 0:
        logger.warning("No images to display")
        return
    images = [image if image.ndim == 2 else as_rgb(image) for image in map(np.asarray, images)]
    titles = (
        [""] * len(images)
        if titles is None
        else [wrapped(title, SHEET_INCHES / cols, TITLE_POINTS) for title in titles]
    )
    columns, rows = min(cols, len(images)), -(-len(images) // cols)
    cell = SHEET_INCHES / cols
    tallest = max(image.shape[0] / image.shape[1] for image in images)
    lines = max(title.count("\n") + bool(title) for title in titles)
    row_height = cell * min(tallest, TALLEST_CELL) + (lines * 1.3 + 1.5) * TITLE_POINTS / 72
    figure = plt.figure(figsize=(cell * columns, row_height * rows), layout="constrained")
    for place, (image, title) in enumerate(zip(images, titles, strict=False), start=1):
        axes = figure.add_subplot(rows, columns, place, anchor="N")  # titles of one row on one line
        axes.set_title(title, fontsize=TITLE_POINTS)
        axes.axis("off")
        axes.imshow(image, cmap=cmap, norm=norm, interpolation=interpolation)
    show()


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
