"""Cut-outs and background crops: objects without their surroundings, and surroundings without them.

Detectors fail on product shots, because they rely on what usually surrounds an object and on its
usual size (Velioglu et al. 2024, arXiv:2404.08582). And a network that has seen every image with
objects in the middle finds some everywhere.
"""

import dataclasses

import cv2
import numpy as np

from mrcnn.data.augmentation.copy_paste import with_parts
from mrcnn.data.masks.cropped import CroppedMasks
from mrcnn.data.sample import Sample
from mrcnn.typing import Array, Size

SHARES = (0.3, 0.95)  # of the canvas that the longer side of a cut-out takes, in proportion
MOST_MAGNIFIED = 4.0
LEAST_AREA = 0.002  # of the canvas: smaller objects are not cut out
WHITE_GROUNDS = 0.5  # share of grounds that are white or nearly so
WINDOWS = (0.15, 0.5)  # sides of a background crop, in shares of the canvas
LEAST_IMAGE = 0.9  # share of a background crop that is not padding
TRIES = 10


class CutOuts:
    """Leaves one object, with its parts, on a plain ground.

    Args:
        probability: Share of the images that become a cut-out.
    """

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """See `mrcnn.data.augmentation.pipeline.Augmenter.augment`.

        Args:
            sample: Image and objects.
            rng: Source of randomness.

        Returns:
            The cut-out, or the sample as it is.
        """
        if rng.random() >= self.probability:
            return sample
        canvas_hw = sample.masks.canvas_hw
        large = sample.masks.areas >= LEAST_AREA * np.prod(canvas_hw)
        candidates = np.flatnonzero(large & (sample.class_ids > 0))
        if not len(candidates):
            return sample
        chosen = with_parts(sample, rng.choice(candidates, size=1))
        kept = sample.keep(chosen)
        height, width = _extent(kept.masks)
        share = rng.uniform(*SHARES)
        scale = min(share * canvas_hw[0] / height, share * canvas_hw[1] / width, MOST_MAGNIFIED)
        free = np.array(canvas_hw) - np.maximum(np.round(scale * np.array([height, width])), 1)
        corner = np.floor(rng.random(2) * (free + 1)).astype(int)
        ground = _ground(rng, sample.image.shape[2])
        image, masks = on_plain_ground(
            sample.image, kept.masks, canvas_hw, scale=scale, corner=corner, ground=ground
        )
        areas = kept.full_areas * scale**2
        return dataclasses.replace(kept.with_pixels(image, masks), full_areas=areas)


class BackgroundCrops:
    """Enlarges a part of the image that shows no object.

    Args:
        probability: Share of the images that become one, if a part without objects is found.
    """

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """See `mrcnn.data.augmentation.pipeline.Augmenter.augment`.

        Args:
            sample: Image and objects.
            rng: Source of randomness.

        Returns:
            An image without objects, or the sample as it is.
        """
        if rng.random() >= self.probability:
            return sample
        height, width = sample.masks.canvas_hw
        occupied = sample.masks.union()
        for _ in range(TRIES):
            side = rng.uniform(*WINDOWS)
            h, w = max(int(side * height), 1), max(int(side * width), 1)
            y, x = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
            part = sample.image[y : y + h, x : x + w]
            is_empty = not occupied[y : y + h, x : x + w].any()
            # The padding around an image is black.
            if is_empty and part.any(axis=2).mean() >= LEAST_IMAGE:
                image = _channels(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR))
                none = sample.keep(np.zeros(0, int))
                return none.with_pixels(image, none.masks)
        return sample


def on_plain_ground(
    image: Array,
    masks: CroppedMasks,
    canvas_hw: Size,
    *,
    scale: float,
    corner: Array | tuple[int, int],
    ground: Array,
) -> tuple[Array, CroppedMasks]:
    """Cuts objects out of an image and lays them on a plain ground.

    Args:
        image: `(h, w, C)` uint8.
        masks: At least one mask with pixels, on `image`.
        canvas_hw: Height and width of the result.
        scale: Factor on the size of the objects.
        corner: y and x of the top left corner of the box around all masks, in the result.
        ground: `(C,)`, the colour of the ground.

    Returns:
        `(H, W, C)` uint8 and the masks on it. What lies outside the canvas is cut off.
    """
    covered = masks.union()
    (y1, x1), (y2, x2) = (edge(np.argwhere(covered), axis=0) for edge in (np.min, np.max))
    inside = slice(y1, y2 + 1), slice(x1, x2 + 1)
    height, width = (max(int(round(scale * n)), 1) for n in covered[inside].shape)
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR

    def resized(plane):
        plane = np.ascontiguousarray(plane)
        return cv2.resize(plane, (width, height), interpolation=smooth)

    # Edges are blended: hard ones would tell a network what was cut out.
    opacity = resized(covered[inside].astype(np.float32))[:, :, None]
    pixels = _channels(resized(image[inside])).astype(np.float32)
    blended = np.round(opacity * pixels + (1 - opacity) * np.asarray(ground, np.float32))
    canvas = np.empty((*canvas_hw, image.shape[2]), np.uint8)
    canvas[:] = np.asarray(ground, np.uint8)
    y, x = int(corner[0]), int(corner[1])
    visible = canvas[y : y + height, x : x + width]
    visible[:] = blended[: visible.shape[0], : visible.shape[1]]
    dense = np.zeros((*canvas_hw, len(masks)), bool)
    for i, mask in enumerate(masks.dense().transpose(2, 0, 1)):
        moved = resized(mask[inside].astype(np.float32)) >= 0.5
        dense[y : y + height, x : x + width, i] = moved[: visible.shape[0], : visible.shape[1]]
    return canvas, CroppedMasks.from_dense(dense)


def _extent(masks: CroppedMasks) -> Array:
    """Height and width of the box around all masks."""
    corners = masks.boxes[masks.areas > 0]
    return corners[:, 2:].max(axis=0) - corners[:, :2].min(axis=0)


def _ground(rng, channels):
    if rng.random() < WHITE_GROUNDS:
        return np.full(channels, rng.integers(235, 256))
    return rng.integers(0, 256, channels)


def _channels(image: Array) -> Array:
    """With an axis for channels, which OpenCV drops if there is one."""
    return image if image.ndim == 3 else image[:, :, None]
