"""Views of an image for test-time augmentation: mirrored, larger or smaller on its canvas.

A view changes the canvas of the network input, not the original image. A box is mirrored by its
edges, x becomes W - x, which both pixel conventions share, so that no half pixel is lost.
"""

import itertools
import re
from dataclasses import dataclass

import numpy as np

from mrcnn.data.placement import Placement
from mrcnn.data.resize import CANVAS_MULTIPLE
from mrcnn.typing import Array

__all__ = ["ONE_VIEW", "View", "views_of"]

LEAST_SCALE, LARGEST_SCALE = 0.25, 4.0


@dataclass(frozen=True)
class View:
    """One way to show an image to the network.

    Attributes:
        mirror: Whether left and right are swapped.
        scale: Of the image and its canvas. The sides of the canvas are rounded up to multiples of
            64, and the image is centred.
    """

    mirror: bool = False
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not LEAST_SCALE <= self.scale <= LARGEST_SCALE:
            raise ValueError(
                f"The scale of a view lies in {LEAST_SCALE} to {LARGEST_SCALE}. Got {self.scale}."
            )

    def place(self, placement: Placement) -> Placement:
        """Computes where the view shows the image.

        Args:
            placement: Where the image lies on the canvas without augmentation.

        Returns:
            The placement before mirroring; `placement` itself for a scale of 1.
        """
        if self.scale == 1:
            return placement
        height, width = (max(1, round(n * self.scale)) for n in placement.size_hw)
        rows, columns = (
            -(-round(n * self.scale) // CANVAS_MULTIPLE) * CANVAS_MULTIPLE
            for n in placement.canvas_hw
        )
        corner = ((rows - height) // 2, (columns - width) // 2)
        scale = placement.scale * self.scale
        return Placement(placement.original_hw, (height, width), corner, (rows, columns), scale)

    def canvas(self, image: Array) -> Array:
        """Mirrors canvases, or arrays of masks, if the view does; its own inverse.

        Args:
            image: `(..., H, W, C)`.

        Returns:
            The same shape, contiguous.
        """
        return np.ascontiguousarray(image[..., ::-1, :]) if self.mirror else image

    def masks(self, masks: Array) -> Array:
        """Mirrors masks if the view does; its own inverse.

        Args:
            masks: `(..., h, w)`, each filling its box.

        Returns:
            The same shape.
        """
        return masks[..., ::-1] if self.mirror else masks

    def boxes(self, boxes: Array, width: int) -> Array:
        """Mirrors boxes if the view does; its own inverse.

        Args:
            boxes: `(..., 4)` yxyx, by edges, pixels of the canvas.
            width: Of the canvas, pixels.

        Returns:
            `(..., 4)` of the same dtype.
        """
        if not self.mirror:
            return boxes
        y1, x1, y2, x2 = np.moveaxis(boxes, -1, 0)
        return np.stack([y1, width - x2, y2, width - x1], axis=-1).astype(boxes.dtype)


ONE_VIEW = (View(),)


def views_of(text: str) -> tuple[View, ...]:
    """Reads a list of views: every size, and if asked for the mirror image of each.

    Args:
        text: "mirror" and factors such as "1.33x", separated by commas. The unscaled image is
            always among the views; "" and "none" are this one alone.

    Returns:
        The views, the unchanged one first.

    Raises:
        ValueError: A word is neither.
    """
    mirrors, scales = [False], [1.0]
    for word in (part.strip().lower() for part in text.split(",")):
        if word == "mirror":
            mirrors = [False, True]
        elif re.fullmatch(r"\d*\.?\d+x", word):
            scales.append(float(word[:-1]))
        elif word not in ("", "none"):
            raise ValueError(
                f'Test-time augmentation is a list of "mirror" and factors such as "1.33x". '
                f"Got {word!r}."
            )
    scales = list(dict.fromkeys(scales))
    return tuple(View(mirror, scale) for scale, mirror in itertools.product(scales, mirrors))
