"""Refinements: boxes before and after the network moved them, dashed and solid, with a line."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from matplotlib.axes import Axes

from mrcnn.drawing.colors import distinct_colors
from mrcnn.drawing.figures import finish, new_axes, text_size_on
from mrcnn.drawing.labels import Window, caption, write_labels
from mrcnn.drawing.overlays import TINT, as_rgb, enlarge, tint
from mrcnn.typing import Array, Size

FIGURE_INCHES = (12, 12)
NEGATIVE = np.array([170, 170, 170], np.uint8)
PAPER = 245  # grey level around the image
MAX_MARGIN = 0.25  # of the image's longest edge: how much of its surroundings is shown
AROUND = 0.02  # the same: free space around boxes outside the image
DASH, GAP = 5, 4  # strokes
NO_MASK: Window = (np.zeros((0, 0), bool), 0, 0)


def draw_boxes(
    image: Any,
    boxes: Array | Sequence | None = None,
    refined_boxes: Array | Sequence | None = None,
    masks: Array | None = None,
    captions: Sequence[str | None] | None = None,
    visibilities: Array | Sequence[int] | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> None:
    """Draws boxes, and where they were moved to; Matterport's signature.

    Boxes may reach outside the image, which gets a margin then. The axes keep the image's own
    pixels as their units. At least one of `boxes` and `refined_boxes` is needed.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        boxes: `(N, 4)` yxyx, pixels of the image, drawn dashed; rows of zeros are padding.
        refined_boxes: `(N, 4)` yxyx, drawn solid.
        masks: `(H, W, N)` bool, 0/1 or 0..1.
        captions: N strings.
        visibilities: N of 0 (grey, dashed), 1 (colour, dashed) or 2 (colour, solid), for `boxes`.
            Default: 1.
        title: Above the image.
        ax: Axes to draw into. Without, a new figure is made and left to `plt.show()` or
            `plt.savefig`.

    Raises:
        ValueError: Without boxes, or if the numbers of boxes and captions differ.
    """
    if boxes is None and refined_boxes is None:
        raise ValueError("There is nothing to draw: pass boxes, refined_boxes, or both.")
    given = boxes if boxes is not None else refined_boxes
    count = np.asarray(given, np.float64).reshape(-1, 4).shape[0]
    before, after = (
        np.zeros((count, 4)) if given is None else np.asarray(given, np.float64).reshape(-1, 4)
        for given in (boxes, refined_boxes)
    )
    _check_counts(
        count, boxes=before, refined_boxes=after, captions=captions, visibilities=visibilities
    )
    visible = np.ones(count, int) if visibilities is None else np.asarray(visibilities).reshape(-1)
    labels: list[list[str]] = [[]] * count
    if captions is not None:
        labels = [str(text or "").split("\n") for text in captions]
    _draw(as_rgb(image), before, after, masks, labels, visible, title, ax)


def _check_counts(count: int, **columns: Any) -> None:
    for name, entries in columns.items():
        if entries is not None and len(entries) != count:
            raise ValueError(
                f"Every box needs its own entry. Got {count} boxes and {len(entries)} in {name}."
            )


def draw_rois(
    image: Any,
    rois: Array,
    refined_rois: Array,
    windows: Sequence[Window] | None,
    class_ids: Array,
    class_names: Sequence[str],
    limit: int = 10,
    *,
    rng: Any,
) -> None:
    """Draws some of the RoIs that heads are trained on, with their classes and masks.

    Negative RoIs are grey. Makes a new pyplot figure.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        rois: `(N, 4)` yxyx, pixels of the image; rows of zeros are padding.
        refined_rois: `(N, 4)` yxyx.
        windows: N masks, as `mrcnn.inference.pasting.paste_window` makes them, or None. Those of
            negative RoIs are not drawn.
        class_ids: `(N,)`, 0 for a negative RoI.
        class_names: By class id.
        limit: Number of RoIs that are drawn, picked by `rng.permutation`.
        rng: A np.random.Generator, or the module np.random.

    Raises:
        ValueError: If the numbers of RoIs, class ids and masks differ.
    """
    rois, refined_rois = np.asarray(rois, np.float64), np.asarray(refined_rois, np.float64)
    class_ids = np.asarray(class_ids)
    counts = {len(rois), len(refined_rois), len(class_ids)}
    if len(counts) > 1 or (windows is not None and len(windows) != len(rois)):
        raise ValueError(
            f"Every roi needs a refined one, a class id and a mask (N, h, w). Got rois {rois.shape}"
            f", refined_rois {refined_rois.shape}, class_ids {class_ids.shape} and "
            f"{None if windows is None else len(windows)} masks."
        )
    image = as_rgb(image)
    valid = np.flatnonzero(rois.any(axis=1))
    chosen = np.sort(rng.permutation(valid)[:limit])
    positive = class_ids[chosen] > 0
    if windows is not None:
        windows = [windows[i] if class_ids[i] > 0 else NO_MASK for i in chosen]
    labels = [[caption(class_ids[i], class_names)] if class_ids[i] > 0 else [] for i in chosen]
    title = _title(len(chosen), len(valid), int((class_ids[valid] > 0).sum()))
    refined = refined_rois[chosen] * positive[:, None]
    _draw(image, rois[chosen], refined, windows, labels, positive.astype(int), title, None)


def _title(chosen: int, count: int, positives: int) -> str:
    which = f"{count} rois"
    if chosen < count:
        which = f"{chosen} of {count} rois, picked at random"
    return (
        f"{which}\nof all: {positives} positive, {count - positives} negative "
        f"({positives / max(count, 1):.0%} positive)"
    )


def _draw(
    image: Array,
    before: Array,
    after: Array,
    masks: Array | Sequence[Window] | None,
    labels: Sequence[Sequence[str]],
    visibilities: Array,
    title: str,
    ax: Axes | None,
) -> None:
    count = len(before)
    canvas, both, windows = enlarge(image, np.concatenate([before, after]), masks)
    factor = canvas.shape[0] // image.shape[0]
    margin = _margin(both, canvas.shape[:2], factor)
    canvas = np.pad(canvas, ((margin, margin), (margin, margin), (0, 0)), constant_values=PAPER)
    both = np.where(both.any(axis=1, keepdims=True), both + margin, 0)
    before, after = both[:count], both[count:]
    if windows is not None:
        windows = [(crop, top + margin, left + margin) for crop, top, left in windows]

    colors = distinct_colors(count)
    colors[visibilities == 0] = NEGATIVE
    axes = new_axes(FIGURE_INCHES) if ax is None else ax
    em = text_size_on(axes, canvas.shape[:2])
    stroke = max(1, round(em / 9))
    for window, color in zip(windows or (), colors):
        tint(canvas, window, color, TINT)
    for i in np.argsort(visibilities, kind="stable"):
        lines = _edges(before[i], stroke if visibilities[i] < 2 else 0) + _edges(after[i], 0)
        if before[i].any() and after[i].any():
            lines.append((before[i, :2], after[i, :2]))
        _draw_lines(canvas, lines, colors[i], stroke)
    final = np.where(after.any(axis=1, keepdims=True), after, before)
    labels = [lines if box.any() else [] for lines, box in zip(labels, final)]
    write_labels(canvas, final, windows, labels, colors, em)

    (height, width), around = image.shape[:2], margin / factor
    extent = (-around - 0.5, width + around - 0.5, height + around - 0.5, -around - 0.5)
    axes.imshow(canvas, extent=extent)
    finish(axes, title, is_own=ax is None)


def _margin(boxes: Array, size_hw: Size, factor: int) -> int:
    """Returns pixels around the image that show boxes outside it; a multiple of `factor`."""
    if not boxes.any():
        return 0
    outside, edge = max(0, -boxes.min(), (boxes[:, 2:] - size_hw).max()), max(size_hw)
    room = min(outside + AROUND * edge, MAX_MARGIN * edge) if outside else 0
    return int(np.ceil(room / factor)) * factor


def _edges(box: Array, dash_stroke: int) -> list[tuple[Array, Array]]:
    """Returns the lines of a box, ((y, x), (y, x)); none for padding.

    With `dash_stroke`, the width of the stroke in pixels, the lines are dashes.
    """
    if not box.any():
        return []
    y1, x1, y2, x2 = box - (0, 0, 1, 1)  # the far corner lies outside the box
    corners = np.array([(y1, x1), (y1, x2), (y2, x2), (y2, x1), (y1, x1)])
    lines = []
    for start, end in zip(corners[:-1], corners[1:]):
        dashes, drawn = 1, 1.0
        if dash_stroke:
            dashes = max(1, int(np.abs(end - start).max() / (dash_stroke * (DASH + GAP))))
            drawn = DASH / (DASH + GAP)
        step = (end - start) / dashes
        for k in range(dashes):
            lines.append((start + k * step, start + k * step + step * drawn))
    return lines


def _draw_lines(
    canvas: Array, lines: Sequence[tuple[Array, Array]], color: Array, stroke: int
) -> None:
    """Draws lines with a dark rim that sets them off; in a small image it would only hide more."""
    points = [np.round([start[::-1], end[::-1]]).astype(np.int32) for start, end in lines]
    if stroke > 1:
        cv2.polylines(canvas, points, False, (color * 0.25).tolist(), stroke + 2, cv2.LINE_AA)
    cv2.polylines(canvas, points, False, color.tolist(), stroke, cv2.LINE_AA)
