"""Mask targets: the masks of objects, resampled to the RoIs that a mask head is trained on.

A mask is an array plus the box it fills, its frame. A mini-mask fills the box of the object, a full
mask the image, the output of a mask head its RoI; one formula serves them all.
"""

from keras import ops

from mrcnn.ops.pixel_convention import ALIGNED, PixelConvention
from mrcnn.typing import Size, Tensor


def crop(
    masks: Tensor,
    frames: Tensor,
    rois: Tensor,
    size: Size,
    convention: PixelConvention = ALIGNED,
) -> Tensor:
    """Resamples masks to RoIs, bilinearly. Outside its frame a mask is 0.

    Args:
        masks: `(B, N, h, w)` float32 in 0..1, one for each RoI.
        frames: `(B, N, 4)` float32, yxyx, the box that each mask fills.
        rois: `(B, N, 4)` float32, yxyx, in the coordinates of `frames`.
        size: (height, width) of the result, cells.
        convention: Places the centres of outer cells half a cell inside the box (ALIGNED) or on its
            edges (CORNERS).

    Returns:
        `(B, N, *size)` float32.
    """
    fy1, fx1, fy2, fx2 = ops.unstack(frames, 4, axis=-1)
    ry1, rx1, ry2, rx2 = ops.unstack(rois, 4, axis=-1)
    margin = convention.cell_margin
    rows = _weights(ry1, ry2, fy1, fy2, size[0], masks.shape[2], margin)
    columns = _weights(rx1, rx2, fx1, fx2, size[1], masks.shape[3], margin)
    # Bilinear interpolation is separable: two matrix products instead of gathers.
    return ops.matmul(ops.matmul(rows, masks), ops.swapaxes(columns, -1, -2))


def _weights(roi_low, roi_high, frame_low, frame_high, points, cells, margin):
    """Interpolation matrices along one axis: (B, N) x 4 -> (B, N, points, cells).

    A row sums to 1 inside the frame, to 0 outside.
    """
    fraction = (ops.arange(points, dtype="float32") + margin) / (points - 1 + 2 * margin)
    at = roi_low[..., None] + (roi_high - roi_low)[..., None] * fraction  # image coordinates
    # Padding has frames without extent; 1e-3 keeps their (unused) rows finite.
    length = ops.maximum(frame_high - frame_low, 1e-3)[..., None]
    at = (at - frame_low[..., None]) / length * (cells - 1 + 2 * margin) - margin  # cells
    inside = ops.logical_and(at >= -margin, at <= cells - 1 + margin)
    at = ops.clip(at, 0.0, cells - 1.0)
    cell = ops.arange(cells, dtype="float32")
    tent = ops.maximum(1.0 - ops.abs(at[..., None] - cell), 0.0)
    return tent * ops.cast(inside, "float32")[..., None]
