"""Patches: the cells around single places of a feature pyramid, for convolutions at few places."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from mrcnn.typing import Tensor


def locate(
    index: Tensor, grids: Sequence[tuple[int, int]], slots: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Finds the place of anchors in the pyramid.

    Args:
        index: `(...)` int32, anchors in the order of `ops.anchors.pyramid_anchors`.
        grids: (rows, columns) of the cells that have anchors, of each level.
        slots: Anchors at a cell.

    Returns:
        level, row, column, slot: each `(...)` int32.
    """
    sizes = [rows * columns * slots for rows, columns in grids]
    starts = np.cumsum([0, *sizes[:-1]])
    level = ops.zeros_like(index)
    # Five levels at most: a few comparisons are faster than a search, and compile under XLA.
    for start in starts[1:]:
        level = level + ops.cast(index >= int(start), "int32")
    cell = (index - _of_level(starts, level)) // slots
    columns = _of_level([columns for _, columns in grids], level)
    return level, cell // columns, cell % columns, index % slots


def patches_at(
    pyramid: Sequence[Tensor],
    level: Tensor,
    row: Tensor,
    column: Tensor,
    *,
    size: int,
    stride: int = 1,
) -> Tensor:
    """Gathers what a convolution with "same" padding reads at single cells of its output.

    All levels are flattened into one table, so that one gather serves every level.

    Args:
        pyramid: A feature map `(B, H, W, C)` of each level.
        level: `(B, S)` int32, of the cells.
        row: `(B, S)` int32, in the output of the convolution.
        column: `(B, S)` int32, as `row`.
        size: Side of the kernel.
        stride: Of the convolution.

    Returns:
        `(B, S, size, size, C)`, dtype of the features; zeros outside a level.
    """
    channels = pyramid[0].shape[-1]
    cells = [p.shape[1] * p.shape[2] for p in pyramid]
    flat = [ops.reshape(p, (-1, n, channels)) for p, n in zip(pyramid, cells, strict=True)]
    table = ops.reshape(ops.concatenate(flat, axis=1), (-1, channels))
    image = ops.arange(ops.shape(row)[0], dtype="int32")[:, None] * sum(cells)
    origin = image + _of_level(np.cumsum([0, *cells[:-1]]), level)
    y, y_inside, _ = _reach(row, level, [p.shape[1] for p in pyramid], size, stride)
    x, x_inside, width = _reach(column, level, [p.shape[2] for p in pyramid], size, stride)
    index = origin[..., None, None] + y[..., :, None] * width[..., None] + x[..., None, :]
    inside = ops.logical_and(y_inside[..., :, None], x_inside[..., None, :])
    # Clipped cells repeat the border; "same" padding reads zeros there.
    return ops.take(table, index, axis=0) * ops.cast(inside, table.dtype)[..., None]


def _reach(place, level, lengths, size, stride):
    """Along one axis: the cells under the kernel, clipped; which exist; the length of the level."""
    outputs = [-(-n // stride) for n in lengths]
    missing = []
    for output, n in zip(outputs, lengths, strict=True):
        missing.append(max((output - 1) * stride + size - n, 0))
    before = _of_level([n // 2 for n in missing], level)  # an odd cell of padding goes behind
    first = (place * stride - before)[..., None]
    cells = first + ops.arange(size, dtype="int32")
    length = _of_level(lengths, level)[..., None]
    inside = ops.logical_and(cells >= 0, cells < length)
    return ops.clip(cells, 0, length - 1), inside, length


def _of_level(values, level):
    return ops.take(ops.convert_to_tensor(np.asarray(values, np.int32)), level, axis=0)
