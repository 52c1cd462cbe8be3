"""Instances: a label map as objects, so that a network that knows none can be scored beside one that does.

Each connected part of a category is an object: two coats that touch are one, and a coat that an arm parts is two.
"""

import cv2
import numpy as np

from fashion.formats import rle
from fashion.semantic.losses import IGNORED

LEAST_SHARE = 0.0005  # of the canvas: smaller parts are noise
_EIGHT = 8  # neighbours of a pixel, also across its corners


def instances_of(labels, probabilities, placement, *, least_share=LEAST_SHARE):
    """The objects of one label map, without the photo's size ever being painted.

    labels: (S, S) uint8 of the canvas; probabilities: (S, S), of each pixel's label; placement: the photo's `Placement` on it
    least_share: parts of fewer pixels than this share of the canvas are dropped
    Returns: list of {"class_id", "score": mean probability, "segmentation": compressed RLE, "bbox": [x, y, w, h]}, photo pixels, by class.
    """
    y1, x1, y2, x2 = placement.window.astype(int)
    inside = np.full_like(labels, IGNORED)
    inside[y1:y2, x1:x2] = labels[y1:y2, x1:x2]
    seen = [
        _canvas_index(n, size, corner)
        for n, size, corner in zip(placement.original_hw, placement.size_hw, placement.corner)
    ]
    found = []
    for class_id in np.setdiff1d(inside, (0, IGNORED)).tolist():
        parts, part, boxes, _ = cv2.connectedComponentsWithStats(
            (inside == class_id).view(np.uint8), connectivity=_EIGHT
        )
        for k in range(1, parts):
            x, y, width, height, area = boxes[k].tolist()
            window = part[y : y + height, x : x + width] == k
            if area >= least_share * labels.size:
                score = float(probabilities[y : y + height, x : x + width][window].mean())
                found += _in_photo(
                    window,
                    (y, x),
                    seen,
                    placement.original_hw,
                    {"class_id": class_id, "score": score},
                )
    return found


def _canvas_index(photo, size, corner):
    """(photo,) int: the canvas' row (or column) under the centre of each of the photo's."""
    return np.floor((np.arange(photo) + 0.5) * size / photo).astype(int) + corner


def _in_photo(window, corner, seen, photo_hw, fields):
    """A window of the canvas at `corner` -> [its object in the photo], or [] if no pixel of the photo shows it."""
    (top, bottom), (left, right) = (
        np.searchsorted(index, (at, at + n)) for index, at, n in zip(seen, corner, window.shape)
    )
    enlarged = window[np.ix_(seen[0][top:bottom] - corner[0], seen[1][left:right] - corner[1])]
    runs = rle.encode_window(enlarged, int(top), int(left), photo_hw)
    if not runs:
        return []
    y1, x1, y2, x2 = rle.box_of_runs(runs, photo_hw).tolist()
    return [
        fields | {"segmentation": rle.to_coco(runs, photo_hw), "bbox": [x1, y1, x2 - x1, y2 - y1]}
    ]
