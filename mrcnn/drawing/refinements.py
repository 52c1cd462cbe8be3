"""Refinements: boxes before and after a network moved them, dashed and solid, joined by a line."""

import cv2
import numpy as np

from mrcnn.drawing.colors import distinct_colors
from mrcnn.drawing.figures import entitle, new_axes, text_size_on
from mrcnn.drawing.labels import caption, write_labels
from mrcnn.drawing.overlays import TINT, as_rgb, enlarge, tint

FIGURE_INCHES = (12, 12)
NEGATIVE = np.array([170, 170, 170], np.uint8)
PAPER = 245  # grey level around the image
WIDEST_MARGIN = 0.25  # of the image's longest edge: how much of its surroundings is shown
AROUND = 0.02  # likewise: what is left free around boxes outside the image
DASH, GAP = 5, 4  # strokes


def draw_boxes(
    image,
    boxes=None,
    refined_boxes=None,
    masks=None,
    captions=None,
    visibilities=None,
    title="",
    ax=None,
):
    """Draws boxes, and where they were moved to; Matterport's signature.

    image: (H, W, 3) uint8 RGB; boxes: (N, 4) yxyx, pixels of the image, drawn dashed; refined_boxes: (N, 4) likewise, solid; rows
    of zeros are padding; at least one of the two is needed
    masks: (H, W, N) bool, 0/1 or 0..1; captions: N strings
    visibilities: N of 0 (grey, dashed), 1 (colour, dashed) or 2 (colour, solid), for `boxes`; default: 1
    ax: axes to draw into; without, a new figure is made and left to `plt.show()` or `plt.savefig`
    Boxes may reach outside the image, which gets a margin then. The axes keep the image's own pixels as their units.
    """
    if boxes is None and refined_boxes is None:
        raise ValueError("There is nothing to draw: pass boxes, refined_boxes, or both.")
    before, after = (
        None if given is None else np.asarray(given, np.float64).reshape(-1, 4)
        for given in (boxes, refined_boxes)
    )
    count = len(after if before is None else before)
    before, after = (np.zeros((count, 4)) if given is None else given for given in (before, after))
    for name, given in (
        ("boxes", before),
        ("refined_boxes", after),
        ("captions", captions),
        ("visibilities", visibilities),
    ):
        if given is not None and len(given) != count:
            raise ValueError(
                f"Every box needs its own entry. Got {count} boxes and {len(given)} in {name}."
            )
    visibilities = (
        np.ones(count, int) if visibilities is None else np.asarray(visibilities).reshape(-1)
    )
    labels = (
        [[]] * count if captions is None else [str(text or "").split("\n") for text in captions]
    )
    _draw(as_rgb(image), before, after, masks, labels, visibilities, title, ax)


def draw_rois(image, rois, refined_rois, masks, class_ids, class_names, limit=10, *, paste, rng):
    """Draws some of the rois that heads are trained on, with their classes and masks; the negative ones are grey.

    image: (H, W, 3) uint8 RGB; rois, refined_rois: (N, 4) yxyx, pixels of the image; rows of zeros are padding
    masks: (N, h, w) float 0..1 or bool, each filling its roi, or None; class_ids: (N,), 0 for a negative roi
    limit: how many are drawn, picked by `rng.permutation`
    paste: (mask, box, size_hw) -> (window (h, w) bool, top, left), as `mrcnn.inference.pasting.paste_window`
    Makes a new figure of pyplot's.
    """
    rois, refined_rois, class_ids = (
        np.asarray(rois, np.float64),
        np.asarray(refined_rois, np.float64),
        np.asarray(class_ids),
    )
    if not len(rois) == len(refined_rois) == len(class_ids) or (
        masks is not None and len(masks) != len(rois)
    ):
        raise ValueError(
            f"Every roi needs a refined one, a class id and a mask (N, h, w). Got rois {rois.shape}, refined_rois "
            f"{refined_rois.shape}, class_ids {class_ids.shape} and masks {np.shape(masks)}."
        )
    photo = as_rgb(image)
    real = np.flatnonzero(rois.any(axis=1))
    chosen = np.sort(rng.permutation(real)[:limit])
    positive = class_ids[chosen] > 0
    windows = None
    if masks is not None:
        windows = [
            paste(masks[i], rois[i], photo.shape[:2])
            if class_ids[i] > 0
            else (np.zeros((0, 0), bool), 0, 0)
            for i in chosen
        ]
    labels = [[caption(class_ids[i], class_names)] if class_ids[i] > 0 else [] for i in chosen]
    positives = int((class_ids[real] > 0).sum())
    which = (
        f"{len(chosen)} of {len(real)} rois, picked at random"
        if len(chosen) < len(real)
        else f"{len(real)} rois"
    )
    title = f"{which}\nof all: {positives} positive, {len(real) - positives} negative ({positives / max(len(real), 1):.0%} positive)"
    _draw(
        photo,
        rois[chosen],
        refined_rois[chosen] * positive[:, None],
        windows,
        labels,
        positive.astype(int),
        title,
        None,
    )


def _draw(photo, before, after, masks, labels, visibilities, title, ax):
    count = len(before)
    canvas, both, windows = enlarge(photo, np.concatenate([before, after]), masks)
    factor = canvas.shape[0] // photo.shape[0]
    margin = _margin(both, canvas.shape[:2], factor)
    canvas = np.pad(canvas, ((margin, margin), (margin, margin), (0, 0)), constant_values=PAPER)
    both = np.where(both.any(axis=1, keepdims=True), both + margin, 0)
    before, after = both[:count], both[count:]
    if windows is not None:
        windows = [(window, top + margin, left + margin) for window, top, left in windows]

    colors = distinct_colors(count)
    colors[visibilities == 0] = NEGATIVE
    axes = new_axes(FIGURE_INCHES) if ax is None else ax
    em = text_size_on(axes, canvas.shape[:2])
    stroke = max(1, round(em / 9))
    for i in range(count if windows is not None else 0):
        tint(canvas, windows[i], colors[i], TINT)
    for i in np.argsort(visibilities, kind="stable"):
        lines = _edges(before[i], stroke if visibilities[i] < 2 else 0) + _edges(after[i], 0)
        if before[i].any() and after[i].any():
            lines.append((before[i, :2], after[i, :2]))
        _stroke(canvas, lines, colors[i], stroke)
    final = np.where(after.any(axis=1, keepdims=True), after, before)
    write_labels(
        canvas,
        final,
        windows,
        [lines if box.any() else [] for lines, box in zip(labels, final)],
        colors,
        em,
    )

    (height, width), margin = photo.shape[:2], margin / factor
    axes.imshow(
        canvas, extent=(-margin - 0.5, width + margin - 0.5, height + margin - 0.5, -margin - 0.5)
    )
    entitle(axes, title) if ax is None else axes.set_title(title)
    axes.axis("off")


def _margin(boxes, size_hw, factor):
    """Pixels around the image, so that boxes outside it are seen; a whole multiple of `factor`."""
    if not boxes.any():
        return 0
    outside, edge = max(0, -boxes.min(), (boxes[:, 2:] - size_hw).max()), max(size_hw)
    room = min(outside + AROUND * edge, WIDEST_MARGIN * edge) if outside else 0
    return int(np.ceil(room / factor)) * factor


def _edges(box, dash_stroke):
    """The lines of a box: list of ((y, x), (y, x)); none for padding. Dashes for a stroke of `dash_stroke` pixels, if that is not 0."""
    if not box.any():
        return []
    y1, x1, y2, x2 = box - (0, 0, 1, 1)  # the far corner lies outside the box
    corners = np.array([(y1, x1), (y1, x2), (y2, x2), (y2, x1), (y1, x1)])
    lines = []
    for start, end in zip(corners[:-1], corners[1:]):
        dashes = (
            max(1, int(np.abs(end - start).max() / (dash_stroke * (DASH + GAP))))
            if dash_stroke
            else 1
        )
        step = (end - start) / dashes
        lines += [
            (
                start + k * step,
                start + k * step + step * (DASH / (DASH + GAP) if dash_stroke else 1),
            )
            for k in range(dashes)
        ]
    return lines


def _stroke(canvas, lines, color, stroke):
    """Draws lines, in place, with a dark rim that sets them off; in a small picture it would only hide more."""
    points = [np.round([start[::-1], end[::-1]]).astype(np.int32) for start, end in lines]
    if stroke > 1:
        cv2.polylines(canvas, points, False, (color * 0.25).tolist(), stroke + 2, cv2.LINE_AA)
    cv2.polylines(canvas, points, False, color.tolist(), stroke, cv2.LINE_AA)
