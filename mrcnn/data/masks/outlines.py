"""Outlines: masks as polygons along the edges of their pixels, from which they come back exactly.

Corners of polygons are corners of pixels. Filled by the even-odd rule, as COCO and most programs
do, they give the same pixels, holes included.
"""

import numpy as np

from mrcnn.typing import Array


def trace(mask: Array) -> list[Array]:
    """Traces the borders of a mask.

    Args:
        mask: `(H, W)` bool.

    Returns:
        Closed loops, each `(n, 2)` int64 of corners x, y in pixels, one for the outside of every
        part and one for every hole. Neighbouring corners differ in one coordinate.
    """
    x, y = _corners(mask)
    if not len(x):
        return []
    beside, below = _partners(y, x), _partners(x, y)
    left, loops = np.ones(len(x), bool), []
    beside_of, below_of = beside.tolist(), below.tolist()
    for start in range(len(x)):
        if not left[start]:
            continue
        loop, corner = [], start
        while True:
            loop.append(corner)
            other = beside_of[corner]
            loop.append(other)
            corner = below_of[other]
            if corner == start:
                break
        left[loop] = False
        loops.append(np.stack([x[loop], y[loop]], axis=1))
    return loops


def _corners(mask: Array) -> tuple[Array, Array]:
    """X and y of the corners, sorted by y and x; where two parts touch, a corner is there twice."""
    inside = np.pad(np.asarray(mask, bool), 1).astype(np.int8)
    a, b, c, d = inside[:-1, :-1], inside[:-1, 1:], inside[1:, :-1], inside[1:, 1:]
    odd = (a + b + c + d) % 2 == 1
    touching = (a == d) & (b == c) & (a != b)
    y, x = np.nonzero(odd | touching)
    number = np.where(touching[y, x], 2, 1)
    return np.repeat(x, number), np.repeat(y, number)


def _partners(line: Array, place: Array) -> Array:
    """`(n,)` int64: the other end of the edge from each corner along a row or a column.

    Along a line edges begin and end at corners in turn. Sorting is stable, so that of two corners
    in one place the first belongs to the edges that end there.
    """
    order = np.lexsort((np.arange(len(line)), place, line))
    partner = np.empty(len(line), np.int64)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    return partner


def joined(loops: list[Array]) -> Array:
    """Joins loops to one polygon, for formats that have one for each object.

    Loops are joined by bridges that are walked there and back, so that they enclose nothing.

    Args:
        loops: From `trace`, at least one.

    Returns:
        `(n, 2)` int64, corners x, y.
    """
    # A tree of loops: each hangs at the nearest corner of one that is in the tree.
    children: dict[int, list[tuple[int, int, int]]] = {0: []}
    nearest = {i: (*_nearest(loops[0], loops[i]), 0) for i in range(1, len(loops))}
    while nearest:
        chosen = min(nearest, key=lambda i: nearest[i][0])
        _, at, begin, parent = nearest.pop(chosen)
        children[parent].append((at, chosen, begin))
        children[chosen] = []
        for i, known in nearest.items():
            found = _nearest(loops[chosen], loops[i])
            if found[0] < known[0]:
                nearest[i] = (*found, chosen)
    return np.array(_walk(loops, children), np.int64)


def _walk(loops: list[Array], children: dict[int, list[tuple[int, int, int]]]) -> list[Array]:
    """The corners of all loops, each loop from its bridge once around."""
    path: list[Array] = []
    todo: list[tuple[int, int, int]] = [(0, 0, 0)]  # loop, where it begins, corners walked so far
    while todo:
        loop, begin, walked = todo.pop()
        corners, size = loops[loop], len(loops[loop])
        hanging = sorted(((at - begin) % size, child, start) for at, child, start in children[loop])
        for place, child, start in hanging:
            if place >= walked:
                path += list(corners[(begin + np.arange(walked, place + 1)) % size])
                children[loop] = [row for row in children[loop] if row[1] != child]
                todo += [(loop, begin, place), (child, start, 0)]
                break
        else:
            path += list(corners[(begin + np.arange(walked, size + 1)) % size])
    return path


def _nearest(loop: Array, other: Array) -> tuple[int, int, int]:
    """Squared distance of the nearest corners of two loops, and their places."""
    best = (1 << 62, 0, 0)
    for begin in range(0, len(other), 256):  # a frayed mask has ten thousands of corners
        part = other[begin : begin + 256]
        squared = ((loop[:, None] - part[None]) ** 2).sum(axis=2)
        place, near = divmod(int(squared.argmin()), len(part))
        if squared[place, near] < best[0]:
            best = (int(squared[place, near]), place, begin + near)
    return best
