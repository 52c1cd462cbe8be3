"""Overlays: instances drawn into an image. Arrays in, arrays out."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from mrcnn.drawing.colors import as_uint8, distinct_colors
from mrcnn.drawing.labels import Window, text_size_for, write_labels
from mrcnn.typing import Array

TINT = 0.42  # opacity of a mask's colour over the image
COVERED_FROM = 0.5  # a mask that is not bool covers a pixel from this value on
BOX_STROKE = 2  # pixels, Matterport's


def draw_instances(
    image: Array,
    boxes: Array | Sequence,
    masks: Array | Sequence[Window] | None = None,
    labels: Sequence[str | Sequence[str]] | None = None,
    *,
    colors: Array | Sequence | None = None,
    alpha: float = TINT,
    show_outlines: bool = True,
    show_boxes: bool = True,
    text_size: int | None = None,
) -> Array:
    """Draws the instances of an image, small ones over large ones.

    Args:
        image: `(H, W, 3)` uint8 RGB; stays unchanged.
        boxes: `(N, 4)` yxyx, pixels of the image.
        masks: `(H, W, N)` bool, 0/1 or 0..1; or N tuples (crop `(h, w)` bool, top, left), as
            `mrcnn.inference.pasting` makes them; or None.
        labels: N strings, or lists of strings (the first is the headline, the others are smaller).
            An instance with an empty label has none.
        colors: N of (r, g, b), floats 0..1 or integers 0..255. Default: `distinct_colors`.
        alpha: Opacity of the tint, 0..1.
        show_outlines: Draw the outlines of masks.
        show_boxes: Draw boxes.
        text_size: Pixels per em of the headline. Default: grows with the image.

    Returns:
        `(H, W, 3)` uint8 RGB.

    Raises:
        ValueError: For another kind of image, or fewer masks, labels or colours than boxes.
    """
    canvas = np.array(image)
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    windows = _as_windows(masks, boxes)
    colors = distinct_colors(len(boxes)) if colors is None else as_uint8(colors)
    _check_drawing(canvas, boxes, masks=windows, labels=labels, colors=colors)

    em = text_size or text_size_for((canvas.shape[0], canvas.shape[1]))
    stroke = max(1, round(em / 9))
    order = _largest_first(boxes)
    if windows is not None:
        _draw_masks(canvas, windows, order, colors, alpha, stroke if show_outlines else 0)
    for i in order if show_boxes else ():
        _draw_rectangle(canvas, boxes[i], colors[i], max(1, stroke // 2))
    if labels is not None and len(boxes):
        lines = [[label] if isinstance(label, str) else list(label) for label in labels]
        write_labels(canvas, boxes, windows, lines, colors, em)
    return canvas


def _largest_first(boxes: Array) -> Array:
    """Indices by area: a large object would hide the small ones on it."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return np.argsort(-area, kind="stable")


def _draw_masks(
    canvas: Array,
    windows: Sequence[Window],
    order: Array,
    colors: Array,
    alpha: float,
    stroke: int,
) -> None:
    """Draws tints, then the outlines above all of them; no outlines with stroke 0."""
    for i in order:
        tint(canvas, windows[i], colors[i], alpha)
    for i in order if stroke else ():
        _draw_outline(canvas, windows[i], colors[i], stroke)


def _check_drawing(canvas: Array, boxes: Array, **columns: Any) -> None:
    if canvas.ndim != 3 or canvas.shape[2] != 3 or canvas.dtype != np.uint8:
        raise ValueError(
            f"An image to draw on is (H, W, 3) uint8 RGB. Got {canvas.dtype} {canvas.shape}."
        )
    for name, given in columns.items():
        if given is not None and len(given) < len(boxes):
            raise ValueError(
                f"Every box needs its own entry in {name}. Got {len(given)} for {len(boxes)} boxes."
            )


def enlarge(
    image: Array,
    boxes: Array | Sequence,
    masks: Array | Sequence[Window] | None = None,
    longest_edge: int = 1024,
) -> tuple[Array, Array, Sequence[Window] | None]:
    """Enlarges a small image and its instances, so that there is room for labels.

    Args:
        image: As in `draw_instances`.
        boxes: As in `draw_instances`.
        masks: As in `draw_instances`.
        longest_edge: Pixels that the result may have at most. The factor is an integer; a large
            image keeps its size.

    Returns:
        image: `(H, W, 3)` uint8.
        boxes: `(N, 4)` float64.
        windows: N masks, or None. All three are ready for `draw_instances`.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    windows = _as_windows(masks, boxes)
    factor = max(1, longest_edge // max(image.shape[:2]))
    if factor == 1:
        return image, boxes, windows
    image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    if windows is not None:
        windows = [
            (np.kron(crop, np.ones((factor, factor), bool)), top * factor, left * factor)
            for crop, top, left in windows
        ]
    return image, boxes * factor, windows


def _as_windows(masks: Array | Sequence[Window] | None, boxes: Array) -> Sequence[Window] | None:
    """Returns masks of either kind as windows; full-size masks are cropped to their pixels."""
    if masks is None or isinstance(masks, list | tuple):
        return masks
    masks = np.asarray(masks)
    count = min(masks.shape[-1], len(boxes)) if masks.ndim == 3 else 0
    covered = masks if masks.dtype == bool else masks >= COVERED_FROM
    # Not cropped to the boxes: if a box does not fit its mask, the overlay has to show it.
    in_row, in_column = np.any(covered, axis=1), np.any(covered, axis=0)
    windows = []
    for i in range(count):
        (top, bottom), (left, right) = _extent(in_row[:, i]), _extent(in_column[:, i])
        windows.append((covered[top:bottom, left:right, i], top, left))
    return windows


def _extent(flags: Array) -> tuple[int, int]:
    """Returns the first True and the index after the last; (0, 0) if there is none."""
    places = np.flatnonzero(flags)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)


def tint(canvas: Array, window: Window, color: Array, alpha: float) -> None:
    """Mixes a colour into the pixels of a mask.

    Args:
        canvas: `(H, W, 3)` uint8, changed in place.
        window: The mask: (crop `(h, w)` bool, top, left).
        color: `(3,)` uint8.
        alpha: Opacity, 0..1.
    """
    crop, top, left = window
    region = canvas[top : top + crop.shape[0], left : left + crop.shape[1]]
    inside = region[crop]
    # Whole numbers: 255 * 256 fits into uint16, and no float copy of the pixels is made.
    strength = round(alpha * 256)
    mixed: Array = inside * np.uint16(256 - strength) + color * np.uint16(strength)
    region[crop] = mixed >> 8


def _draw_outline(canvas: Array, window: Window, color: Array, stroke: int) -> None:
    crop, top, left = window
    if not crop.any():
        return
    # A row of background on all sides: an object at the crop's edge has an outline there too.
    padded = np.pad(crop.astype(np.uint8), 1)
    contours, _ = cv2.findContours(
        padded, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE, offset=(left - 1, top - 1)
    )
    if stroke > 1:  # a dark rim sets the outline off; in a small image it would only hide more
        cv2.polylines(canvas, contours, True, (color * 0.25).tolist(), stroke + 2, cv2.LINE_AA)
    cv2.polylines(canvas, contours, True, color.tolist(), stroke, cv2.LINE_AA)


def _draw_rectangle(canvas: Array, box: Array, color: Array, stroke: int) -> None:
    y1, x1, y2, x2 = (int(v) for v in np.round(box))
    bottom, right = canvas.shape[0] - 1, canvas.shape[1] - 1
    upper_left, lower_right = (max(x1, 0), max(y1, 0)), (min(x2 - 1, right), min(y2 - 1, bottom))
    cv2.rectangle(canvas, upper_left, lower_right, color.tolist(), stroke)


def apply_mask(image: Array, mask: Array, color: Sequence[float], alpha: float = 0.5) -> Array:
    """Mixes a colour into the pixels of a mask; Matterport's signature.

    Args:
        image: `(H, W, 3)` RGB 0..255 of any dtype, changed in place.
        mask: `(H, W)` bool, 0/1, or 0..1, which covers a pixel from 0.5 on.
        color: (r, g, b), floats 0..1 or integers 0..255.
        alpha: Opacity, 0..1.

    Returns:
        `image`.

    Raises:
        ValueError: If the mask has another size.
    """
    mask = np.asarray(mask)
    if mask.shape != image.shape[:2]:
        raise ValueError(
            f"A mask has the height and width of its image. Got a mask {mask.shape} and an image "
            f"{image.shape}; of (H, W, N) masks, pass masks[:, :, i]."
        )
    covered = mask if mask.dtype == bool else mask >= COVERED_FROM
    image[covered] = image[covered] * (1 - alpha) + alpha * as_uint8([color])[0].astype(np.float64)
    return image


def draw_box(image: Array, box: Array | Sequence[float], color: Any) -> Array:
    """Draws the edges of a box, two pixels wide; Matterport's signature.

    Args:
        image: `(H, W, 3)`, changed in place.
        box: `(4,)` yxyx, pixels; parts outside the image are left out.
        color: Three numbers on the image's own scale, 0..255 for uint8.

    Returns:
        `image`.
    """
    limits = np.array([*image.shape[:2]] * 2)
    y1, x1, y2, x2 = (int(v) for v in np.clip(np.round(box), 0, limits))
    if y2 > y1 and x2 > x1:
        top, left = y1 + BOX_STROKE, x1 + BOX_STROKE
        inner = np.s_[top : max(y2 - BOX_STROKE, top), left : max(x2 - BOX_STROKE, left)]
        kept = image[inner].copy()
        image[y1:y2, x1:x2] = color
        image[inner] = kept
    return image


def as_rgb(image: Any) -> Array:
    """Converts an image of any kind to bytes.

    Args:
        image: `(H, W)`, `(H, W, 1)`, `(H, W, 3)` RGB or `(H, W, 4)` RGBA, whose transparency is
            dropped. Integers and floats are 0..255 and clipped to that; bool, and floats that never
            exceed 1, are 0..1.

    Returns:
        `(H, W, 3)` uint8, a new array.

    Raises:
        ValueError: For another shape.
    """
    image = np.asarray(image)
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.ndim not in (2, 3) or channels not in (1, 3, 4) or image.size == 0:
        raise ValueError(
            f"An image is (H, W, 3) RGB, or gray, or RGBA. Got shape {image.shape}; show one image "
            "at a time, its channels last."
        )
    image = image.reshape(*image.shape[:2], channels)[..., :3]
    if image.dtype == bool or (np.issubdtype(image.dtype, np.floating) and image.max() <= 1):
        image = np.multiply(image, 255, dtype=np.float32)
    if image.dtype != np.uint8:
        image = np.rint(np.clip(image, 0, 255)).astype(np.uint8)
    return np.repeat(image, 3, axis=2) if channels == 1 else np.array(image)
