"""Figures: images and their instances as matplotlib figures, with or without a screen."""

import logging
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends import BackendFilter, backend_registry

from mrcnn.drawing.labels import caption, name_of, text_size_for
from mrcnn.drawing.overlays import TINT, as_rgb, draw_instances, enlarge
from mrcnn.typing import Array, Size

logger = logging.getLogger(__name__)

SHEET_INCHES = 14  # width of a full row of images, Matterport's
MAX_CELL_ASPECT = 2.0  # height over width
TITLE_POINTS = 9
TITLE_GROWTH = 1.0  # points an inch: matplotlib's own 12 points are tiny on 16 inches
MIN_POINTS = 7  # smaller text is not legible
MAX_GROWTH = 2  # or the text would hide an image that is that small
LETTER = 0.55  # em: the mean width of a letter in matplotlib's typeface
MIN_SHADE = 0.45  # of 0..1: the darkest instance still stands out from the background, which is 0


def display_instances(
    image: Any,
    boxes: Array | Sequence,
    masks: Array | None,
    class_ids: Array | Sequence[int],
    class_names: Sequence[str],
    scores: Array | Sequence[float] | None = None,
    title: str = "",
    figsize: tuple[float, float] = (16, 16),
    ax: Axes | None = None,
    show_mask: bool = True,
    show_bbox: bool = True,
    colors: Array | Sequence | None = None,
    captions: Sequence[str | None] | None = None,
    *,
    show_mask_polygon: bool = True,
    show_caption: bool = True,
    save_fig_path: str | Path | None = None,
    filter_classes: Iterable[int | str] | int | str | None = None,
    min_score: float | None = None,
) -> None:
    """Shows an image with its instances. The axes keep the image's own pixels as their units.

    Matterport's signature; keyword-only arguments are those of a popular fork.

    Args:
        image: `(H, W, 3)` uint8 RGB, or what `as_rgb` accepts.
        boxes: `(N, 4)` yxyx, pixels of the image; rows of zeros are padding.
        masks: `(H, W, N)` bool, 0/1 or 0..1, or None.
        class_ids: `(N,)`.
        class_names: By class id.
        scores: `(N,)`.
        title: Above the image.
        figsize: (width, height) in inches of the new figure, if there is no `ax`.
        ax: Axes to draw into. Without, a new figure is made, and shown if there is a screen.
        show_mask: Draw tints.
        show_bbox: Draw boxes.
        colors: N of (r, g, b), floats 0..1 or integers 0..255.
        captions: N strings instead of "class score".
        show_mask_polygon: Draw outlines.
        show_caption: Draw captions.
        save_fig_path: File to write the figure to. A new figure is closed then if there is no
            screen.
        filter_classes: Class ids or names to show; others are left out.
        min_score: Instances with a lower score are left out.

    Raises:
        ValueError: If the numbers or sizes of boxes, masks and class ids do not match.
    """
    image = as_rgb(image)
    boxes, class_ids = np.asarray(boxes).reshape(-1, 4), np.asarray(class_ids).reshape(-1)
    masks = np.asarray(masks) if masks is not None and (show_mask or show_mask_polygon) else None
    if len(boxes) == 0:
        logger.warning("No instances to display")
        masks = None
    _check_instances(
        image, boxes, masks, class_ids, scores=scores, colors=colors, captions=captions
    )
    rows = _rows_to_show(boxes, class_ids, class_names, scores, filter_classes, min_score)
    if masks is not None and len(rows) < len(boxes):
        masks = masks[..., rows]
    labels = None
    if show_caption:
        labels = _labels_of(rows, class_ids, class_names, scores, captions)

    axes = new_axes(figsize) if ax is None else ax
    overlay, large_boxes, windows = enlarge(image, boxes[rows], masks)
    overlay = draw_instances(
        overlay,
        large_boxes,
        windows,
        labels,
        colors=None if colors is None else [colors[i] for i in rows],
        alpha=TINT if show_mask else 0,
        show_outlines=show_mask_polygon,
        show_boxes=show_bbox,
        text_size=text_size_on(axes, overlay.shape[:2]),
    )
    height, width = image.shape[:2]
    axes.imshow(overlay, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    finish(axes, title, is_own=ax is None)
    if save_fig_path is not None:
        axes.figure.figure.savefig(save_fig_path, bbox_inches="tight")  # of a subfigure, the figure
    if ax is None:
        show()
        if save_fig_path is not None and not on_screen():
            plt.close(axes.figure)  # a loop over a folder would keep all figures in memory


def _labels_of(
    rows: Array,
    class_ids: Array,
    class_names: Sequence[str],
    scores: Array | Sequence[float] | None,
    captions: Sequence[str | None] | None,
) -> list[list[str]]:
    """The lines of text of the instances that are shown: their captions, or "class score"."""
    labels = []
    for i in rows:
        score = None if scores is None else scores[i]
        text = caption(class_ids[i], class_names, score) if captions is None else captions[i]
        labels.append(str(text or "").split("\n"))
    return labels


def _check_instances(
    image: Array, boxes: Array, masks: Array | None, class_ids: Array, **others: Any
) -> None:
    wrong_masks = masks is not None and (masks.ndim != 3 or masks.shape[-1] != len(boxes))
    if len(boxes) != len(class_ids) or wrong_masks:
        shape = None if masks is None else masks.shape
        raise ValueError(
            f"Every box needs a class id and a mask. Got boxes {boxes.shape}, "
            f"{len(class_ids)} class ids and masks {shape}; masks are (H, W, N)."
        )
    if masks is not None and masks.shape[:2] != image.shape[:2]:
        raise ValueError(
            f"Masks have the height and width of their image. Got masks {masks.shape} and an image "
            f"{image.shape}. Mini masks fill their boxes: load them with use_mini_mask=False, or "
            "use utils.expand_mask."
        )
    for name, given in others.items():
        if given is not None and len(given) < len(boxes):
            raise ValueError(
                f"Every box needs its own entry in {name}. Got {len(given)} for {len(boxes)} boxes."
            )


def _rows_to_show(
    boxes: Array,
    class_ids: Array,
    class_names: Sequence[str],
    scores: Any,
    filter_classes: Any,
    min_score: float | None,
) -> Array:
    """Returns `(M,)` int, without padding and what the filters leave out."""
    kept: Array = np.any(boxes, axis=1)
    if filter_classes is not None:
        single = np.ndim(filter_classes) == 0
        wanted = {filter_classes} if single else set(np.asarray(filter_classes).tolist())
        kept &= [int(i) in wanted or name_of(i, class_names) in wanted for i in class_ids]
    if min_score is not None and scores is not None:
        kept &= np.asarray(scores) >= min_score
    return np.flatnonzero(kept)


def display_images(
    images: Sequence[Any],
    titles: Sequence[str] | None = None,
    cols: int = 4,
    cmap: Any = None,
    norm: Any = None,
    interpolation: str | None = None,
) -> None:
    """Shows images side by side; Matterport's signature.

    Args:
        images: `(H, W, 3)` RGB of any dtype, or `(H, W)`.
        titles: One for each image.
        cols: Images per row.
        cmap: Colour map of the `(H, W)` images, see `Axes.imshow`.
        norm: Likewise.
        interpolation: See `Axes.imshow`.
    """
    if len(images) == 0:
        logger.warning("No images to display")
        return
    images = [image if image.ndim == 2 else as_rgb(image) for image in map(np.asarray, images)]
    cell = SHEET_INCHES / cols
    titles = [""] * len(images) if titles is None else titles
    titles = [wrapped(title, cell, TITLE_POINTS) for title in titles]
    columns, rows = min(cols, len(images)), -(-len(images) // cols)
    aspect = min(max(image.shape[0] / image.shape[1] for image in images), MAX_CELL_ASPECT)
    lines = max(title.count("\n") + bool(title) for title in titles)
    # Lines of a title are 1.3 of their size apart, with 1.5 of it around them.
    row_height = cell * aspect + (lines * 1.3 + 1.5) * TITLE_POINTS / 72
    figure = plt.figure(figsize=(cell * columns, row_height * rows), layout="constrained")
    for number, (image, title) in enumerate(zip(images, titles), start=1):
        axes = figure.add_subplot(rows, columns, number, anchor="N")  # titles align within a row
        axes.set_title(title, fontsize=TITLE_POINTS)
        axes.axis("off")
        axes.imshow(image, cmap=cmap, norm=norm, interpolation=interpolation)
    show()


def display_top_masks(
    image: Array,
    mask: Array,
    class_ids: Array | Sequence[int],
    class_names: Sequence[str],
    limit: int = 4,
) -> None:
    """Shows an image and the masks of its largest classes in one row; Matterport's signature.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        mask: `(H, W, N)` bool, 0/1 or 0..1.
        class_ids: `(N,)`.
        class_names: By class id.
        limit: Number of classes. If fewer have a pixel, the remaining panels are empty and called
            "-".

    Raises:
        ValueError: For another number of class ids than masks.
    """
    mask, class_ids = np.asarray(mask), np.asarray(class_ids, np.int64).reshape(-1)
    if mask.ndim != 3 or mask.shape[2] != len(class_ids):
        raise ValueError(
            f"Every mask needs a class id. Got masks {mask.shape} and {len(class_ids)} class ids; "
            "masks are (H, W, N)."
        )
    covered = mask if mask.dtype == bool else mask >= 0.5
    areas = covered.reshape(mask.shape[0] * mask.shape[1], len(class_ids)).sum(0)
    area_of = {class_id: areas[class_ids == class_id].sum() for class_id in np.unique(class_ids)}
    visible = [class_id for class_id in area_of if area_of[class_id]]
    largest = sorted(visible, key=lambda class_id: -area_of[class_id])[:limit]
    panels = [_shades(covered, np.flatnonzero(class_ids == class_id)) for class_id in largest]
    titles = [name_of(class_id, class_names) for class_id in largest]
    spare = limit - len(largest)
    display_images(
        [image, *panels, *[np.zeros(mask.shape[:2])] * spare],
        [f"H x W={image.shape[0]}x{image.shape[1]}", *titles, *["-"] * spare],
        cols=limit + 1,
        cmap="Blues_r",
    )


def _shades(covered: Array, instances: Array) -> Array:
    """Returns `(H, W)` float32: 0 for background, else a shade for each instance, the last 1."""
    panel = np.zeros(covered.shape[:2], np.float32)
    for number, i in enumerate(instances, start=1):
        panel[covered[..., i]] = MIN_SHADE + (1 - MIN_SHADE) * number / len(instances)
    return panel


# Axes, titles and the screen


def new_axes(figsize: tuple[float, float]) -> Axes:
    """Makes axes that fill a new pyplot figure; labels and titles are kept inside it.

    Args:
        figsize: (width, height) in inches.

    Returns:
        The axes.
    """
    return plt.subplots(figsize=figsize, layout="constrained")[1]


def finish(axes: Axes, title: str, is_own: bool) -> None:
    """Writes the title and hides the frame.

    Args:
        axes: Show an image.
        title: Above the image.
        is_own: The axes fill a figure of their own, so the title may be large.
    """
    if is_own:
        set_large_title(axes, title)
    else:
        axes.set_title(title)
    axes.axis("off")


def set_large_title(axes: Axes, title: str) -> None:
    """Writes a title whose size suits the figure.

    Args:
        axes: Fill a figure of their own.
        title: Is wrapped.
    """
    width = axes.figure.figure.get_figwidth()  # type: ignore[union-attr]
    points = max(12, TITLE_GROWTH * width)
    axes.set_title(wrapped(title, width, points), fontsize=points)


def text_size_on(axes: Axes, size_hw: Size) -> int:
    """Returns the text size that is legible in an image on some axes.

    Args:
        axes: Show the image.
        size_hw: Height and width of the image, pixels.

    Returns:
        Pixels per em: what suits the image, or more if the axes are small.
    """
    own = text_size_for(size_hw)
    box = axes.bbox
    pixels_per_inch = max(size_hw[0] / box.height, size_hw[1] / box.width) * axes.figure.dpi
    return round(min(max(own, MIN_POINTS / 72 * pixels_per_inch), MAX_GROWTH * own))


def on_screen() -> bool:
    """Returns whether `plt.show()` can show a figure.

    Returns:
        True with a window or a notebook.
    """
    writes_files_only = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)
    return matplotlib.get_backend().lower() not in {name.lower() for name in writes_files_only}


def show() -> None:
    """Calls plt.show() if there is a screen; otherwise it would warn. `savefig` works anyway."""
    if on_screen():
        plt.show()


def wrapped(title: str, inches: float, points: float) -> str:
    """Breaks a title into lines.

    Args:
        title: Its own line breaks are kept.
        inches: About the width of a line.
        points: Size of the text.

    Returns:
        The title with line breaks.
    """
    letters = max(8, int(inches * 72 / (points * LETTER)))
    return "\n".join(textwrap.fill(line, letters) for line in str(title).split("\n"))
