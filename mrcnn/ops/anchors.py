"""Anchors: the fixed reference boxes of every pyramid level (NumPy; constants of a model)."""

from collections.abc import Sequence

import numpy as np

from mrcnn.typing import Array, Size


def level_anchors(
    image_hw: Size,
    stride: int,
    scale: float | Sequence[float],
    ratios: Sequence[float],
    anchor_stride: int = 1,
) -> Array:
    """Places the anchors of one pyramid level.

    They are centred on the top left corners of cells, as in Matterport's weights; Detectron2's
    default is the same, torchvision's as well.

    Args:
        image_hw: (height, width) of the network input, pixels.
        stride: Pixels per cell.
        scale: Side of the square anchor in pixels, or one for each of `ratios`.
        ratios: Width over height.
        anchor_stride: Cells between two anchors; 2 uses every other cell.

    Returns:
        `(cells * len(ratios), 4)` float32, yxyx, pixels; row by row, the ratios of a cell together.
    """
    # As many cells as strided layers with "same" padding leave, which round up.
    height, width = (int(np.ceil(n / stride)) for n in image_hw)
    # Sides of scale / sqrt(ratio) and scale * sqrt(ratio): each ratio has the area scale ** 2.
    root = np.sqrt(np.asarray(ratios, np.float64))
    half = np.stack([scale / root, scale * root], axis=-1) / 2  # (ratios, 2) half sides, y x
    rows = np.arange(0, height, anchor_stride) * stride
    columns = np.arange(0, width, anchor_stride) * stride
    centres = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    boxes = np.concatenate([centres - half, centres + half], axis=-1)
    return boxes.reshape(-1, 4).astype(np.float32)


def pyramid_anchors(
    image_hw: Size,
    strides: Sequence[int],
    scales: Sequence[float | Sequence[float]],
    ratios: Sequence[float],
    anchor_stride: int = 1,
) -> Array:
    """Places the anchors of all pyramid levels, see `level_anchors`.

    Args:
        image_hw: (height, width) of the network input, pixels.
        strides: Pixels per cell of each level, finest first.
        scales: `scale` of each level.
        ratios: Width over height.
        anchor_stride: Cells between two anchors.

    Returns:
        `(A, 4)` float32, yxyx, pixels, finest level first.
    """
    levels = zip(strides, scales, strict=True)
    return np.concatenate(
        [level_anchors(image_hw, stride, scale, ratios, anchor_stride) for stride, scale in levels]
    )
