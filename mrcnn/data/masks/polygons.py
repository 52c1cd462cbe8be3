"""Polygons: outlines of a mask, checked before pycocotools fills them.

pycocotools trusts its input. It walks along every edge in steps of a fifth of a pixel, so a
coordinate far outside the image takes gigabytes, and one that overflows its 32-bit integers, or
NaN, crashes the interpreter.
"""

import numpy as np

from mrcnn.data.record_checks import is_number, preview

# How far outside its image a coordinate may lie, in longer edges of it. Outlines stay within one.
FARTHEST = 10
_SMALL_EDGE, _MOST = (
    1000,
    1e8,
)  # the least edge that FARTHEST counts in, pixels; 5 * 1e8 still fits 32 bits
_STEPS_PER_PIXEL = 5
_MOST_STEPS = 1 << 24  # along all outlines of a mask; pycocotools needs 16 bytes for each: 0.3 GB


def farthest(image_hw):
    """How far from the origin a coordinate of an image may lie, in pixels."""
    return min(FARTHEST * max(*image_hw, _SMALL_EDGE), _MOST)


def fill(polygons, image_hw):
    """The union of polygons as pycocotools' compressed run lengths, {"size", "counts": bytes}.

    Args:
        polygons: List of lists x, y, x, y, … of at least three points, in pixels of the image.
        image_hw: Height and width of the image.

    Raises:
        ValueError: With the reason alone; the caller knows which annotation it is.
    """
    from pycocotools import mask as coco_mask

    height, width = image_hw
    if not len(polygons):
        raise ValueError("there are no polygons")
    limit, steps, checked = farthest(image_hw), 0, []
    for polygon in polygons:
        points = _points(polygon)
        worst = float(np.abs(points).max())
        if worst > limit:
            raise ValueError(
                f"a polygon has the coordinate {worst:g}, far outside an image {height} high "
                f"and {width} wide"
            )
        steps += _STEPS_PER_PIXEL * np.abs(points - np.roll(points, 1, axis=0)).max(axis=1).sum()
        checked.append(points.ravel().tolist())
    if steps > _MOST_STEPS:
        raise ValueError(
            f"its outline is {steps / _STEPS_PER_PIXEL:.0f} pixels long, and "
            f"{_MOST_STEPS // _STEPS_PER_PIXEL} are the most; write such a mask as run lengths"
        )
    return coco_mask.merge(coco_mask.frPyObjects(checked, height, width))


def _points(polygon):
    """One polygon as (n, 2) float64, or a ValueError."""
    polygon = polygon.tolist() if isinstance(polygon, np.ndarray) else polygon
    if not isinstance(polygon, (list, tuple)):
        raise ValueError(
            f"{preview(polygon)} is no polygon: expected a list of lists x, y, x, y, …"
        )
    if len(polygon) < 6 or len(polygon) % 2:
        raise ValueError(
            f"a polygon {preview(polygon)}: expected x, y, x, y, … of at least three points"
        )
    if not set(map(type, polygon)) <= {int, float} and not all(map(is_number, polygon)):
        raise ValueError(f"a polygon {preview(polygon)}: expected numbers, x, y, x, y, …")
    try:
        points = np.array(polygon, np.float64)
    except OverflowError:  # a whole number beyond all floats
        points = np.full(2, np.inf)
    if not np.isfinite(points).all():
        raise ValueError(f"a polygon {preview(polygon)}: expected numbers that are finite")
    return points.reshape(-1, 2)
