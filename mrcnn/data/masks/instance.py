"""Masks of single objects: their boxes, and their copies cut to the box and shrunk to a fixed size (mini-masks)."""

import cv2
import numpy as np


def boxes_of_masks(masks):
    """The tight box of every mask: (H, W, N) bool -> (N, 4) float32 yxyx; zeros for an empty mask."""
    rows, columns = masks.any(axis=1), masks.any(axis=0)  # (H, N), (W, N)
    boxes = np.zeros((masks.shape[2], 4), np.float32)
    for i in np.flatnonzero(rows.any(axis=0)):
        y, x = np.flatnonzero(rows[:, i]), np.flatnonzero(columns[:, i])
        boxes[i] = y[0], x[0], y[-1] + 1, x[-1] + 1
    return boxes


def minimise(masks, boxes, size_hw, resample=None):
    """Mini-masks: (H, W, N) bool, (N, 4) yxyx of whole pixels -> (N, *size_hw) uint8 of 0 and 1, each filling its box.

    resample: callable (mask (h, w), (height, width)) -> (height, width) float, of which 0.5 and more is 1; default: bilinear, and
    constant in the half cell along the border of the box. A mask whose box is empty gives zeros.
    """
    mini = np.zeros((masks.shape[2], *size_hw), np.uint8)
    for i, (y1, x1, y2, x2) in enumerate(boxes.astype(int)):
        if y2 > y1 and x2 > x1:
            mini[i] = mini_mask(masks[y1:y2, x1:x2, i], tuple(size_hw), resample)
    return mini


def mini_mask(window, size_hw, resample=None):
    """One mini-mask: what of a mask lies in its box, (h, w) bool -> (*size_hw) bool; resample: as in `minimise`."""
    return (resample or _bilinear)(window, size_hw) >= 0.5


def expand(mini_masks, boxes, image_hw, resample=None):
    """The inverse of `minimise`, up to what shrinking lost: (N, h, w) of 0..1, (N, 4) yxyx of whole pixels -> (H, W, N) bool.

    Parts of a box outside the image are cut off; resample: as in `minimise`.
    """
    resample = resample or _bilinear
    masks = np.zeros((*image_hw, len(mini_masks)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes.astype(int)):
        if y2 > y1 and x2 > x1:
            full = resample(mini_masks[i], (int(y2 - y1), int(x2 - x1))) >= 0.5
            (top, bottom), (left, right) = (
                np.clip((y1, y2), 0, image_hw[0]),
                np.clip((x1, x2), 0, image_hw[1]),
            )
            masks[top:bottom, left:right, i] = full[top - y1 : bottom - y1, left - x1 : right - x1]
    return masks


def _bilinear(mask, size_hw):
    return cv2.resize(mask.astype(np.float32), size_hw[::-1], interpolation=cv2.INTER_LINEAR)
