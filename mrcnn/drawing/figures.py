"""Figures: images with their instances as matplotlib figures, with or without a screen."""

import logging
import textwrap

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.backends import BackendFilter, backend_registry

from mrcnn.drawing.labels import caption, name_of, text_size_for
from mrcnn.drawing.overlays import TINT, as_rgb, draw_instances, enlarge

logger = logging.getLogger(__name__)

SHEET_INCHES = 14  # the width of a full row of images, Matterport's
TALLEST_CELL = 2.0  # of its width
TITLE_POINTS = 9
TITLE_GROWTH = 1.0  # points an inch: on 16 inches matplotlib's own 12 points are a whisper
LEAST_POINTS = 7  # smaller writing is not legible
LARGEST_GROWTH = 2  # or the writing would hide a picture that is that small
LETTER = 0.55  # em: the mean width of a letter in matplotlib's typeface
FAINTEST = 0.45  # of 0..1: the darkest instance still stands out from the background, which is 0


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


def display_top_masks(image, mask, class_ids, class_names, limit=4):
    """Shows an image and the masks of its `limit` largest classes in one row; Matterport's signature.

    image: (H, W, 3) uint8 RGB; mask: (H, W, N) bool, 0/1 or 0..1; class_ids: (N,); class_names: a name for every class id
    Where fewer classes have a pixel, the panels left over are empty and called "-".
    """
    mask, class_ids = np.asarray(mask), np.asarray(class_ids, np.int64).reshape(-1)
    if mask.ndim != 3 or mask.shape[2] != len(class_ids):
        raise ValueError(
            f"Every mask needs a class id. Got masks {mask.shape} and {len(class_ids)} class ids; masks are (H, W, N)."
        )
    covered = mask if mask.dtype == bool else mask >= 0.5
    areas = covered.reshape(mask.shape[0] * mask.shape[1], len(class_ids)).sum(0)
    area_of = {class_id: areas[class_ids == class_id].sum() for class_id in np.unique(class_ids)}
    largest = sorted(
        (class_id for class_id in area_of if area_of[class_id]),
        key=lambda class_id: -area_of[class_id],
    )[:limit]
    panels = [_shades(covered, np.flatnonzero(class_ids == class_id)) for class_id in largest]
    titles = [name_of(class_id, class_names) for class_id in largest]
    spare = limit - len(largest)
    display_images(
        [image, *panels, *[np.zeros(mask.shape[:2])] * spare],
        [f"H x W={image.shape[0]}x{image.shape[1]}", *titles, *["-"] * spare],
        cols=limit + 1,
        cmap="Blues_r",
    )


def _shades(covered, instances):
    """(H, W) float32: 0 where there is none of the instances, else a value for each, the last one 1."""
    panel = np.zeros(covered.shape[:2], np.float32)
    for place, i in enumerate(instances, start=1):
        panel[covered[..., i]] = FAINTEST + (1 - FAINTEST) * place / len(instances)
    return panel


def new_axes(figsize):
    """Axes that fill a new figure of pyplot's, (width, height) in inches; labels and titles are kept inside it."""
    return plt.subplots(figsize=figsize, layout="constrained")[1]


def entitle(axes, title):
    """Writes a title above axes that have a figure for themselves, in a size that suits it."""
    width = axes.figure.get_figwidth()
    points = max(12, TITLE_GROWTH * width)
    axes.set_title(wrapped(title, width, points), fontsize=points)


def text_size_on(axes, size_hw):
    """Pixels per em of writing in a picture of (height, width) pixels: its own, or more where the axes are small."""
    own = text_size_for(size_hw)
    pixels_per_inch = (
        max(size_hw[0] / axes.bbox.height, size_hw[1] / axes.bbox.width) * axes.figure.dpi
    )
    return round(min(max(own, LEAST_POINTS / 72 * pixels_per_inch), LARGEST_GROWTH * own))


def on_screen():
    """Whether `plt.show()` has somewhere to show a figure: a window or a notebook."""
    writes_files_only = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)
    return matplotlib.get_backend().lower() not in {name.lower() for name in writes_files_only}


def show():
    """plt.show(), except where it could only warn that there is no screen; `savefig` still works then."""
    if on_screen():
        plt.show()


def wrapped(title, inches, points):
    """A title broken into lines that are about as wide as they may be at a size in points."""
    letters = max(8, int(inches * 72 / (points * LETTER)))
    return "\n".join(textwrap.fill(line, letters) for line in str(title).split("\n"))
