"""Mask targets: what a mask head should have said for a roi, cut out of the objects' masks.

A mask is an array plus the box it fills, its frame. A mini-mask fills the object's box, a full mask the image, the mask
head's output its roi; one formula serves them all.
"""

from keras import ops


def crop(masks, frames, rois, size, convention="aligned"):
    """Resample masks to the rois, bilinearly; outside its frame a mask is 0.

    masks:  (B, N, h, w) float32 in 0..1, one for each roi; frames: (B, N, 4) yxyx, the box each mask fills
    rois:   (B, N, 4) yxyx, same coordinates; size: (height, width) of the result, cells
    convention: "aligned" has cell centres at half cells on both sides; "corners" (Matterport's, see `ops.roi_align`) has the outer
    cells' centres on the edges of the box
    Returns: (B, N, *size) float32.
    """
    fy1, fx1, fy2, fx2 = ops.unstack(frames, 4, axis=-1)
    ry1, rx1, ry2, rx2 = ops.unstack(rois, 4, axis=-1)
    corners = convention == "corners"
    rows = _weights(ry1, ry2, fy1, fy2, size[0], masks.shape[2], corners)
    columns = _weights(rx1, rx2, fx1, fx2, size[1], masks.shape[3], corners)
    return ops.matmul(ops.matmul(rows, masks), ops.swapaxes(columns, -1, -2))


def _weights(roi_low, roi_high, frame_low, frame_high, points, cells, corners):
    """Interpolation matrices along one axis: (B, N) x 4 -> (B, N, points, cells); a row sums to 1 inside the frame, to 0 outside."""
    margin = 0.0 if corners else 0.5
    fraction = (ops.arange(points, dtype="float32") + margin) / (points - 1 if corners else points)
    at = roi_low[..., None] + (roi_high - roi_low)[..., None] * fraction  # image coordinates
    length = ops.maximum(frame_high - frame_low, 1e-3)[..., None]
    at = (at - frame_low[..., None]) / length * (cells - 1 + 2 * margin) - margin  # cells
    inside = ops.logical_and(at >= -margin, at <= cells - 1 + margin)
    at = ops.clip(at, 0.0, cells - 1.0)
    cell = ops.arange(cells, dtype="float32")
    tent = ops.maximum(1.0 - ops.abs(at[..., None] - cell), 0.0)
    return tent * ops.cast(inside, "float32")[..., None]
