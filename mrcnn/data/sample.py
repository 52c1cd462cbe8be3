"""Sample: a picture on the canvas of the network input with all that is known of its objects."""

import dataclasses

import numpy as np

from mrcnn.data.masks.cropped import CroppedMasks


@dataclasses.dataclass(frozen=True)
class Sample:
    """image: (H, W, C) uint8; masks: `CroppedMasks` of N objects; class_ids: (N,) int32; fields: {name: (N, ...)}, further columns
    whole: (N,) float64, how many pixels each object would have if nothing of it were hidden or cut off
    """

    image: np.ndarray
    masks: CroppedMasks
    class_ids: np.ndarray
    fields: dict
    whole: np.ndarray

    @classmethod
    def of(cls, image, masks):
        """Of an image (H, W, C) uint8 and its masks (H, W, N) bool, all of class 1. Raises ValueError for other shapes and types."""
        _check(image, masks)
        masks = CroppedMasks.from_dense(masks)
        return cls(image, masks, np.ones(len(masks), np.int32), {}, masks.areas.astype(np.float64))

    def keep(self, rows):
        """These objects only, with all their columns: (n,) indices."""
        fields = {name: column[rows] for name, column in self.fields.items()}
        return Sample(
            self.image, self.masks.keep(rows), self.class_ids[rows], fields, self.whole[rows]
        )

    def moved(self, image, masks):
        """The same objects with other pixels: what an augmenter returns."""
        return dataclasses.replace(self, image=image, masks=masks)


def _check(image, masks):
    if image.ndim != 3 or image.dtype != np.uint8:
        raise ValueError(
            f"The image must be (H, W, channels) uint8, but it is {image.shape} {image.dtype}. "
            "Augment before the pixel mean is subtracted."
        )
    if masks.ndim != 3 or masks.shape[:2] != image.shape[:2] or masks.dtype != bool:
        raise ValueError(
            f"The masks must be (H, W, N) bool with H, W = {image.shape[:2]}, "
            f"but they are {masks.shape} {masks.dtype}. "
            "Augment before masks are cut down to mini-masks; without objects pass np.zeros((H, W, 0), bool)."
        )
