"""Chooses positions for labels: inside the image, near their boxes, covering nothing."""

from collections.abc import Sequence

import numpy as np

from mrcnn.typing import Array, Size

# Costs, in em of distance. A covered label makes both illegible; a covered object hides the result.
LABEL_COVERED = 400.0
OBJECT_COVERED = 8.0
OFF_CORNER = 0.08
GRID = 56  # candidates along each side of the image, at most
ADJACENT = 16  # candidates that touch the box
# With more labels than MANY, each is tried only up to REACH em from its box: all positions for all
# labels would take minutes.
MANY, REACH = 60, 8


def place_labels(
    sizes: Sequence[Size], boxes: Array, coverage: Array, size_hw: Size, em: float
) -> tuple[Array, Array]:
    """Chooses the position of each label in turn; the first label chooses first.

    Args:
        sizes: N of (height, width) of the labels, pixels.
        boxes: `(N, 4)` yxyx, pixels of the image, what each label belongs to.
        coverage: `(h, w)` bool or 0..1, the image at a lower resolution: pixels to avoid.
        size_hw: Height and width of the image.
        em: Pixels per em, the unit of "near".

    Returns:
        positions: `(N, 2)` int (top, left).
        covered: `(N,)` float 0..1, the part of each label that lies on earlier labels.
    """
    height, width = size_hw
    integral = np.zeros((coverage.shape[0] + 1, coverage.shape[1] + 1))
    integral[1:, 1:] = coverage.cumsum(0, dtype=np.float64).cumsum(1)
    scale = np.array(coverage.shape) / size_hw
    taken = np.zeros((0, 4))
    positions, covered = [], []
    for (h, w), box in zip(sizes, np.asarray(boxes, np.float64), strict=True):
        corners = _candidates(h, w, box, height, width, em)
        rects = np.concatenate([corners, corners + (h, w)], axis=1)
        if len(boxes) > MANY:
            near = np.hypot(*_gaps(rects, box)) <= REACH * em
            near[:ADJACENT] = True
            corners, rects = corners[near], rects[near]
        overlap = _intersection(rects[:, None], taken[None]).sum(1) / (h * w)
        gap_y, gap_x = _gaps(rects, box)
        off_corner = np.abs(rects[:, 2] - box[0]) + np.abs(rects[:, 1] - box[1])
        cost = (
            LABEL_COVERED * overlap
            + OBJECT_COVERED * _mean_inside(integral, rects, scale)
            + np.hypot(gap_y, gap_x) / em
            + OFF_CORNER * off_corner / em
        )
        best = int(np.argmin(cost))
        positions.append(corners[best])
        covered.append(overlap[best])
        taken = np.concatenate([taken, rects[best : best + 1]])
    return np.array(positions, int).reshape(-1, 2), np.array(covered)


def _gaps(rects: Array, box: Array) -> list[Array]:
    """Returns the distances of rectangles `(K, 4)` from a box, vertical and horizontal."""
    return [
        np.maximum(0, np.maximum(box[axis] - rects[:, axis + 2], rects[:, axis] - box[axis + 2]))
        for axis in (0, 1)
    ]


def _candidates(h: int, w: int, box: Array, height: int, width: int, em: float) -> Array:
    """Returns `(K, 2)` int corners (top, left) inside the image, the ADJACENT ones first."""
    y1, x1, y2, x2 = np.round(box)
    adjacent = [(y, x) for y in (y1 - h, y1, y2 - h, y2) for x in (x1 - w, x1, x2 - w, x2)]
    bottom, right = max(0, height - h), max(0, width - w)
    rows = np.linspace(0, bottom, min(GRID, max(2, int(bottom / em * 2))))
    columns = np.linspace(0, right, min(GRID, max(2, int(right / em * 2))))
    grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)
    corners = np.concatenate([np.array(adjacent), grid])
    return np.clip(np.round(corners), 0, (bottom, right)).astype(int)


def _intersection(a: Array, b: Array) -> Array:
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return np.maximum(sides, 0).prod(-1)


def _mean_inside(integral: Array, rects: Array, scale: Array) -> Array:
    """Returns `(K,)`, the mean of an image, given as its integral image, inside rectangles."""
    y1, x1 = np.floor(rects[:, :2] * scale).astype(int).T
    y2, x2 = np.minimum(np.ceil(rects[:, 2:] * scale).astype(int), np.array(integral.shape) - 1).T
    total = integral[y2, x2] - integral[y1, x2] - integral[y2, x1] + integral[y1, x1]
    return total / np.maximum((y2 - y1) * (x2 - x1), 1)
