"""Boxes: areas, overlaps, and the deltas that move one box onto another.

A box is yxyx, float32, in pixels of the network input; its (y2, x2) corner lies outside it.
"""

import math
from collections.abc import Sequence

from keras import ops

from mrcnn.typing import Tensor

# Growth by one delta is capped at 1000/16, so that an untrained network cannot overflow exp();
# the constant is Detectron's.
MAX_LOG_GROWTH = math.log(1000.0 / 16.0)


def area(boxes: Tensor) -> Tensor:
    """Computes the area of each box.

    Args:
        boxes: `(..., 4)` float32, yxyx.

    Returns:
        `(...,)` float32, square pixels; 0 for an inverted or empty box.
    """
    y1, x1, y2, x2 = ops.unstack(boxes, 4, axis=-1)
    return ops.maximum(y2 - y1, 0.0) * ops.maximum(x2 - x1, 0.0)


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """Computes the intersection over union of every box of `a` with every box of `b`.

    Args:
        a: `(..., N, 4)` float32, yxyx.
        b: `(..., M, 4)` float32, yxyx, in the frame of `a`.

    Returns:
        `(..., N, M)` float32 in 0..1; 0 where a box is empty.
    """
    ay1, ax1, ay2, ax2 = ops.unstack(a[..., :, None, :], 4, axis=-1)
    by1, bx1, by2, bx2 = ops.unstack(b[..., None, :, :], 4, axis=-1)
    height = ops.maximum(ops.minimum(ay2, by2) - ops.maximum(ay1, by1), 0.0)
    width = ops.maximum(ops.minimum(ax2, bx2) - ops.maximum(ax1, bx1), 0.0)
    intersection = height * width
    union = area(a)[..., :, None] + area(b)[..., None, :] - intersection
    # Two empty boxes have no union: 0 / 1e-7 is their 0, and no NaN.
    return intersection / ops.maximum(union, 1e-7)


def generalized_iou(a: Tensor, b: Tensor) -> Tensor:
    """Computes the generalised IoU of boxes, row by row.

    Rezatofighi et al. 2019, arXiv:1902.09630: IoU minus the share of the enclosing box that neither
    box covers. Unlike the IoU it tells how far apart two boxes are.

    Args:
        a: `(..., 4)` float32, yxyx.
        b: `(..., 4)` float32, yxyx.

    Returns:
        `(...)` float32 in -1..1.
    """
    iou, union, height, width = _iou_and_enclosure(a, b)
    enclosing = ops.maximum(height * width, 1e-7)
    return iou - (enclosing - union) / enclosing


def complete_iou(a: Tensor, b: Tensor) -> Tensor:
    """Computes the complete IoU of boxes, row by row.

    Zheng et al. 2020, arXiv:1911.08287: IoU minus the squared distance of the centres, in squared
    diagonals of the enclosing box, minus a penalty for another aspect ratio.

    Args:
        a: `(..., 4)` float32, yxyx.
        b: `(..., 4)` float32, yxyx.

    Returns:
        `(...)` float32, at most 1.
    """
    iou, _, height, width = _iou_and_enclosure(a, b)
    ay, ax, ah, aw = _centres(a)
    by, bx, bh, bw = _centres(b)
    diagonal = ops.maximum(ops.square(height) + ops.square(width), 1e-7)
    distance = (ops.square(ay - by) + ops.square(ax - bx)) / diagonal
    turn = ops.arctan2(bw, bh) - ops.arctan2(aw, ah)
    # Angles of sides lie in 0..pi / 2, so v lies in 0..1.
    v = (4.0 / math.pi**2) * ops.square(turn)
    # The paper treats the trade-off as a constant.
    trade_off = ops.stop_gradient(v / ops.maximum(1.0 - iou + v, 1e-7))
    return iou - distance - trade_off * v


def _iou_and_enclosure(a, b):
    """IoU and union row by row, and height and width of the boxes around both."""
    ay1, ax1, ay2, ax2 = ops.unstack(a, 4, axis=-1)
    by1, bx1, by2, bx2 = ops.unstack(b, 4, axis=-1)
    shared = ops.maximum(ops.minimum(ay2, by2) - ops.maximum(ay1, by1), 0.0) * ops.maximum(
        ops.minimum(ax2, bx2) - ops.maximum(ax1, bx1), 0.0
    )
    union = area(a) + area(b) - shared
    height = ops.maximum(ay2, by2) - ops.minimum(ay1, by1)
    width = ops.maximum(ax2, bx2) - ops.minimum(ax1, bx1)
    return shared / ops.maximum(union, 1e-7), union, height, width


def encode(boxes: Tensor, anchors: Tensor, std: Sequence[float]) -> Tensor:
    """Computes the deltas that move `anchors` onto `boxes`; the inverse of `decode`.

    Args:
        boxes: `(..., 4)` float32, yxyx. Sides below 1e-3 pixels count as 1e-3, so that padding
            stays finite.
        anchors: `(..., 4)` float32, yxyx, in the frame of `boxes`.
        std: Standard deviations that the four deltas are divided by.

    Returns:
        `(..., 4)` float32, (dy, dx, log dh, log dw) / std. Faster R-CNN (Ren et al. 2015), eq. 2.
    """
    cy, cx, h, w = _centres(boxes)
    acy, acx, ah, aw = _centres(anchors)
    deltas = ops.stack(
        [(cy - acy) / ah, (cx - acx) / aw, ops.log(h / ah), ops.log(w / aw)], axis=-1
    )
    return deltas / ops.convert_to_tensor(std, dtype="float32")


def decode(deltas: Tensor, anchors: Tensor, std: Sequence[float]) -> Tensor:
    """Moves `anchors` by `deltas`; the inverse of `encode`.

    Args:
        deltas: `(..., 4)` float32, (dy, dx, log dh, log dw) / std.
        anchors: `(..., 4)` float32, yxyx, pixels of the network input.
        std: Standard deviations that the four deltas were divided by.

    Returns:
        `(..., 4)` float32, yxyx, in the frame of `anchors`, not clipped. Growth is capped, see
        `MAX_LOG_GROWTH`.
    """
    dy, dx, dh, dw = ops.unstack(deltas * ops.convert_to_tensor(std, dtype="float32"), 4, axis=-1)
    acy, acx, ah, aw = _centres(anchors)
    cy, cx = acy + dy * ah, acx + dx * aw
    # Growth alone needs a cap: exp of a negative number is below 1, and shifts are linear.
    h = ah * ops.exp(ops.minimum(dh, MAX_LOG_GROWTH))
    w = aw * ops.exp(ops.minimum(dw, MAX_LOG_GROWTH))
    return ops.stack([cy - h / 2, cx - w / 2, cy + h / 2, cx + w / 2], axis=-1)


def clip(boxes: Tensor, window: Tensor) -> Tensor:
    """Clips boxes to a window.

    Args:
        boxes: `(..., 4)` float32, yxyx.
        window: `(..., 4)` float32, yxyx, broadcast against `boxes`.

    Returns:
        `(..., 4)` float32, yxyx.
    """
    y1, x1, y2, x2 = ops.unstack(boxes, 4, axis=-1)
    wy1, wx1, wy2, wx2 = ops.unstack(window, 4, axis=-1)
    clipped = [
        ops.clip(y1, wy1, wy2),
        ops.clip(x1, wx1, wx2),
        ops.clip(y2, wy1, wy2),
        ops.clip(x2, wx1, wx2),
    ]
    return ops.stack(clipped, axis=-1)


def _centres(boxes):
    y1, x1, y2, x2 = ops.unstack(boxes, 4, axis=-1)
    h, w = ops.maximum(y2 - y1, 1e-3), ops.maximum(x2 - x1, 1e-3)
    return (y1 + y2) / 2, (x1 + x2) / 2, h, w
