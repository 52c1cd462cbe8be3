"""Crops: what a classifier sees of a garment, a square around its box, darkened outside the box.

The square keeps the proportions of the box and shows its surroundings, which tell a belt from a
strap. The darkness shows which of the garments in the square is meant.
"""

import numpy as np

from mrcnn.data.placement import Placement
from mrcnn.typing import Array

SURROUNDINGS = 1.25  # side of the square over the longer side of the box
DARKNESS = 0.4  # factor of the pixels outside the box


def cut_crops(image: Array, boxes: Array, size: int) -> Array:
    """Cuts out crops, black beyond the edge of the image.

    Args:
        image: `(h, w, 3)` uint8.
        boxes: `(N, 4)` yxyx, pixels of `image`.
        size: Side of a crop in pixels.

    Returns:
        `(N, size, size, 3)` uint8.
    """
    crops = np.zeros((len(boxes), size, size, 3), np.uint8)
    for crop, box in zip(crops, np.asarray(boxes, np.float64).reshape(-1, 4)):
        crop[:] = _cut(image, box, size)
    return crops


def _cut(image, box, size):
    (y1, x1), side = _square(box)
    low = np.clip([y1, x1], 0, np.subtract(image.shape[:2], 1))
    high = np.clip([y1 + side, x1 + side], low + 1, image.shape[:2])
    scale = size / side
    part_hw = tuple(high - low)
    placement = Placement(
        part_hw,
        tuple(max(1, round(n * scale)) for n in part_hw),
        tuple(round(n * scale) for n in low - [y1, x1]),
        (size, size),
    )
    crop = placement.image(image[low[0] : high[0], low[1] : high[1]])
    top, left, bottom, right = np.rint((box - [y1, x1, y1, x1]) * scale).astype(int).clip(0, size)
    inside = (slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1)))
    darkened = (crop * DARKNESS).astype(np.uint8)
    darkened[inside] = crop[inside]
    return darkened


def _square(box):
    """((y, x) of the top left corner, side) of the square around a box, in whole pixels."""
    side = max(1, round(SURROUNDINGS * max(box[2] - box[0], box[3] - box[1])))
    return tuple(round((a + b - side) / 2) for a, b in (box[[0, 2]], box[[1, 3]])), side
