"""Resolving overlaps: the masks of one image as run lengths, no pixel twice within a category.

Kaggle's rule: masks of one image with the same `ClassId` share no pixel. In 2019 a `ClassId`
includes the attributes; here the category alone counts in both years. That is stricter than 2019
asks for, is safe however the server reads the rule, and costs next to nothing: two overlapping
masks of one category are nearly always one garment detected twice. Masks of different categories
may overlap, as a sleeve and its dress.
"""

from collections.abc import Sequence

import numpy as np

from fashion.formats import rle
from fashion.submission import MIN_SHARE
from mrcnn.inference.pasting import paste_window
from mrcnn.typing import Array, Size


def resolve(
    masks: Sequence[Array] | Array,
    boxes: Array,
    category_ids: Sequence[int] | Array,
    scores: Sequence[float] | Array,
    *,
    image_hw: Size,
    frame_hw: Size,
    threshold: float | Array = 0.5,
    min_area: int = 1,
    min_share: float = MIN_SHARE,
) -> list[tuple[int, str]]:
    """Pastes masks into the frame of a submission; the higher score keeps a shared pixel.

    Masks are pasted into the frame directly, never at the size of the original image.

    Args:
        masks: N times `(h, w)` float, probabilities, each filling its box.
        boxes: `(N, 4)` yxyx, pixels of the original image.
        category_ids: `(N,)` int.
        scores: `(N,)` float; of equal scores the earlier mask keeps the pixel.
        image_hw: (height, width) of the original image.
        frame_hw: (height, width) of the submission's masks.
        threshold: A mask covers the pixels where it is at least this; one number or `(N,)`.
        min_area: Masks left with fewer pixels of the frame are dropped; empty ones always are.
        min_share: Masks left with a smaller share of their own pixels are dropped, 0..1. They take
            no pixels from others.

    Returns:
        (index, run lengths) of the masks that are kept, highest score first.
    """
    category_ids, scores = np.asarray(category_ids), np.asarray(scores, np.float64)
    scale = np.array([frame_hw[0] / image_hw[0], frame_hw[1] / image_hw[1]] * 2)
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4) * scale
    thresholds = np.broadcast_to(threshold, len(boxes))
    order = np.argsort(-scores, kind="stable")
    kept: dict[int, str] = {}
    for category_id in np.unique(category_ids):
        members = order[category_ids[order] == category_id]
        # A category with one mask needs no canvas.
        taken = np.zeros(frame_hw, bool) if len(members) > 1 else np.zeros((0, 0), bool)
        for i in members:
            window, top, left = paste_window(masks[i], boxes[i], frame_hw, thresholds[i])
            region = taken[top : top + window.shape[0], left : left + window.shape[1]]
            if _claim(window, region, min_area, min_share):
                kept[int(i)] = rle.encode_window(window, top, left, frame_hw)
    return [(int(i), kept[int(i)]) for i in order if int(i) in kept]


def _claim(window: Array, taken: Array, min_area: int, min_share: float) -> bool:
    """Removes taken pixels from a mask and takes the rest, both in place; False if too few remain.

    `taken` is the part of the canvas under the window, or empty if there is no canvas.
    """
    whole = window.sum()
    if taken.size:
        window &= ~taken
    if window.sum() < max(1, min_area, min_share * whole):
        return False
    if taken.size:
        taken |= window
    return True
