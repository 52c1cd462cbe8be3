"""Masks of a smaller copy of a photo, from run lengths to run lengths: no mask is ever painted."""

import numpy as np

from mrcnn.data.masks.rle import cut_at_columns
from mrcnn.data.resize import Placement


def resize_runs(starts, lengths, counts, photo_hw, size_hw):
    """N masks of a photo of `photo_hw`, of one pixel or more each, on a copy of `size_hw` that is not larger either way.

    starts, lengths: (R,) int64, the runs of all masks one after the other, counted from 0 down the columns, each mask's sorted and
    apart; counts: (N,) int64, how many are whose (`fashion.formats.rle.parse_all`).
    Returns: starts, lengths (R',) and counts (N,) int64 of the copy; lost (N,) bool.

    A pixel of the copy shows the pixel of the photo under its centre (OpenCV's INTER_NEAREST_EXACT: i shows floor((i + 0.5) * old / new),
    up to rounding at 2^-16), so the result is run for run that of decoding, resizing and encoding. A mask that no centre hits would be
    lost: it keeps one pixel, that in which its own middle pixel lies.
    """
    if size_hw[0] > photo_hw[0] or size_hw[1] > photo_hw[1]:
        raise ValueError(
            f"Runs can be brought to a smaller grid only. Got {tuple(size_hw)} (height, width) for a photo of "
            f"{tuple(photo_hw)}."
        )
    (height, width), new_height = photo_hw, size_hw[0]
    rows, columns = Placement(photo_hw, size_hw, (0, 0), size_hw).window_offsets()
    owner, column, top, bottom = cut_at_columns(
        np.repeat(np.arange(len(counts)), counts), starts, lengths, height
    )
    top, bottom = rows[top], rows[bottom]
    seen = (bottom > top) & (columns[column + 1] > columns[column])
    owner, offset = owner[seen], columns[column[seen]] * new_height
    starts_now, ends_now = offset + top[seen], offset + bottom[seen]
    lost = np.bincount(owner, minlength=len(counts)) == 0
    if lost.any():
        pixel = _middle_pixels(starts, lengths, counts)[lost]
        pixel = (
            pixel // height * size_hw[1] // width
        ) * new_height + pixel % height * new_height // height
        at = np.searchsorted(owner, np.flatnonzero(lost))
        owner = np.insert(owner, at, np.flatnonzero(lost))
        starts_now, ends_now = np.insert(starts_now, at, pixel), np.insert(ends_now, at, pixel + 1)
    return *_joined(owner, starts_now, ends_now, len(counts)), lost


def _middle_pixels(starts, lengths, counts):
    """(N,) int64: of each mask's n pixels, in their order, the number of the one at n // 2."""
    first = np.cumsum(counts) - counts
    before = np.cumsum(lengths) - lengths
    wanted = before[first] + np.add.reduceat(lengths, first) // 2
    run = np.searchsorted(before, wanted, side="right") - 1
    return starts[run] + wanted - before[run]


def _joined(owner, starts, ends, count):
    """Runs sorted by owner and start -> starts, lengths, counts, with those joined that touch."""
    if not len(starts):
        return starts, ends, np.zeros(count, np.int64)
    apart = (starts[1:] != ends[:-1]) | (owner[1:] != owner[:-1])
    starts, ends, owner = (
        starts[np.append(True, apart)],
        ends[np.append(apart, True)],
        owner[np.append(True, apart)],
    )
    return starts, ends - starts, np.bincount(owner, minlength=count)
