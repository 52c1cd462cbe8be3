"""Sheets of sample objects of a class, cropped from their images with the masks drawn."""

from collections.abc import Sequence

import cv2
import numpy as np

from fashion.exploration.objects import AnnotatedDataset, Objects
from fashion.formats import rle
from mrcnn.drawing.grid import image_grid
from mrcnn.drawing.overlays import draw_instances
from mrcnn.typing import Array

CELL_HW = (192, 159)  # pixels of a crop; six side by side are as wide as a page
_CONTEXT = 1.5  # sides of the crop over those of the box
_MIN_CROP = 0.15  # least share of the image's shorter side
_ALPHA = 0.35


def sample_rows(objects: Objects, class_id: int, count: int, seed: int = 0) -> list[int]:
    """Draws objects of a class, each from another image.

    Args:
        objects: Objects of a data set.
        class_id: 1 to K.
        count: At most this many.
        seed: Of the draw.

    Returns:
        Indices of objects.
    """
    # Each from another image: objects of one outfit look alike.
    of_class = np.flatnonzero(objects.class_ids == class_id)
    shuffled = np.random.default_rng([seed, class_id]).permutation(of_class)
    _, first = np.unique(objects.image[shuffled], return_index=True)
    return shuffled[np.sort(first)][:count].tolist()


def sample_sheet(
    dataset: AnnotatedDataset, objects: Objects, rows: Sequence[int], color: Array
) -> Array:
    """Draws sample objects side by side, each below the name of its image.

    Args:
        dataset: Reads images and run lengths.
        objects: Its objects.
        rows: Indices of the objects to draw.
        color: `(3,)` uint8 RGB of the masks.

    Returns:
        `(H, W, 3)` uint8 RGB.

    Raises:
        OSError: If an image cannot be read.
    """
    crops = []
    for row, runs in zip(rows, dataset.annotations.runs_of(rows), strict=True):
        image = dataset.load_image(int(objects.image[row]))
        crops.append(crop_object(image, runs, objects.boxes[row], color))
    titles = [objects.image_ids[objects.image[row]] for row in rows]
    return image_grid(crops, titles, columns=len(rows), cell_hw=CELL_HW)


def crop_object(image: Array, runs: str, box: Array | Sequence[int], color: Array) -> Array:
    """Crops an object with its surroundings and draws its mask.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        runs: Run lengths of the mask.
        box: `(4,)` yxyx, pixels.
        color: `(3,)` uint8 RGB of the mask.

    Returns:
        `(h, w, 3)` uint8 RGB, at most `CELL_HW`.
    """
    size_hw = np.array(image.shape[:2])
    low, high = _surroundings(np.asarray(box), size_hw)
    crop = tuple(slice(a, b) for a, b in zip(low, high))
    image, mask = image[crop], rle.decode(runs, image.shape[:2])[crop]
    scale = min(np.divide(CELL_HW, image.shape[:2]))
    new_hw = tuple(int(max(1, round(n * scale))) for n in image.shape[:2])
    # Averaging shrinks without aliasing; enlarged masks keep their pixels visible.
    interpolation, mask_interpolation = (
        (cv2.INTER_AREA, cv2.INTER_AREA) if scale < 1 else (cv2.INTER_CUBIC, cv2.INTER_NEAREST)
    )
    image = cv2.resize(image, new_hw[::-1], interpolation=interpolation)
    resized = cv2.resize(mask.astype(np.float32), new_hw[::-1], interpolation=mask_interpolation)
    return draw_instances(
        image,
        [(0, 0, *new_hw)],
        [(resized >= 0.5, 0, 0)],
        colors=[color],
        alpha=_ALPHA,
        show_boxes=False,
    )


def _surroundings(box: Array, size_hw: Array) -> tuple[Array, Array]:
    """(low, high), (2,) ints each: the area around a box, in the aspect of a cell if it fits."""
    sides = np.maximum((box[2:] - box[:2]) * _CONTEXT, _MIN_CROP * size_hw.min())
    sides = np.array(CELL_HW) * max(sides / CELL_HW)
    low = np.floor((box[:2] + box[2:] - sides) / 2)
    low = np.clip(low, 0, np.maximum(size_hw - sides, 0))
    return low.astype(int), np.minimum(np.ceil(low + sides), size_hw).astype(int)
