"""Overlays: instances drawn into an image. Arrays in, arrays out."""

import cv2
import numpy as np

from mrcnn.drawing.colors import as_uint8, distinct_colors
from mrcnn.drawing.labels import text_size_for, write_labels

TINT = 0.42  # strength of a mask's colour over the photo
HALF = 0.5  # a mask that is not bool covers a pixel from this value on
BOX_STROKE = 2  # pixels, Matterport's


def draw_instances(
    image,
    boxes,
    masks=None,
    labels=None,
    *,
    colors=None,
    alpha=TINT,
    show_outlines=True,
    show_boxes=True,
    text_size=None,
):
    """A picture of an image's instances. Small instances are drawn over large ones.

    image: (H, W, 3) uint8 RGB, not changed
    boxes: (N, 4) yxyx, pixels of the image
    masks: (H, W, N) bool, 0/1 or 0..1, or a list of N (window (h, w) bool, top, left) as
        `mrcnn.inference.pasting` makes them, or None
    labels: N strings, or lists of strings (the first is the headline, the others are smaller), or None; an
        instance whose label is empty has none
    colors: N of (r, g, b), floats 0..1 or integers 0..255; default: `distinct_colors`
    alpha: strength of the tint, 0..1
    text_size: pixels per em of the headline; default: grows with the picture
    Returns: (H, W, 3) uint8 RGB, a new array.
    """
    canvas = np.array(image)
    if canvas.ndim != 3 or canvas.shape[2] != 3 or canvas.dtype != np.uint8:
        raise ValueError(
            f"An image to draw on is (H, W, 3) uint8 RGB. Got {canvas.dtype} {canvas.shape}."
        )
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    windows = _as_windows(masks, boxes)
    colors = distinct_colors(len(boxes)) if colors is None else as_uint8(colors)
    for name, given in (("masks", windows), ("labels", labels), ("colors", colors)):
        if given is not None and len(given) < len(boxes):
            raise ValueError(
                f"Every box needs its own entry in {name}. Got {len(given)} for {len(boxes)} boxes."
            )

    em = text_size or text_size_for(canvas.shape[:2])
    stroke = max(1, round(em / 9))
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = np.argsort(-area, kind="stable")
    if windows is not None:
        for i in order:
            tint(canvas, windows[i], colors[i], alpha)
        for i in order if show_outlines else ():
            _outline(canvas, windows[i], colors[i], stroke)
    if show_boxes:
        for i in order:
            _rectangle(canvas, boxes[i], colors[i], max(1, stroke // 2))
    if labels is not None and len(boxes):
        lines = [[label] if isinstance(label, str) else list(label) for label in labels]
        write_labels(canvas, boxes, windows, lines, colors, em)
    return canvas


def enlarge(image, boxes, masks=None, longest_edge=1024):
    """A small image and its instances, enlarged so that labels find room; larger ones come back as they are.

    image, boxes, masks: as in `draw_instances`
    longest_edge: pixels; the result's is a whole multiple of the image's that does not exceed it
    Returns: (image, boxes, masks as a list of windows or None), ready for `draw_instances`.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    windows = _as_windows(masks, boxes)
    factor = max(1, longest_edge // max(image.shape[:2]))
    if factor == 1:
        return image, boxes, windows
    image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    if windows is not None:
        windows = [
            (np.kron(window, np.ones((factor, factor), bool)), top * factor, left * factor)
            for window, top, left in windows
        ]
    return image, boxes * factor, windows


def _as_windows(masks, boxes):
    """Masks of either kind as a list of (window, top, left); full-size ones are cut to the pixels they cover."""
    if masks is None or isinstance(masks, list | tuple):
        return masks
    masks = np.asarray(masks)
    count = min(masks.shape[-1], len(boxes)) if masks.ndim == 3 else 0
    covered = masks if masks.dtype == bool else masks >= HALF
    # Not to the boxes: where a box does not fit its mask, that is what the picture has to show.
    in_row, in_column = covered.any(axis=1), covered.any(axis=0)
    windows = []
    for i in range(count):
        (top, bottom), (left, right) = _extent(in_row[:, i]), _extent(in_column[:, i])
        windows.append((covered[top:bottom, left:right, i], top, left))
    return windows


def _extent(flags):
    """(first, end) of the places that are True; (0, 0) if none is."""
    places = np.flatnonzero(flags)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)


def tint(canvas, placed, color, alpha):
    """Mixes a colour into the pixels of a mask, in place.

    canvas: (H, W, 3) uint8; placed: (window (h, w) bool, top, left); color: (3,) uint8; alpha: 0..1
    """
    window, top, left = placed
    region = canvas[top : top + window.shape[0], left : left + window.shape[1]]
    inside = region[window]
    strength = round(alpha * 256)
    region[window] = (inside * np.uint16(256 - strength) + color * np.uint16(strength)) >> 8


def _outline(canvas, placed, color, stroke):
    window, top, left = placed
    if not window.any():
        return
    # One row of background around it, so that an object at the window's edge has an outline there.
    padded = np.pad(window.astype(np.uint8), 1)
    contours, _ = cv2.findContours(
        padded, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE, offset=(left - 1, top - 1)
    )
    if stroke > 1:  # a dark rim sets the outline off; in a small picture it would only hide more
        cv2.polylines(canvas, contours, True, (color * 0.25).tolist(), stroke + 2, cv2.LINE_AA)
    cv2.polylines(canvas, contours, True, color.tolist(), stroke, cv2.LINE_AA)


def _rectangle(canvas, box, color, stroke):
    y1, x1, y2, x2 = (int(v) for v in np.round(box))
    bottom, right = canvas.shape[0] - 1, canvas.shape[1] - 1
    upper_left, lower_right = (max(x1, 0), max(y1, 0)), (min(x2 - 1, right), min(y2 - 1, bottom))
    cv2.rectangle(canvas, upper_left, lower_right, color.tolist(), stroke)


def apply_mask(image, mask, color, alpha=0.5):
    """Mixes a colour into the pixels of a mask; Matterport's signature.

    image: (H, W, 3) RGB 0..255 of any type, changed in place
    mask: (H, W) bool, 0/1, or 0..1, which covers a pixel from 0.5 on
    color: (r, g, b), floats 0..1 or integers 0..255; alpha: the colour's part of the mixture, 0..1
    Returns: `image`.
    """
    mask = np.asarray(mask)
    if mask.shape != image.shape[:2]:
        raise ValueError(
            f"A mask has the height and width of its image. Got a mask {mask.shape} and an image {image.shape}; "
            f"of (H, W, N) masks, pass masks[:, :, i]."
        )
    covered = mask if mask.dtype == bool else mask >= 0.5
    image[covered] = image[covered] * (1 - alpha) + alpha * as_uint8([color])[0].astype(np.float64)
    return image


def draw_box(image, box, color):
    """Draws the edges of a box, two pixels wide; Matterport's signature.

    image: (H, W, 3), changed in place; box: (4,) yxyx, pixels; what lies outside the image is left out
    color: three numbers on the image's own scale, 0..255 for uint8
    Returns: `image`.
    """
    limits = np.array([*image.shape[:2]] * 2)
    y1, x1, y2, x2 = (int(v) for v in np.clip(np.round(box), 0, limits))
    if y2 > y1 and x2 > x1:
        inner = np.s_[
            y1 + BOX_STROKE : max(y2 - BOX_STROKE, y1 + BOX_STROKE),
            x1 + BOX_STROKE : max(x2 - BOX_STROKE, x1 + BOX_STROKE),
        ]
        kept = image[inner].copy()
        image[y1:y2, x1:x2] = color
        image[inner] = kept
    return image


def as_rgb(image):
    """An image as bytes.

    image: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA, whose transparency is dropped. Integers and floats
        are 0..255 and clipped to that; floats that never exceed 1, and bool, are 0..1
    Returns: (H, W, 3) uint8, a new array.
    """
    image = np.asarray(image)
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.ndim not in (2, 3) or channels not in (1, 3, 4) or image.size == 0:
        raise ValueError(
            f"An image is (H, W, 3) RGB, or grey, or RGBA. Got shape {image.shape}; show one image at a "
            f"time, its channels last."
        )
    image = image.reshape(*image.shape[:2], channels)[..., :3]
    if image.dtype == bool or (np.issubdtype(image.dtype, np.floating) and image.max() <= 1):
        image = np.multiply(image, 255, dtype=np.float32)
    if image.dtype != np.uint8:
        image = np.rint(np.clip(image, 0, 255)).astype(np.uint8)
    return np.repeat(image, 3, axis=2) if channels == 1 else np.array(image)
