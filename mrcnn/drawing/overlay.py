"""Overlay: instances drawn into a copy of their photo, each with its tint, outline, box and label."""

import cv2
import numpy as np

from mrcnn.drawing.colors import as_uint8, distinct_colors
from mrcnn.drawing.placement import place
from mrcnn.drawing.text import lay_over, plate

TEXT_SIZE = 0.0225  # em, of the square root of the picture's area
SMALLEST_TEXT = 9  # pixels; smaller letters are not legible
WIDEST_LABEL = 0.4  # of the picture's width
COVERAGE_EDGE = 256  # pixels: the longest edge of the map of covered places
MOVED = 0.35  # em: a label farther than this from its box gets a leader line
TINT = 0.42  # strength of a mask's colour over the photo
HALF = 0.5  # a mask that is not bool covers a pixel from this value on


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


def text_size_for(size_hw):
    """Pixels per em of a headline on a picture of (height, width) pixels."""
    return max(SMALLEST_TEXT, round(TEXT_SIZE * np.sqrt(size_hw[0] * size_hw[1])))


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


def write_labels(canvas, boxes, windows, labels, colors, em):
    """Writes every label near its box, in place, where it covers least; an empty label is left out.

    canvas: (H, W, 3) uint8; boxes: (N, 4) yxyx; windows: N of (window, top, left), or None; labels: N lists of
    lines; colors: (N, 3) uint8; em: pixels
    """
    written = [i for i, lines in enumerate(labels[: len(boxes)]) if any(lines)]
    if not written:
        return
    coverage = _coverage(canvas.shape[:2], boxes, windows)
    boxes, colors, labels = boxes[written], colors[written], [labels[i] for i in written]
    widest = WIDEST_LABEL * canvas.shape[1] if canvas.shape[1] > 12 * em else canvas.shape[1]
    plates = [plate(lines, em, color, widest) for lines, color in zip(labels, colors)]
    positions, covered = place([p.shape[:2] for p in plates], boxes, coverage, canvas.shape[:2], em)
    if covered.max() > 0 and max(len(lines) for lines in labels) > 1:
        # Too crowded for every line: the headlines alone may still find room.
        plates = [plate(lines[:1], em, color, widest) for lines, color in zip(labels, colors)]
        positions, _ = place([p.shape[:2] for p in plates], boxes, coverage, canvas.shape[:2], em)
    for picture, (top, left), box, color in zip(plates, positions, boxes, colors, strict=False):
        _leader(canvas, picture.shape[:2], top, left, box, color, em)
    # The first instance is the most certain one: where plates must overlap, it lies on top.
    for i in reversed(range(len(plates))):
        lay_over(canvas, plates[i], *positions[i])


def _leader(canvas, plate_hw, top, left, box, color, em):
    """A line from a label that had to move away, to the nearest point of its box."""
    low, high = np.array([top, left]), np.array([top + plate_hw[0], left + plate_hw[1]])
    target = np.clip((low + high) / 2, box[:2], box[2:])
    source = np.clip(target, low, high)
    if np.hypot(*(target - source)) <= MOVED * em:
        return
    start, end = (tuple(int(v) for v in np.round(point[::-1])) for point in (source, target))
    stroke = max(1, round(em / 10))
    cv2.line(canvas, start, end, (color * 0.25).tolist(), stroke + 2, cv2.LINE_AA)
    cv2.line(canvas, start, end, color.tolist(), stroke, cv2.LINE_AA)
    cv2.circle(canvas, end, 2 * stroke, color.tolist(), -1, cv2.LINE_AA)


def _coverage(size_hw, boxes, windows):
    """(h, w) bool: where the objects are, at a low resolution."""
    scale = min(1.0, COVERAGE_EDGE / max(size_hw))
    small = np.zeros((max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))), bool)
    step = max(1, int(1 / scale))
    for i, box in enumerate(boxes):
        if windows is None:
            y1, x1, y2, x2 = (int(max(v, 0)) for v in np.round(box * scale))
            small[y1:y2, x1:x2] = True
            continue
        window, top, left = windows[i]
        rows, columns = np.nonzero(window[::step, ::step])
        small[
            ((rows * step + top) * scale).astype(int).clip(0, small.shape[0] - 1),
            ((columns * step + left) * scale).astype(int).clip(0, small.shape[1] - 1),
        ] = True
    return small
