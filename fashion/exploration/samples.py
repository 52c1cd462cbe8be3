"""Samples: some objects of a class, cut out of their photos with their masks drawn, on one sheet."""

import cv2
import numpy as np

from fashion.formats import rle
from mrcnn.drawing.grid import image_grid
from mrcnn.drawing.overlays import draw_instances

CELL_HW = (192, 159)  # pixels of one picture; six side by side are as wide as a page
_AROUND = 1.5  # the cut is so many times as large as the box,
_LEAST = 0.15  # and at least this share of the photo's sides
_ALPHA = 0.35


def sample_rows(objects, class_id, count, seed=0):
    """At most `count` objects of a class, each of another photo, drawn by `seed`: a list of ints."""
    some = np.random.default_rng([seed, class_id]).permutation(
        np.flatnonzero(objects.class_ids == class_id)
    )
    _, first = np.unique(objects.image[some], return_index=True)
    return some[np.sort(first)][:count].tolist()


def contact_sheet(dataset, objects, rows, color):
    """(H, W, 3) uint8: the objects `rows` side by side, each with its photo's name above. color: (3,) uint8

    dataset: its `load_image` reads photos, its `annotations` the runs. Raises OSError or ValueError where a photo cannot be read.
    """
    pictures = [
        cut_out(dataset.load_image(int(objects.image[row])), text, objects.boxes[row], color)
        for row, text in zip(rows, dataset.annotations.runs_of(rows), strict=True)
    ]
    return image_grid(
        pictures,
        [objects.image_ids[objects.image[row]] for row in rows],
        columns=len(rows),
        cell_hw=CELL_HW,
    )


def cut_out(photo, runs, box, color):
    """(h, w, 3) uint8 of at most CELL_HW: what surrounds a box, (4,) yxyx, with the mask drawn. photo: (H, W, 3) uint8"""
    size_hw = np.array(photo.shape[:2])
    low, high = _surroundings(np.asarray(box), size_hw)
    cut = tuple(slice(a, b) for a, b in zip(low, high))
    picture, mask = photo[cut], rle.decode(runs, size_hw)[cut]
    scale = min(np.divide(CELL_HW, picture.shape[:2]))
    new = tuple(int(max(1, round(n * scale))) for n in picture.shape[:2])
    picture = cv2.resize(
        picture, new[::-1], interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    covered = (
        cv2.resize(
            mask.astype(np.float32),
            new[::-1],
            interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST,
        )
        >= 0.5
    )
    return draw_instances(
        picture, [(0, 0, *new)], [(covered, 0, 0)], colors=[color], alpha=_ALPHA, show_boxes=False
    )


def _surroundings(box, size_hw):
    """(low, high), (2,) ints each: the part of a photo around a box, in the shape of a cell where the photo has room for it."""
    sides = np.maximum((box[2:] - box[:2]) * _AROUND, _LEAST * size_hw.min())
    sides = np.array(CELL_HW) * max(sides / CELL_HW)
    low = np.floor((box[:2] + box[2:] - sides) / 2)
    low = np.clip(low, 0, np.maximum(size_hw - sides, 0))
    return low.astype(int), np.minimum(np.ceil(low + sides), size_hw).astype(int)
