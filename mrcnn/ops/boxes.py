"""Boxes: areas, overlaps, and the deltas that move one box onto another.

A box is yxyx, float32, in pixels of the network input; its (y2, x2) corner lies outside it.
"""

import math

from keras import ops

# Growth by one delta is capped at 1000/16, so an untrained network cannot overflow exp() (Detectron's constant).
MAX_LOG_GROWTH = math.log(1000.0 / 16.0)


def area(boxes):
    """Area of each box: (..., 4) yxyx -> (...,), square pixels; 0 for an inverted or empty box."""
    y1, x1, y2, x2 = ops.unstack(boxes, 4, axis=-1)
    return ops.maximum(y2 - y1, 0.0) * ops.maximum(x2 - x1, 0.0)


def holds_pixels(boxes, convention="aligned"):
    """Which boxes are not empty: (..., 4) yxyx -> (...,) bool. By corner pixels, see `to_corner_pixels`, one of no extent holds one."""
    y1, x1, y2, x2 = ops.unstack(boxes, 4, axis=-1)
    if convention == "corners":
        return ops.logical_and(y2 >= y1, x2 >= x1)
    return ops.logical_and(y2 > y1, x2 > x1)


def pairwise_iou(a, b):
    """Intersection over union of every box of `a` with every box of `b`.

    a: (..., N, 4), b: (..., M, 4) float32, yxyx, one frame.  Returns: (..., N, M) float32 in 0..1; 0 where a box is empty.
    """
    ay1, ax1, ay2, ax2 = ops.unstack(a[..., :, None, :], 4, axis=-1)
    by1, bx1, by2, bx2 = ops.unstack(b[..., None, :, :], 4, axis=-1)
    height = ops.maximum(ops.minimum(ay2, by2) - ops.maximum(ay1, by1), 0.0)
    width = ops.maximum(ops.minimum(ax2, bx2) - ops.maximum(ax1, bx1), 0.0)
    intersection = height * width
    union = area(a)[..., :, None] + area(b)[..., None, :] - intersection
    return intersection / ops.maximum(union, 1e-7)


def encode(boxes, anchors, std):
    """The deltas that move `anchors` onto `boxes`; the inverse of `decode`.

    boxes, anchors: (..., 4) float32, yxyx, one frame; std: 4 numbers.
    Returns: (..., 4) float32, (dy, dx, log dh, log dw) / std. Sides below 1e-3 pixels count as 1e-3, so padding stays finite.

    Faster R-CNN (Ren et al. 2015), eq. 2.
    """
    cy, cx, h, w = _centres(boxes)
    acy, acx, ah, aw = _centres(anchors)
    deltas = ops.stack(
        [(cy - acy) / ah, (cx - acx) / aw, ops.log(h / ah), ops.log(w / aw)], axis=-1
    )
    return deltas / ops.convert_to_tensor(std, dtype="float32")


def decode(deltas, anchors, std):
    """Move `anchors` by `deltas`; the inverse of `encode`.

    deltas:  (..., 4) float32, (dy, dx, log dh, log dw) / std
    anchors: (..., 4) float32, yxyx, pixels of the network input
    Returns: (..., 4) float32, yxyx, same frame, not clipped.

    Faster R-CNN (Ren et al. 2015), eq. 2. Growth is capped at 1000/16.
    """
    dy, dx, dh, dw = ops.unstack(deltas * ops.convert_to_tensor(std, dtype="float32"), 4, axis=-1)
    acy, acx, ah, aw = _centres(anchors)
    cy, cx = acy + dy * ah, acx + dx * aw
    h = ah * ops.exp(ops.minimum(dh, MAX_LOG_GROWTH))
    w = aw * ops.exp(ops.minimum(dw, MAX_LOG_GROWTH))
    return ops.stack([cy - h / 2, cx - w / 2, cy + h / 2, cx + w / 2], axis=-1)


def clip(boxes, window):
    """Cut boxes to a window.  boxes: (..., 4) yxyx; window: (..., 4) yxyx, broadcast against `boxes`."""
    y1, x1, y2, x2 = ops.unstack(boxes, 4, axis=-1)
    wy1, wx1, wy2, wx2 = ops.unstack(window, 4, axis=-1)
    return ops.stack(
        [
            ops.clip(y1, wy1, wy2),
            ops.clip(x1, wx1, wx2),
            ops.clip(y2, wy1, wy2),
            ops.clip(x2, wx1, wx2),
        ],
        axis=-1,
    )


def to_corner_pixels(boxes):
    """Boxes by their corner pixels, both inside: (..., 4) yxyx -> (..., 4), (y1, x1, y2 - 1, x2 - 1).

    Matterport's network reckons in these (its boxes of 0..1 are these divided by the image's size less 1), so what depends on a box's
    height and width, deltas and overlaps, differs by that pixel. `from_corner_pixels` is the way back.
    """
    return boxes - ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0], dtype="float32")


def from_corner_pixels(boxes):
    """The inverse of `to_corner_pixels`."""
    return boxes + ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0], dtype="float32")


def _centres(boxes):
    y1, x1, y2, x2 = ops.unstack(boxes, 4, axis=-1)
    h, w = ops.maximum(y2 - y1, 1e-3), ops.maximum(x2 - x1, 1e-3)
    return (y1 + y2) / 2, (x1 + x2) / 2, h, w
