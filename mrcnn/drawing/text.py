"""Text: small pictures of writing, to be laid over a larger picture."""

import functools
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mrcnn.drawing.colors import text_color

ELLIPSIS = "…"
DETAIL_SIZE = 0.82  # of the headline
PADDING = 0.32  # em, left and right of the text
LINE_HEIGHT = 1.28  # em
# Letters are drawn this many times larger and shrunk: small type keeps its spacing that way.
OVERSAMPLING = 4
PLATE_ALPHA = 235  # of 255: a hint of what is below


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
