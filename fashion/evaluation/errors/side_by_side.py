"""Pictures: a photo twice, with its objects and with what was predicted, each in the colour of what became of it."""

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from fashion.evaluation.errors.findings import WORDS
from fashion.evaluation.errors.overlaps import mask_of
from mrcnn.drawing.labels import ink
from mrcnn.drawing.overlays import draw_instances

COLORS = {
    "found": (46, 160, 67),
    "missed": (220, 38, 38),
    "class": (234, 88, 12),
    "location": (37, 99, 235),
    "both": (147, 51, 234),
    "duplicate": (202, 138, 4),
    "background": (220, 38, 38),
    "crowd": (120, 120, 120),
}
_LARGEST_HW = (640, 480)  # pixels, of one of the two pictures
_TEXT, _TITLE = 12, 15  # pixels per em
_GAP = 16  # pixels between the two
_PAPER = 226  # grey, where there is no photo


def side_by_side(photo, row, objects, detections, names, score_threshold, pixels=None):
    """One sheet: truth on the left, prediction on the right.

    photo: image dict; row: its entry of `worst.worst_photos`; objects: its annotations; detections: the list that was analysed
    names: {category_id: name}; score_threshold: what counts as sure; pixels: (H, W, 3) uint8, or None: grey paper
    Returns: (h, w, 3) uint8.
    """
    scale = min(edge / photo[side] for edge, side in zip(_LARGEST_HW, ("height", "width")))
    size_hw = [max(1, round(photo[side] * scale)) for side in ("height", "width")]
    if pixels is None:
        canvas = np.full((*size_hw, 3), _PAPER, np.uint8)
    else:
        canvas = np.array(
            Image.fromarray(pixels).resize(
                size_hw[::-1], Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
            )
        )
    found = {annotation for annotation, _ in row["found"]}
    truth = [
        (a, "crowd" if a.get("iscrowd") else "found" if a["id"] in found else "missed", [])
        for a in objects
    ]
    said = [(detections[place], "found", []) for _, place in row["found"]]
    said += [
        (detections[error["detection"]], error["kind"], [WORDS[error["kind"]]])
        for error in row["errors"]
        if error["detection"] is not None
    ]
    left = _titled(
        _drawn(canvas, photo, truth, names),
        f"truth, {len(truth)} object{'' if len(truth) == 1 else 's'}",
    )
    right = _titled(
        _drawn(canvas, photo, said, names),
        f"prediction, {len(said)} of score {score_threshold:g} or more",
    )
    return np.concatenate([left, np.full((len(left), _GAP, 3), 255, np.uint8), right], axis=1)


def _drawn(canvas, photo, items, names):
    """items: list of (object or detection, kind, further lines of its label)"""
    masks = [
        _shrunk(coco_mask.decode(mask_of(item, photo)), canvas.shape[:2]) for item, _, _ in items
    ]
    boxes = [_box(mask) for mask in masks]
    labels = [
        [
            names[item["category_id"]].split(",")[0]
            + (f" {item['score']:.2f}" if "score" in item else ""),
            *more,
        ]
        for item, _, more in items
    ]
    return draw_instances(
        canvas,
        boxes,
        [(mask, 0, 0) for mask in masks],
        labels,
        colors=np.array([COLORS[kind] for _, kind, _ in items]),
        text_size=_TEXT,
        alpha=0.35,
        show_boxes=False,
    )


def _titled(picture, title):
    """(h, w, 3) with a line of writing above it."""
    letters = ink(title, _TITLE)[:, : picture.shape[1]]
    strip = np.full((letters.shape[0] + 4, picture.shape[1], 3), 255, np.uint8)
    strip[: letters.shape[0], : letters.shape[1]] -= np.round(215 * letters[..., None]).astype(
        np.uint8
    )
    return np.concatenate([strip, picture])


def _shrunk(mask, size_hw):
    """(H, W) 0/1 -> (h, w) bool, nearest pixels."""
    rows, columns = (
        (np.arange(new) * old + old // 2) // new for old, new in zip(mask.shape, size_hw)
    )
    return mask[rows.clip(max=mask.shape[0] - 1)][:, columns.clip(max=mask.shape[1] - 1)] > 0


def _box(mask):
    """(4,) yxyx around a mask; zeros of an empty one."""
    (y, x) = np.nonzero(mask)
    return (y.min(), x.min(), y.max() + 1, x.max() + 1) if len(y) else (0, 0, 0, 0)
