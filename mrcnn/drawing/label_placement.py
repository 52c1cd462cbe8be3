"""Placement: where does each label go, to be inside the picture, near its box and on top of nothing?"""

import numpy as np

# Costs, in em of distance. Covering another label makes both useless; covering clothes hides the result.
LABEL_COVERED = 400.0
OBJECT_COVERED = 8.0
OFF_CORNER = 0.08
GRID = 56
BESIDE = 16
# Of more labels than this each looks for a place no further than so many em from its box, or all together would take minutes.
MANY, REACH = 60, 8


def place_labels(sizes, boxes, coverage, size_hw, em):
    """Positions for labels, the first label choosing first.

    sizes: N of (height, width) of the labels, pixels
    boxes: (N, 4) yxyx, pixels of the image: what each label belongs to
    coverage: (h, w) bool or 0..1, the image at any lower resolution: where labels had better not go
    size_hw: of the image; em: pixels, the unit of "near"
    Returns: (N, 2) int (top, left), and (N,) float: the part of each label, 0..1, on earlier labels.
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
            near[:BESIDE] = True
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


def _gaps(rects, box):
    """How far rectangles (K, 4) are from a box, down and across: 2 of (K,)."""
    return [
        np.maximum(0, np.maximum(box[axis] - rects[:, axis + 2], rects[:, axis] - box[axis + 2]))
        for axis in (0, 1)
    ]


def _candidates(h, w, box, height, width, em):
    """(K, 2) int corners (top, left) that keep an (h, w) label as far inside the picture as it fits; the first BESIDE beside its box."""
    y1, x1, y2, x2 = np.round(box)
    beside = [(y, x) for y in (y1 - h, y1, y2 - h, y2) for x in (x1 - w, x1, x2 - w, x2)]
    bottom, right = max(0, height - h), max(0, width - w)
    rows = np.linspace(0, bottom, min(GRID, max(2, int(bottom / em * 2))))
    columns = np.linspace(0, right, min(GRID, max(2, int(right / em * 2))))
    grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)
    corners = np.concatenate([np.array(beside), grid])
    return np.clip(np.round(corners), 0, (bottom, right)).astype(int)


def _intersection(a, b):
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return np.maximum(sides, 0).prod(-1)


def _mean_inside(integral, rects, scale):
    """(K,) the mean of a picture, given as its integral image, inside rectangles of the full-size frame."""
    y1, x1 = np.floor(rects[:, :2] * scale).astype(int).T
    y2, x2 = np.minimum(np.ceil(rects[:, 2:] * scale).astype(int), np.array(integral.shape) - 1).T
    total = integral[y2, x2] - integral[y1, x2] - integral[y2, x1] + integral[y1, x1]
    return total / np.maximum((y2 - y1) * (x2 - x1), 1)
