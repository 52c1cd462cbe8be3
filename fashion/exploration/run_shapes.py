"""Run shapes: size, box and number of parts of many masks, from their runs; no mask is made for it."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mrcnn.data.masks.rle import boxes_of_spans, cut_at_columns


def run_shapes(starts, lengths, counts, heights):
    """Measures of B masks of at least one run each.

    starts, lengths: (R,) int64, pixels; the runs of one mask after the other, sorted and apart (`rle.parse_all`). Pixels count from
        0 down the columns.
    counts:  (B,) int64, number of runs of each mask
    heights: (B,) int64, height of each mask's photo
    Returns: {"areas" (B,) int64, pixels; "boxes" (B, 4) int32 yxyx, pixels, (y2, x2) outside; "runs" (B,) int32, at most one a column
    and gap; "parts" (B,) int32, pieces that do not even touch at a corner}.
    """
    if not len(counts):
        return {
            "areas": np.zeros(0, np.int64),
            "boxes": np.zeros((0, 4), np.int32),
            "runs": np.zeros(0, np.int32),
            "parts": np.zeros(0, np.int32),
        }
    mask = np.repeat(np.arange(len(counts)), counts)
    mask, column, top, bottom = cut_at_columns(mask, starts, lengths, heights[mask])
    number = np.bincount(mask, minlength=len(counts))
    return {
        "areas": np.add.reduceat(bottom - top, np.cumsum(number) - number),
        "boxes": boxes_of_spans(mask, column, top, bottom, len(counts)).astype(np.int32),
        "runs": number.astype(np.int32),
        "parts": _parts(mask, column, top, bottom, len(counts)),
    }


def _parts(mask, column, top, bottom, masks):
    """(masks,) int32: how many pieces each mask has. Runs hang together where they touch, be it at a corner."""
    reach = int(bottom.max()) + 2
    place = np.append(
        0, np.cumsum(np.where(np.diff(mask) > 0, 2, np.diff(column)))
    )  # columns in a row, a gap between two masks
    tops, bottoms = (
        place * reach + top,
        place * reach + bottom,
    )  # both ascend: runs are sorted and apart
    before = (place - 1) * reach  # the column on the left
    low = np.searchsorted(
        bottoms, before + top, side="left"
    )  # its first run that does not end above this one
    high = np.searchsorted(tops, before + bottom, side="right")  # and its first that starts below
    number = np.maximum(high - low, 0)
    left = np.repeat(low - (np.cumsum(number) - number), number) + np.arange(number.sum())
    right = np.repeat(np.arange(len(top)), number)
    below = np.flatnonzero(
        (place[1:] == place[:-1]) & (top[1:] == bottom[:-1])
    )  # two runs written where one would do
    left, right = np.append(left, below), np.append(right, below + 1)
    graph = coo_array((np.ones(len(left), bool), (left, right)), shape=(len(top), len(top)))
    pieces, label = connected_components(graph, directed=False)
    of_mask = np.zeros(pieces, np.int64)
    of_mask[label] = mask  # all runs of a piece are of one mask
    return np.bincount(of_mask, minlength=masks).astype(np.int32)
