"""Mask targets: what a mask head should have said for a roi, cut out of the objects' masks.

A mask is an array plus the box it fills, its frame. A mini-mask fills the object's box, a full mask the image, the mask
head's output its roi; one formula serves them all.
"""
from keras import ops


def crop(masks, frames, rois, size):
    """Resample masks to the rois, bilinearly; outside its frame a mask is 0.

    masks:  (B, N, h, w) float32 in 0..1, one for each roi; frames: (B, N, 4) yxyx, the box each mask fills
    rois:   (B, N, 4) yxyx, same coordinates; size: (height, width) of the result, cells
    Returns: (B, N, *size) float32. Cell centres lie at half cells on both sides.
    """
    fy1, fx1, fy2, fx2 = ops.unstack(frames, 4, axis=-1)
    ry1, rx1, ry2, rx2 = ops.unstack(rois, 4, axis=-1)
    rows = _weights(ry1, ry2, fy1, fy2, size[0], masks.shape[2])
    columns = _weights(rx1, rx2, fx1, fx2, size[1], masks.shape[3])
    return ops.matmul(ops.matmul(rows, masks), ops.swapaxes(columns, -1, -2))


def _weights(roi_low, roi_high, frame_low, frame_high, points, cells):
    """Interpolation matrices along one axis: (B, N) x 4 -> (B, N, points, cells); a row sums to 1 inside the frame, to 0 outside."""
    fraction = (ops.arange(points, dtype="float32") + 0.5) / points
    at = roi_low[..., None] + (roi_high - roi_low)[..., None] * fraction                       # image coordinates
    length = ops.maximum(frame_high - frame_low, 1e-3)[..., None]
    at = (at - frame_low[..., None]) / length * cells - 0.5                                    # cells
    inside = ops.logical_and(at >= -0.5, at <= cells - 0.5)
    at = ops.clip(at, 0.0, cells - 1.0)
    cell = ops.arange(cells, dtype="float32")
    tent = ops.maximum(1.0 - ops.abs(at[..., None] - cell), 0.0)
    return tent * ops.cast(inside, "float32")[..., None]
