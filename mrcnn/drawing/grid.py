"""Image grid: several images of any size on one sheet, with titles."""

from collections.abc import Sequence

import cv2
import numpy as np

from mrcnn.drawing.labels import fit, ink
from mrcnn.typing import Array, Size

PAPER = (255, 255, 255)
INK = (40, 40, 40)
GAP = 0.03  # of a cell's longer edge
TITLE_SIZE = 0.036  # em, of a cell's longer edge
MIN_TITLE = 11  # pixels


def image_grid(
    images: Sequence[Array],
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    cell_hw: Size | None = None,
) -> Array:
    """Arranges images in rows from left to right.

    Args:
        images: `(H, W, 3)` or `(H, W)` uint8, of any sizes. Each is scaled to fit its cell, its
            aspect ratio kept.
        titles: A string above each image, or None.
        columns: Images per row. Default: about as many as rows.
        cell_hw: Height and width of the space for one image. Default: the largest that occur.

    Returns:
        `(H, W, 3)` uint8 RGB, on white paper.

    Raises:
        ValueError: Without images, or with another number of titles.
    """
    if len(images) == 0:
        raise ValueError("A grid needs at least one image; got an empty list.")
    if titles is not None and len(titles) != len(images):
        raise ValueError(
            f"A grid takes one title for every image. Got {len(titles)} titles and "
            f"{len(images)} images."
        )
    columns = min(columns or int(np.ceil(np.sqrt(len(images)))), len(images))
    rows = -(-len(images) // columns)
    height, width = cell_hw or (max(i.shape[0] for i in images), max(i.shape[1] for i in images))
    gap = max(4, round(GAP * max(height, width)))
    em = max(MIN_TITLE, round(TITLE_SIZE * max(height, width)))
    title_height = round(1.5 * em) if titles is not None else 0

    pitch_y, pitch_x = height + title_height + gap, width + gap
    sheet = np.full((rows * pitch_y + gap, columns * pitch_x + gap, 3), PAPER, np.uint8)
    for i, image in enumerate(images):
        top, left = gap + i // columns * pitch_y, gap + i % columns * pitch_x
        if titles is not None:
            _write(sheet[top : top + title_height, left : left + width], titles[i], em)
        scaled = _fit_into(image, height, width)
        y = top + title_height + (height - scaled.shape[0]) // 2
        x = left + (width - scaled.shape[1]) // 2
        sheet[y : y + scaled.shape[0], x : x + scaled.shape[1]] = scaled
    return sheet


def _fit_into(image: Array, height: int, width: int) -> Array:
    """Returns `(h, w, 3)` uint8, as large as the cell allows."""
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=-1)
    scale = min(height / image.shape[0], width / image.shape[1])
    if scale == 1:
        return image
    size_hw = [max(1, round(edge * scale)) for edge in image.shape[:2]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, size_hw[::-1], interpolation=method)


def _write(strip: Array, title: str, em: int) -> None:
    """Writes a title into a strip of paper, in place, centred and shortened to fit."""
    letters = ink(fit(title, em, strip.shape[1]), em)[: strip.shape[0], : strip.shape[1]]
    x = (strip.shape[1] - letters.shape[1]) // 2
    target = strip[: letters.shape[0], x : x + letters.shape[1]]
    mixed = letters[..., None] * INK + (1 - letters[..., None]) * target
    target[:] = np.round(mixed).astype(np.uint8)
