"""Labels: what an instance is called, how that is written, and where it goes in an image."""

import functools
import math

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mrcnn.drawing.colors import text_color
from mrcnn.drawing.label_placement import place_labels

LONGEST_NAME = 26  # letters; a caption has the score to show as well
ELLIPSIS = "…"
DETAIL_SIZE = 0.82  # of the headline
PADDING = 0.32  # em, left and right of the text
LINE_HEIGHT = 1.28  # em
# Letters are drawn this many times larger and shrunk: small type keeps its spacing that way.
OVERSAMPLING = 4
PLATE_ALPHA = 235  # of 255: a hint of what is below
TEXT_SIZE = 0.0225  # em, of the square root of the picture's area
SMALLEST_TEXT = 9  # pixels; smaller letters are not legible
WIDEST_LABEL = 0.4  # of the picture's width
COVERAGE_EDGE = 256  # pixels: the longest edge of the map of covered places
MOVED = 0.35  # em: a label farther than this from its box gets a leader line


def name_of(class_id, class_names):
    """The name of a class.

    class_id: int; negative for a crowd of that class, as COCO's data sets are read by Matterport's scripts
    class_names: a name for every class id, 0 being the background
    Returns: str; "class 7" where the list is too short, since a picture without the name says more than none.
    """
    class_id = int(class_id)
    known = abs(class_id) < len(class_names)
    name = str(class_names[abs(class_id)]) if known else f"class {abs(class_id)}"
    return f"{name} (crowd)" if class_id < 0 else name


def caption(class_id, class_names, score=None):
    """The name, shortened where it is long, and the score with two decimals where there is one."""
    name = name_of(class_id, class_names)
    if len(name) > LONGEST_NAME:
        name = name[: LONGEST_NAME - 1].rstrip(" ,") + "…"
    return name if score is None else f"{name} {score:.2f}"


def text_size_for(size_hw):
    """Pixels per em of a headline on a picture of (height, width) pixels."""
    return max(SMALLEST_TEXT, round(TEXT_SIZE * np.sqrt(size_hw[0] * size_hw[1])))


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
    positions, covered = place_labels(
        [p.shape[:2] for p in plates], boxes, coverage, canvas.shape[:2], em
    )
    if covered.max() > 0 and max(len(lines) for lines in labels) > 1:
        # Too crowded for every line: the headlines alone may still find room.
        plates = [plate(lines[:1], em, color, widest) for lines, color in zip(labels, colors)]
        positions, _ = place_labels(
            [p.shape[:2] for p in plates], boxes, coverage, canvas.shape[:2], em
        )
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


@functools.lru_cache(maxsize=64)
def font(size):
    """Pillow's built-in typeface at `size` pixels per em; no font file needed."""
    return ImageFont.load_default(size)


def text_width(line, size):
    """Width of a line of text in pixels, at `size` pixels per em."""
    return font(size * OVERSAMPLING).getlength(line) / OVERSAMPLING


def fit(line, size, max_width):
    """`line`, its end replaced by an ellipsis where it would be wider than `max_width` pixels at `size`."""
    if text_width(line, size) <= max_width:
        return line
    kept = line
    while kept and text_width(kept.rstrip() + ELLIPSIS, size) > max_width:
        kept = kept[:-1]
    return kept.rstrip() + ELLIPSIS


def ink(line, size):
    """How much of each pixel the letters of a line cover.

    Returns: (h, w) float32 0..1, one line high (`LINE_HEIGHT`), no margin left and right.
    """
    height, width = round(size * LINE_HEIGHT), max(1, math.ceil(text_width(line, size)))
    large = Image.new("L", (width * OVERSAMPLING, height * OVERSAMPLING), 0)
    draw = ImageDraw.Draw(large)
    draw.text((0, large.height / 2), line, font=font(size * OVERSAMPLING), fill=255, anchor="lm")
    return np.asarray(large.resize((width, height), Image.Resampling.BOX), np.float32) / 255


def plate(lines, size, background, max_width=math.inf):
    """Writing on a plate with round corners: the first line is the headline, the others are smaller.

    lines: strings; size: pixels per em of the headline; background: (3,) RGB 0..255
    max_width: of the plate in pixels; longer lines are cut with an ellipsis
    Returns: (h, w, 4) uint8 RGBA.
    """
    sizes = [size] + [max(8, round(size * DETAIL_SIZE))] * (len(lines) - 1)
    pad = max(2, round(size * PADDING))
    lines = [fit(line, em, max_width - 2 * pad) for line, em in zip(lines, sizes, strict=True)]
    heights = [round(em * LINE_HEIGHT) for em in sizes]
    width = (
        math.ceil(max(text_width(line, em) for line, em in zip(lines, sizes, strict=True)))
        + 2 * pad
    )
    height = sum(heights) + pad // 2

    covered = np.zeros((height, width, 1), np.float32)
    top = pad // 4
    for line, em, line_height in zip(lines, sizes, heights, strict=True):
        letters = ink(line, em)[:line_height, : width - pad]
        covered[top : top + letters.shape[0], pad : pad + letters.shape[1], 0] = letters
        top += line_height

    corners = Image.new("L", (width * OVERSAMPLING, height * OVERSAMPLING), 0)
    ImageDraw.Draw(corners).rounded_rectangle(
        (0, 0, corners.width - 1, corners.height - 1),
        fill=PLATE_ALPHA,
        radius=max(2, size // 4) * OVERSAMPLING,
    )
    alpha = np.asarray(corners.resize((width, height), Image.Resampling.BOX))
    color = covered * text_color(background) + (1 - covered) * np.asarray(background, np.float32)
    return np.dstack([np.round(color).astype(np.uint8), alpha])


def lay_over(image, picture, top, left):
    """Blends `picture` into `image` in place; what lies outside the image is dropped.

    image: (H, W, 3) uint8; picture: (h, w, 4) uint8 RGBA; top, left: where its corner goes
    """
    y1, x1 = max(top, 0), max(left, 0)
    y2, x2 = (
        min(top + picture.shape[0], image.shape[0]),
        min(left + picture.shape[1], image.shape[1]),
    )
    if y2 <= y1 or x2 <= x1:
        return
    part = picture[y1 - top : y2 - top, x1 - left : x2 - left].astype(np.uint16)
    below = image[y1:y2, x1:x2]
    alpha = part[..., 3:]
    below[:] = (part[..., :3] * alpha + below * (255 - alpha) + 127) // 255
