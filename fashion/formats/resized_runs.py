"""Runs of many masks: joined and resized to the nearest pixel, without ever decoding a mask.

Pixels count from 0 down the columns. `owner` is the mask of each run; the runs of a mask are
sorted and do not overlap, and masks follow each other.
"""

import numpy as np

from mrcnn.data.masks.rle import copy_to_columns, cut_at_columns, ranges
from mrcnn.data.placement import Placement
from mrcnn.typing import Array, Size


def join_touching(owner: Array, starts: Array, ends: Array) -> tuple[Array, Array, Array]:
    """Joins runs of one mask that touch.

    Args:
        owner: `(R,)` int64.
        starts: `(R,)` int64.
        ends: `(R,)` int64, the pixel after the last.

    Returns:
        owner, starts and ends of the joined runs.
    """
    if not len(starts):
        return owner, starts, ends
    apart = (starts[1:] != ends[:-1]) | (owner[1:] != owner[:-1])
    if apart.all():
        return owner, starts, ends
    first, last = np.append(True, apart), np.append(apart, True)
    return owner[first], starts[first], ends[last]


def resize_each(
    owner: Array, starts: Array, ends: Array, old_hw: Array, new_hw: Array
) -> tuple[Array, Array, Array]:
    """Resizes B masks, each between sizes of its own.

    Pixel r of the new height H shows pixel floor((r + 1/2) * h / H) of the old height h, in both
    directions. A mask may lose all its pixels.

    Args:
        owner: `(R,)` int64, 0..B-1.
        starts: `(R,)` int64.
        ends: `(R,)` int64, the pixel after the last.
        old_hw: `(B, 2)` int64, (height, width) that the runs count in.
        new_hw: `(B, 2)` int64, (height, width) to resize to.

    Returns:
        owner, starts and ends, sorted; runs may touch.
    """
    owner, column, top, bottom = cut_at_columns(owner, starts, ends - starts, old_hw[owner, 0])
    rows, first_row = _edge_tables(old_hw[:, 0], new_hw[:, 0])
    columns, first_column = _edge_tables(old_hw[:, 1], new_hw[:, 1])
    at_row, at_column = first_row[owner], first_column[owner] + column
    owner, column, top, bottom = copy_to_columns(
        owner, rows[at_row + top], rows[at_row + bottom], columns[at_column], columns[at_column + 1]
    )
    offset = column * new_hw[owner, 0]
    starts, ends = offset + top, offset + bottom
    if ((starts[1:] < starts[:-1]) & (owner[1:] == owner[:-1])).any():
        # A stable sort is quick where nearly all is in order.
        order = np.argsort(owner * new_hw.prod(axis=1).max() + starts, kind="stable")
        return owner[order], starts[order], ends[order]
    return owner, starts, ends


def resize_runs(
    starts: Array, lengths: Array, counts: Array, image_hw: Size, size_hw: Size
) -> tuple[Array, Array, Array, Array]:
    """Resizes N masks of one image to a smaller copy of it; none is lost.

    A pixel of the copy shows the pixel of the image under its centre (OpenCV's INTER_NEAREST_EXACT:
    i shows floor((i + 0.5) * old / new), up to rounding at 2^-16). The result equals decoding,
    resizing and encoding, run for run. A mask that no centre hits keeps one pixel, where its own
    middle pixel lies.

    Args:
        starts: `(R,)` int64, the runs of all masks, as from `rle.parse_all`.
        lengths: `(R,)` int64.
        counts: `(N,)` int64, runs of each mask, at least one.
        image_hw: (height, width) of the image.
        size_hw: (height, width) of the copy, not larger in either direction.

    Returns:
        starts: `(R',)` int64, in the copy.
        lengths: `(R',)` int64.
        counts: `(N,)` int64.
        lost: `(N,)` bool, True where no centre hits the mask.

    Raises:
        ValueError: If the copy is larger than the image.
    """
    if size_hw[0] > image_hw[0] or size_hw[1] > image_hw[1]:
        raise ValueError(
            f"Runs can be brought to a smaller grid only. Got {tuple(size_hw)} (height, width) "
            f"for an image of {tuple(image_hw)}."
        )
    (height, width), new_height = image_hw, size_hw[0]
    rows, columns = Placement(image_hw, size_hw, (0, 0), size_hw).window_offsets()
    owner = np.repeat(np.arange(len(counts)), counts)
    owner, column, top, bottom = cut_at_columns(owner, starts, lengths, height)
    owner, column, top, bottom = copy_to_columns(
        owner, rows[top], rows[bottom], columns[column], columns[column + 1]
    )
    new_starts, new_ends = column * new_height + top, column * new_height + bottom
    lost = np.bincount(owner, minlength=len(counts)) == 0
    if lost.any():
        middle_x, middle_y = np.divmod(_middle_pixels(starts, lengths, counts)[lost], height)
        pixel = middle_x * size_hw[1] // width * new_height + middle_y * new_height // height
        at = np.searchsorted(owner, np.flatnonzero(lost))
        owner = np.insert(owner, at, np.flatnonzero(lost))
        new_starts, new_ends = np.insert(new_starts, at, pixel), np.insert(new_ends, at, pixel + 1)
    owner, new_starts, new_ends = join_touching(owner, new_starts, new_ends)
    new_counts = np.bincount(owner, minlength=len(counts))
    return new_starts, new_ends - new_starts, new_counts, lost


def _edge_tables(old: Array, new: Array) -> tuple[Array, Array]:
    """Where the edges between pixels move when B lengths `old` become `new`.

    Returns a table and where in it the part of each mask starts, `(B,)`: edge 0..old[i] becomes
    edge table[start[i] + edge].
    """
    # Neighbouring masks are usually of one image and share a part.
    is_new = np.append(True, (old[1:] != old[:-1]) | (new[1:] != new[:-1]))[: len(old)]
    size = old[is_new] + 1
    part, edge = ranges(np.zeros(len(size), np.int64), size)
    table = _first_pixel(edge, old[is_new][part], new[is_new][part])
    return table, (np.cumsum(size) - size)[np.cumsum(is_new) - 1]


def _first_pixel(edge: Array, old: Array, new: Array) -> Array:
    """The first of `new` pixels that shows pixel `edge` of `old` or a later one."""
    # The least r with (2r + 1) * old >= 2 * new * edge, in whole numbers.
    return np.maximum(-((old - 2 * new * edge) // (2 * old)), 0)


def _middle_pixels(starts: Array, lengths: Array, counts: Array) -> Array:
    """(N,) int64: of each mask's n pixels, in order, the one at n // 2."""
    first = np.cumsum(counts) - counts
    before = np.cumsum(lengths) - lengths
    wanted = before[first] + np.add.reduceat(lengths, first) // 2
    run = np.searchsorted(before, wanted, side="right") - 1
    return starts[run] + wanted - before[run]
