"""Sample: an image on the canvas of the network input, with its objects and their columns."""

import dataclasses

import numpy as np

from mrcnn.data.masks.cropped import CroppedMasks
from mrcnn.typing import Array


@dataclasses.dataclass(frozen=True)
class Sample:
    """An image and its N objects, as augmenters get them.

    Args:
        image: `(H, W, C)` uint8.
        masks: N masks on this canvas.
        class_ids: `(N,)` int32; negative for crowds.
        fields: Further columns by name, each `(N, ...)`.
        full_areas: `(N,)` float64, pixels that each object would have if nothing were hidden or
            cut off.
    """

    image: Array
    masks: CroppedMasks
    class_ids: Array
    fields: dict[str, Array]
    full_areas: Array

    @classmethod
    def from_dense(cls, image: Array, masks: Array) -> "Sample":
        """Makes a sample whose objects are all of class 1.

        Args:
            image: `(H, W, C)` uint8.
            masks: `(H, W, N)` bool.

        Returns:
            The sample, without further columns.

        Raises:
            ValueError: For other shapes and dtypes.
        """
        _check(image, masks)
        # Class 1 is a placeholder: augmenters move masks and never read class ids.
        cropped = CroppedMasks.from_dense(masks)
        areas = cropped.areas.astype(np.float64)
        return cls(image, cropped, np.ones(len(cropped), np.int32), {}, areas)

    def keep(self, rows: Array) -> "Sample":
        """Selects objects.

        Args:
            rows: `(n,)` int, indices.

        Returns:
            The same image with these objects and their columns.
        """
        return Sample(
            self.image,
            self.masks.keep(rows),
            self.class_ids[rows],
            {name: column[rows] for name, column in self.fields.items()},
            self.full_areas[rows],
        )

    def with_pixels(self, image: Array, masks: CroppedMasks) -> "Sample":
        """Replaces the pixels; what an augmenter returns.

        Args:
            image: `(H, W, C)` uint8.
            masks: N masks, in the order of the objects.

        Returns:
            The same objects with this image and these masks.
        """
        return dataclasses.replace(self, image=image, masks=masks)


def _check(image: Array, masks: Array) -> None:
    if image.ndim != 3 or image.dtype != np.uint8:
        raise ValueError(
            f"The image must be (H, W, channels) uint8, but it is {image.shape} {image.dtype}. "
            "Augment before the pixel mean is subtracted."
        )
    if masks.ndim != 3 or masks.shape[:2] != image.shape[:2] or masks.dtype != bool:
        raise ValueError(
            f"The masks must be (H, W, N) bool with H, W = {image.shape[:2]}, "
            f"but they are {masks.shape} {masks.dtype}. Augment before masks are cut down to "
            "mini-masks; without objects pass np.zeros((H, W, 0), bool)."
        )
