"""Labels: what an instance is called, how that is rendered, and writing it into an image."""

import functools
import math
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mrcnn.drawing.colors import text_color
from mrcnn.drawing.label_placement import place_labels
from mrcnn.typing import Array, Size

# A mask on its place: (crop (h, w) bool, top, left).
Window = tuple[Array, int, int]

MAX_NAME = 26  # letters; a caption shows the score as well
ELLIPSIS = "…"
DETAIL_SIZE = 0.82  # of the headline
PADDING = 0.32  # em, left and right of the text
LINE_HEIGHT = 1.28  # em
# Letters are rendered this many times larger and shrunk: small type keeps its spacing that way.
OVERSAMPLING = 4
PLATE_ALPHA = 235  # of 255: a hint of what is below
TEXT_SIZE = 0.0225  # em, of the square root of the image's area
MIN_TEXT = 9  # pixels; smaller letters are not legible
MAX_WIDTH = 0.4  # of a label, in widths of the image
COVERAGE_EDGE = 256  # pixels, longest edge of the map of covered pixels
LEADER_FROM = 0.35  # em: a label farther from its box gets a leader line


def name_of(class_id: int, class_names: Sequence[str]) -> str:
    """Returns the name of a class.

    Args:
        class_id: Negative for a crowd of that class, as Matterport's scripts read COCO.
        class_names: By class id; 0 is the background.

    Returns:
        The name; "class 7" where the list is too short, so that the instance is still drawn.
    """
    class_id = int(class_id)
    known = abs(class_id) < len(class_names)
    name = str(class_names[abs(class_id)]) if known else f"class {abs(class_id)}"
    return f"{name} (crowd)" if class_id < 0 else name


def caption(class_id: int, class_names: Sequence[str], score: float | None = None) -> str:
    """Returns the caption of an instance.

    Args:
        class_id: See `name_of`.
        class_names: See `name_of`.
        score: Confidence.

    Returns:
        The name, shortened if it is long, and the score with two decimals.
    """
    name = name_of(class_id, class_names)
    if len(name) > MAX_NAME:
        name = name[: MAX_NAME - 1].rstrip(" ,") + "…"
    return name if score is None else f"{name} {score:.2f}"


def text_size_for(size_hw: Size) -> int:
    """Returns the text size that suits an image.

    Args:
        size_hw: Height and width of the image, pixels.

    Returns:
        Pixels per em of a headline.
    """
    return max(MIN_TEXT, round(TEXT_SIZE * np.sqrt(size_hw[0] * size_hw[1])))


def write_labels(
    canvas: Array,
    boxes: Array,
    windows: Sequence[Window] | None,
    labels: Sequence[Sequence[str]],
    colors: Array,
    em: int,
) -> None:
    """Writes every label near its box, where it covers least.

    Args:
        canvas: `(H, W, 3)` uint8, changed in place.
        boxes: `(N, 4)` yxyx, pixels.
        windows: N masks, which labels should not cover; None: they avoid the boxes.
        labels: N lists of lines; a label without text is left out.
        colors: `(N, 3)` uint8.
        em: Pixels per em of the first line.
    """
    written = [i for i, lines in enumerate(labels[: len(boxes)]) if any(lines)]
    if not written:
        return
    image_hw = canvas.shape[:2]
    coverage = _coverage(image_hw, boxes, windows)
    boxes, colors, labels = boxes[written], colors[written], [labels[i] for i in written]
    # In an image narrower than 12 em a label may take the whole width.
    max_width = MAX_WIDTH * image_hw[1] if image_hw[1] > 12 * em else image_hw[1]
    plates = [plate(lines, em, color, max_width) for lines, color in zip(labels, colors)]
    sizes = [p.shape[:2] for p in plates]
    positions, covered = place_labels(sizes, boxes, coverage, image_hw, em)
    if covered.max() > 0 and max(len(lines) for lines in labels) > 1:
        # Too crowded for all lines: the headlines alone may still fit.
        plates = [plate(lines[:1], em, color, max_width) for lines, color in zip(labels, colors)]
        sizes = [p.shape[:2] for p in plates]
        positions, _ = place_labels(sizes, boxes, coverage, image_hw, em)
    for size, (top, left), box, color in zip(sizes, positions, boxes, colors):
        _draw_leader(canvas, size, top, left, box, color, em)
    # Instances come in order of confidence: where plates overlap, the first lies on top.
    for i in reversed(range(len(plates))):
        blend(canvas, plates[i], *positions[i])


def _draw_leader(
    canvas: Array, plate_hw: Size, top: int, left: int, box: Array, color: Array, em: int
) -> None:
    """Draws a line from a label that had to move away to the nearest point of its box."""
    low, high = np.array([top, left]), np.array([top + plate_hw[0], left + plate_hw[1]])
    target = np.clip((low + high) / 2, box[:2], box[2:])
    source = np.clip(target, low, high)
    if np.hypot(*(target - source)) <= LEADER_FROM * em:
        return
    start, end = (np.round(point[::-1]).astype(int).tolist() for point in (source, target))
    stroke = max(1, round(em / 10))
    # A darker line around it, so that it stands out from a photo of its own colour.
    cv2.line(canvas, start, end, (color * 0.25).tolist(), stroke + 2, cv2.LINE_AA)
    cv2.line(canvas, start, end, color.tolist(), stroke, cv2.LINE_AA)
    cv2.circle(canvas, end, 2 * stroke, color.tolist(), -1, cv2.LINE_AA)


def _coverage(size_hw: Size, boxes: Array, windows: Sequence[Window] | None) -> Array:
    """Returns `(h, w)` bool, at a low resolution: where the objects are."""
    scale = min(1.0, COVERAGE_EDGE / max(size_hw))
    small = np.zeros((max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))), bool)
    step = max(1, int(1 / scale))
    for i, box in enumerate(boxes):
        if windows is None:
            y1, x1, y2, x2 = (int(max(v, 0)) for v in np.round(box * scale))
            small[y1:y2, x1:x2] = True
            continue
        crop, top, left = windows[i]
        rows, columns = np.nonzero(crop[::step, ::step])
        y = ((rows * step + top) * scale).astype(int).clip(0, small.shape[0] - 1)
        x = ((columns * step + left) * scale).astype(int).clip(0, small.shape[1] - 1)
        small[y, x] = True
    return small


@functools.lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Returns Pillow's built-in typeface at `size` pixels per em; it needs no font file."""
    return ImageFont.load_default(size)


def text_width(line: str, size: int) -> float:
    """Measures a line of text.

    Args:
        line: The text.
        size: Pixels per em.

    Returns:
        Width in pixels.
    """
    return _font(size * OVERSAMPLING).getlength(line) / OVERSAMPLING


def fit(line: str, size: int, max_width: float) -> str:
    """Shortens a line that is too wide.

    Args:
        line: The text.
        size: Pixels per em.
        max_width: Pixels.

    Returns:
        The line, its end replaced by an ellipsis if it would be wider.
    """
    if text_width(line, size) <= max_width:
        return line
    kept = line
    while kept and text_width(kept.rstrip() + ELLIPSIS, size) > max_width:
        kept = kept[:-1]
    return kept.rstrip() + ELLIPSIS


def ink(line: str, size: int) -> Array:
    """Renders a line of text.

    Args:
        line: The text.
        size: Pixels per em.

    Returns:
        `(h, w)` float32 0..1, how much of each pixel the letters cover; `LINE_HEIGHT` high,
        without a margin left and right.
    """
    height, width = round(size * LINE_HEIGHT), max(1, math.ceil(text_width(line, size)))
    large = Image.new("L", (width * OVERSAMPLING, height * OVERSAMPLING), 0)
    draw = ImageDraw.Draw(large)
    draw.text((0, large.height / 2), line, font=_font(size * OVERSAMPLING), fill=255, anchor="lm")
    return np.asarray(large.resize((width, height), Image.Resampling.BOX), np.float32) / 255


def plate(lines: Sequence[str], size: int, background: Array, max_width: float = math.inf) -> Array:
    """Renders text on a plate with round corners.

    Args:
        lines: The first is the headline, the others are smaller.
        size: Pixels per em of the headline.
        background: `(3,)` RGB 0..255.
        max_width: Of the plate, pixels; longer lines end with an ellipsis.

    Returns:
        `(h, w, 4)` uint8 RGBA.
    """
    sizes = [size] + [max(8, round(size * DETAIL_SIZE))] * (len(lines) - 1)
    pad = max(2, round(size * PADDING))
    lines = [fit(line, em, max_width - 2 * pad) for line, em in zip(lines, sizes, strict=True)]
    heights = [round(em * LINE_HEIGHT) for em in sizes]
    text_widths = [text_width(line, em) for line, em in zip(lines, sizes)]
    width, height = math.ceil(max(text_widths)) + 2 * pad, sum(heights) + pad // 2

    covered = np.zeros((height, width, 1), np.float32)
    top = pad // 4
    for line, em, line_height in zip(lines, sizes, heights):
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


def blend(image: Array, overlay: Array, top: int, left: int) -> None:
    """Blends a small image with transparency into a larger one; parts outside are dropped.

    Args:
        image: `(H, W, 3)` uint8, changed in place.
        overlay: `(h, w, 4)` uint8 RGBA.
        top: Row of the overlay's corner.
        left: Column of the overlay's corner.
    """
    y1, x1 = max(top, 0), max(left, 0)
    y2 = min(top + overlay.shape[0], image.shape[0])
    x2 = min(left + overlay.shape[1], image.shape[1])
    if y2 <= y1 or x2 <= x1:
        return
    part = overlay[y1 - top : y2 - top, x1 - left : x2 - left].astype(np.uint16)
    below = image[y1:y2, x1:x2]
    alpha = part[..., 3:]
    # 255 * 255 + 127 fits into uint16; + 127 rounds to the nearest instead of down.
    below[:] = (part[..., :3] * alpha + below * (255 - alpha) + 127) // 255
