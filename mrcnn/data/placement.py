"""Placement: where an image lies on the canvas of the network input, and the way there and back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from mrcnn.ops.pixel_convention import ALIGNED, PixelConvention
from mrcnn.typing import Array, Size

# (image, (height, width)) -> image of that size and of the same dtype.
Resample = Callable[[Array, Size], Array]


@dataclass(frozen=True)
class Placement:
    """An original image, scaled and laid on a canvas. All sizes are (height, width) in pixels.

    The corner may lie outside the canvas, and the scaled image may reach beyond it: then the canvas
    shows a part of the image.

    Args:
        original_hw: Size of the original image.
        size_hw: Size of the scaled image.
        corner: (y, x) of the scaled image's top left pixel on the canvas.
        canvas_hw: Size of the canvas.
        scale: The factor that was asked for; `size_hw` is rounded to whole pixels.
    """

    original_hw: Size
    size_hw: Size
    corner: Size
    canvas_hw: Size
    scale: float = field(default=1, compare=False)

    @classmethod
    def from_padding(
        cls,
        original_hw: Sequence[int],
        scale: float,
        padding: Sequence[Any],
        crop: Sequence[int] | None = None,
    ) -> "Placement":
        """Converts the results of Matterport's `resize_image`.

        Args:
            original_hw: Height and width of the original image.
            scale: Factor.
            padding: ((top, bottom), (left, right), ...), pixels; ignored with a crop.
            crop: (y, x, height, width) of the scaled image, pixels.

        Returns:
            The placement that they describe.
        """
        original = (original_hw[0], original_hw[1])
        size = (int(round(original[0] * scale)), int(round(original[1] * scale)))
        if crop is not None:
            y, x, height, width = (int(n) for n in crop)
            return cls(original, size, (-y, -x), (height, width), scale)
        (top, bottom), (left, right) = ((int(before), int(after)) for before, after in padding[:2])
        canvas = (size[0] + top + bottom, size[1] + left + right)
        return cls(original, size, (top, left), canvas, scale)

    @property
    def window(self) -> Array:
        """`(4,)` float32 yxyx: the part of the canvas that the image covers."""
        return np.array(self._on_canvas(), np.float32)

    @property
    def padding(self) -> tuple[Size, Size]:
        """((top, bottom), (left, right)): the black bars around the image, pixels."""
        y1, x1, y2, x2 = self._on_canvas()
        return (y1, self.canvas_hw[0] - y2), (x1, self.canvas_hw[1] - x2)

    @property
    def crop(self) -> tuple[int, int, int, int]:
        """(y, x, height, width): the part of the scaled image that is on the canvas, pixels."""
        y1, x1, y2, x2 = self._on_canvas()
        return y1 - self.corner[0], x1 - self.corner[1], y2 - y1, x2 - x1

    def image(self, image: Array, resample: Resample | None = None) -> Array:
        """Moves an image to the canvas.

        Args:
            image: `(h, w, C)` uint8, the original image or a reduced copy of it.
            resample: Resizes it. Default: `ALIGNED.resample`.

        Returns:
            `(H, W, C)` uint8, black around the image.
        """
        canvas = np.zeros((*self.canvas_hw, *image.shape[2:]), image.dtype)
        self._paint(canvas, image, resample or ALIGNED.resample)
        return canvas

    def mask(self, mask: Array) -> Array:
        """Moves a mask to the canvas, by the nearest pixel.

        Args:
            mask: `(h, w)`, of the original image; every value but 0 is foreground.

        Returns:
            `(H, W)` bool.
        """
        canvas = np.zeros(self.canvas_hw, np.uint8)
        self._paint(canvas, mask.astype(bool, copy=False).view(np.uint8), _nearest)
        return canvas.astype(bool)

    def source_indices(self) -> tuple[Array, Array]:
        """Returns which pixels of the original image a mask on the canvas shows.

        Returns:
            rows: `(window height,)` int64, ascending: the original row at each row of `window`.
            columns: `(window width,)` int64, the same for columns.
        """
        indices = []
        y, x, height, width = self.crop
        for n, size, first, count in zip(self.original_hw, self.size_hw, (y, x), (height, width)):
            index = np.arange(n)
            if n != size:
                # Ask OpenCV, so that the indices are those of `mask` on every platform.
                index = _nearest(index.astype(np.int32)[:, None], (size, 1)).ravel()
            indices.append(index.astype(np.int64)[first : first + count])
        return indices[0], indices[1]

    def window_offsets(self) -> tuple[Array, Array]:
        """Returns where rows and columns of the original image begin in `window`.

        Rows a to b of the image (b excluded) become rows `rows[a]` to `rows[b]` of the window,
        where `rows` is the first result.

        Returns:
            rows: `(h + 1,)` int64, ascending.
            columns: `(w + 1,)` int64, ascending.
        """
        rows, columns = self.source_indices()
        height, width = self.original_hw
        return (
            np.searchsorted(rows, np.arange(height + 1)),
            np.searchsorted(columns, np.arange(width + 1)),
        )

    def scaled(self, factor: float, rng: np.random.Generator) -> "Placement":
        """Scales the image on the same canvas, at a random position.

        Args:
            factor: Of the scaled image's size.
            rng: Draws the position, or where to crop if the image is larger than the canvas.

        Returns:
            The new placement.
        """
        height, width = (max(1, round(n * factor)) for n in self.size_hw)
        # Negative where the image is larger than the canvas: it is cropped at a random place then.
        free = self.canvas_hw[0] - height, self.canvas_hw[1] - width
        y, x = (int(rng.integers(min(n, 0), max(n, 0) + 1)) for n in free)
        return Placement(
            self.original_hw, (height, width), (y, x), self.canvas_hw, self.scale * factor
        )

    def boxes_to_original(self, boxes: Array, convention: PixelConvention = ALIGNED) -> Array:
        """Maps boxes from the canvas to the original image.

        Args:
            boxes: `(N, 4)` yxyx, pixels of the canvas.
            convention: See `PixelConvention.box_to_image`. The two differ by at most |f - 1|
                pixels, where f is the factor from `size_hw` to `original_hw`.

        Returns:
            `(N, 4)` float32 yxyx, pixels of the original image, clipped to it.
        """
        h, w = self.original_hw
        on_image = convention.box_to_image(
            boxes, corner=self.corner, scaled_hw=self.size_hw, image_hw=self.original_hw
        )
        return np.clip(on_image, 0, np.array([h, w, h, w], np.float32))

    def boxes_to_canvas(self, boxes: Array, convention: PixelConvention = ALIGNED) -> Array:
        """Maps boxes from the original image to the canvas; the inverse of `boxes_to_original`.

        Args:
            boxes: `(N, 4)` yxyx, pixels of the original image.
            convention: See `PixelConvention.box_to_input`.

        Returns:
            `(N, 4)` float32 yxyx, pixels of the canvas.
        """
        return convention.box_to_input(
            boxes, corner=self.corner, scaled_hw=self.size_hw, image_hw=self.original_hw
        )

    def _paint(self, canvas: Array, image: Array, resample: Resample) -> None:
        (y, x), (y1, x1, y2, x2) = self.corner, self._on_canvas()
        if tuple(self.size_hw) != image.shape[:2]:
            # OpenCV drops a single channel.
            image = resample(image, self.size_hw).reshape(*self.size_hw, *image.shape[2:])
        canvas[y1:y2, x1:x2] = image[y1 - y : y2 - y, x1 - x : x2 - x]

    def _on_canvas(self) -> tuple[int, int, int, int]:
        """Returns y1, x1, y2, x2 of the scaled image, clipped to the canvas."""
        (y, x), (height, width), (bottom, right) = self.corner, self.size_hw, self.canvas_hw
        return (
            min(max(y, 0), bottom),
            min(max(x, 0), right),
            min(max(y + height, 0), bottom),
            min(max(x + width, 0), right),
        )


def _nearest(image: Array, size_hw: Size) -> Array:
    return cv2.resize(image, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
