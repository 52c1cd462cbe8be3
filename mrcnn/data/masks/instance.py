"""Boxes of masks, and mini-masks: masks cropped to their boxes and resized to a fixed size."""

from collections.abc import Callable

import cv2
import numpy as np

from mrcnn.typing import Array, Size

# (mask (h, w), (height, width)) -> (height, width) float; 0.5 and more is foreground.
Resample = Callable[[Array, Size], Array]


def boxes_of_masks(masks: Array) -> Array:
    """Computes the tight box of every mask.

    Args:
        masks: `(H, W, N)` bool.

    Returns:
        `(N, 4)` float32 yxyx, pixels; zeros for an empty mask.
    """
    rows: Array = np.any(masks, axis=1)  # (H, N)
    columns: Array = np.any(masks, axis=0)  # (W, N)
    boxes = np.zeros((masks.shape[2], 4), np.float32)
    for i in np.flatnonzero(rows.any(axis=0)):
        y, x = np.flatnonzero(rows[:, i]), np.flatnonzero(columns[:, i])
        boxes[i] = y[0], x[0], y[-1] + 1, x[-1] + 1
    return boxes


def minimise(masks: Array, boxes: Array, size_hw: Size, resample: Resample | None = None) -> Array:
    """Makes mini-masks: 3 KB each at 56 x 56, where a mask of 1024 x 1024 takes 1 MB.

    Args:
        masks: `(H, W, N)` bool.
        boxes: `(N, 4)` yxyx, whole pixels.
        size_hw: Height and width of a mini-mask.
        resample: Resizes one mask. Default: bilinear, with the border repeated in the half cell
            along the edge of the box.

    Returns:
        `(N, *size_hw)` uint8 of 0 and 1, each filling its box; zeros where a box is empty.
    """
    mini = np.zeros((masks.shape[2], *size_hw), np.uint8)
    for i, (y1, x1, y2, x2) in enumerate(boxes.astype(int)):
        if y2 > y1 and x2 > x1:
            mini[i] = mini_mask(masks[y1:y2, x1:x2, i], size_hw, resample)
    return mini


def mini_mask(crop: Array, size_hw: Size, resample: Resample | None = None) -> Array:
    """Makes one mini-mask.

    Args:
        crop: `(h, w)` bool, the part of a mask inside its box.
        size_hw: Height and width of the mini-mask.
        resample: See `minimise`.

    Returns:
        `size_hw` bool.
    """
    return (resample or _bilinear)(crop, size_hw) >= 0.5


def expand(
    mini_masks: Array, boxes: Array, image_hw: Size, resample: Resample | None = None
) -> Array:
    """Inverts `minimise`, up to the detail that resizing lost.

    Args:
        mini_masks: `(N, h, w)` in 0..1.
        boxes: `(N, 4)` yxyx, whole pixels. Parts outside the image are cut off.
        image_hw: Height and width of the image.
        resample: See `minimise`.

    Returns:
        `(*image_hw, N)` bool.
    """
    resample = resample or _bilinear
    masks = np.zeros((*image_hw, len(mini_masks)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes.astype(int)):
        if y2 > y1 and x2 > x1:
            full = resample(mini_masks[i], (int(y2 - y1), int(x2 - x1))) >= 0.5
            top, bottom = np.clip((y1, y2), 0, image_hw[0])
            left, right = np.clip((x1, x2), 0, image_hw[1])
            masks[top:bottom, left:right, i] = full[top - y1 : bottom - y1, left - x1 : right - x1]
    return masks


def _bilinear(mask: Array, size_hw: Size) -> Array:
    return cv2.resize(mask.astype(np.float32), size_hw[::-1], interpolation=cv2.INTER_LINEAR)
