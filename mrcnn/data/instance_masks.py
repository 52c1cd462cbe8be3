"""Masks of single objects: their boxes, and their copies cut to the box and shrunk to a fixed size (mini-masks)."""
import cv2
import numpy as np


def boxes_of_masks(masks):
    """The tight box of every mask: (H, W, N) bool -> (N, 4) float32 yxyx; zeros for an empty mask."""
    rows, columns = masks.any(axis=1), masks.any(axis=0)                       # (H, N), (W, N)
    boxes = np.zeros((masks.shape[2], 4), np.float32)
    for i in np.flatnonzero(rows.any(axis=0)):
        y, x = np.flatnonzero(rows[:, i]), np.flatnonzero(columns[:, i])
        boxes[i] = y[0], x[0], y[-1] + 1, x[-1] + 1
    return boxes


def minimise(masks, boxes, size_hw):
    """Mini-masks: (H, W, N) bool, (N, 4) yxyx of whole pixels -> (N, *size_hw) uint8 of 0 and 1, each filling its box."""
    mini = np.zeros((masks.shape[2], *size_hw), np.uint8)
    for i, (y1, x1, y2, x2) in enumerate(boxes.astype(int)):
        if y2 > y1 and x2 > x1:
            cut = masks[y1:y2, x1:x2, i].astype(np.float32)
            mini[i] = cv2.resize(cut, size_hw[::-1], interpolation=cv2.INTER_LINEAR) >= 0.5
    return mini
