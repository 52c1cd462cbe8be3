"""Anchors: the fixed reference boxes of every pyramid level (NumPy; constants of a model)."""

import numpy as np


def level_anchors(image_hw, stride, scale, ratios, cell_step=1):
    """Anchors of one pyramid level, centred on its cells' top left corners as in Matterport's weights.

    image_hw: (height, width), pixels; stride: pixels a cell; scale: side of the square anchor, pixels, or one for each of `ratios`;
    ratios: width / height; cell_step: 2 uses every other cell.
    Returns: (cells * len(ratios), 4) float32 yxyx, pixels; row by row, the ratios of one cell together.
    """
    height, width = (int(np.ceil(n / stride)) for n in image_hw)
    root = np.sqrt(np.asarray(ratios, np.float64))
    half = np.stack([scale / root, scale * root], axis=-1) / 2  # (ratios, 2) half sides, y x
    cy, cx = np.meshgrid(
        np.arange(0, height, cell_step) * stride,
        np.arange(0, width, cell_step) * stride,
        indexing="ij",
    )
    centres = np.stack([cy, cx], axis=-1).reshape(-1, 1, 2)
    return (
        np.concatenate([centres - half, centres + half], axis=-1).reshape(-1, 4).astype(np.float32)
    )


def pyramid_anchors(image_hw, strides, scales, ratios, cell_step=1):
    """`level_anchors` of all levels, finest first: (A, 4) float32 yxyx, pixels."""
    return np.concatenate(
        [
            level_anchors(image_hw, stride, scale, ratios, cell_step)
            for stride, scale in zip(strides, scales, strict=True)
        ]
    )
