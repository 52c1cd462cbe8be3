"""Polygons: outlines of a mask, checked before pycocotools fills them.

pycocotools trusts its input. It walks along every edge in steps of a fifth of a pixel, so a
coordinate far outside the image takes gigabytes. A coordinate that overflows its 32-bit integers,
or NaN, crashes the interpreter.
"""

from typing import Any

import numpy as np

from mrcnn.data.record_checks import is_number, preview
from mrcnn.typing import Array, Size

# Coordinates may lie this many image sizes (longer edge) outside. Real outlines stay within one.
MAX_DISTANCE = 10
_MIN_EDGE = 1000  # pixels; smaller images allow the coordinates of an image of this size
_MAX_COORDINATE = 1e8  # times the 5 steps per pixel it still fits 32 bits
_STEPS_PER_PIXEL = 5
_MAX_STEPS = 1 << 24  # along all outlines of a mask; pycocotools needs 16 bytes for each: 0.3 GB


def max_coordinate(image_hw: Size) -> float:
    """Returns the largest coordinate, positive or negative, that is accepted.

    Args:
        image_hw: Height and width of the image.

    Returns:
        The limit in pixels.
    """
    return min(MAX_DISTANCE * max(*image_hw, _MIN_EDGE), _MAX_COORDINATE)


def polygons_to_rle(polygons: Any, image_hw: Size) -> dict[str, Any]:
    """Fills the union of polygons.

    Args:
        polygons: List of lists x, y, x, y, … of at least three points, in pixels of the image.
        image_hw: Height and width of the image.

    Returns:
        Compressed RLE of pycocotools, `{"size": [height, width], "counts": bytes}`.

    Raises:
        ValueError: With the reason alone; the caller adds which annotation it is.
    """
    from pycocotools import mask as coco_mask

    height, width = image_hw
    if not len(polygons):
        raise ValueError("there are no polygons")
    limit, steps, checked = max_coordinate(image_hw), 0.0, []
    for polygon in polygons:
        points = _points(polygon)
        largest = float(np.abs(points).max())
        if largest > limit:
            raise ValueError(
                f"a polygon has the coordinate {largest:g}, far outside an image {height} high "
                f"and {width} wide"
            )
        steps += _STEPS_PER_PIXEL * np.abs(points - np.roll(points, 1, axis=0)).max(axis=1).sum()
        checked.append(points.ravel().tolist())
    if steps > _MAX_STEPS:
        raise ValueError(
            f"its outline is {steps / _STEPS_PER_PIXEL:.0f} pixels long, and "
            f"{_MAX_STEPS // _STEPS_PER_PIXEL} are the most; write such a mask as run lengths"
        )
    return coco_mask.merge(coco_mask.frPyObjects(checked, height, width))


def _points(polygon: Any) -> Array:
    """Returns one polygon as `(n, 2)` float64, or raises a ValueError."""
    polygon = polygon.tolist() if isinstance(polygon, np.ndarray) else polygon
    if not isinstance(polygon, (list, tuple)):
        raise ValueError(
            f"{preview(polygon)} is not a polygon: expected a list of lists x, y, x, y, …"
        )
    if len(polygon) < 6 or len(polygon) % 2:
        raise ValueError(
            f"a polygon {preview(polygon)}: expected x, y, x, y, … of at least three points"
        )
    # The set of types is quick, and right for every file that json has read.
    if not set(map(type, polygon)) <= {int, float} and not all(map(is_number, polygon)):
        raise ValueError(f"a polygon {preview(polygon)}: expected numbers, x, y, x, y, …")
    try:
        points = np.array(polygon, np.float64)
    except OverflowError:  # an integer beyond all floats
        points = np.full(2, np.inf)
    if not np.isfinite(points).all():
        raise ValueError(f"a polygon {preview(polygon)}: expected numbers that are finite")
    return points.reshape(-1, 2)
