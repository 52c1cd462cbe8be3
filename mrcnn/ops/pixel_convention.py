"""Pixel conventions: where pixels lie in boxes, masks and feature maps.

`ALIGNED` is that of Detectron2 and torchvision: a pixel is a unit square, a box is given by its
edges, and cells have their centres at halves. `CORNERS` is that of Matterport's weights: a box is
given by its corner pixels, both inside it, and the corner pixels of images and feature maps lie on
each other. The two differ by a pixel in every height and width.

Weights are trained in one of them, so a `Detector` has a convention, and its results carry it.
`mrcnn` passes one of these two objects; only front doors and files use the names.

This module works on NumPy arrays and on tensors, and imports without Keras.
"""

import cv2
import numpy as np

from mrcnn.typing import Array, Size, Tensor

# CORNERS: the (y2, x2) of a box by its edges lies one pixel outside.
OUTSIDE = np.array([0.0, 0.0, 1.0, 1.0])


class PixelConvention:
    """What depends on the convention; `ALIGNED` and `CORNERS` are the only two.

    Attributes:
        name: "aligned" or "corners", as in `Config.ROI_ALIGN` and in weight files.
        cell_margin: From the edge of a box to the centres of its outer mask cells, in cells.
        paste_edge: What is read in the outer half cell of a pasted mask: "constant", the outermost
            cell, or "zero", a ramp to 0.
    """

    name: str
    cell_margin: float
    paste_edge: str

    def __repr__(self) -> str:
        return self.name.upper()

    def __reduce__(self) -> tuple:
        return convention_named, (self.name,)  # copies and pickles are the same object

    def measure(self, boxes: Tensor) -> Tensor:
        """Converts boxes by their edges to boxes as the network measures them.

        Args:
            boxes: `(..., 4)` float32, yxyx, by edges.

        Returns:
            `(..., 4)` float32, yxyx.
        """
        raise NotImplementedError

    def unmeasure(self, boxes: Tensor, valid: Tensor) -> Tensor:
        """Inverts `measure`; rows of padding stay zero.

        Args:
            boxes: `(..., 4)` float32, yxyx, as the network measures them.
            valid: `(...,)` bool, False for padding.

        Returns:
            `(..., 4)` float32, yxyx, by edges.
        """
        raise NotImplementedError

    def is_nonempty(self, boxes: Tensor) -> Tensor:
        """Returns which boxes contain a pixel.

        Args:
            boxes: `(..., 4)` yxyx, as the network measures them.

        Returns:
            `(...,)` bool.
        """
        raise NotImplementedError

    def box_to_image(self, boxes: Array, *, corner: Size, scaled_hw: Size, image_hw: Size) -> Array:
        """Maps boxes from the network input to the original image; does not clip.

        Args:
            boxes: `(N, 4)` yxyx, pixels of the network input, by edges.
            corner: (y, x) of the scaled image's top left pixel in the network input.
            scaled_hw: (height, width) of the scaled image, pixels.
            image_hw: (height, width) of the original image, pixels.

        Returns:
            `(N, 4)` float32, yxyx, pixels of the original image.
        """
        raise NotImplementedError

    def box_to_input(self, boxes: Array, *, corner: Size, scaled_hw: Size, image_hw: Size) -> Array:
        """Maps boxes from the original image to the network input; the inverse of `box_to_image`.

        Args:
            boxes: `(N, 4)` yxyx, pixels of the original image.
            corner: As in `box_to_image`.
            scaled_hw: As in `box_to_image`.
            image_hw: As in `box_to_image`.

        Returns:
            `(N, 4)` float32, yxyx, pixels of the network input.
        """
        raise NotImplementedError

    def resample(self, image: Array, size_hw: Size) -> Array:
        """Resizes an image for the network.

        Args:
            image: `(h, w)` or `(h, w, C)` uint8.
            size_hw: (height, width) of the result.

        Returns:
            `(*size_hw)` or `(*size_hw, C)` uint8; OpenCV may drop a single channel.
        """
        raise NotImplementedError


class _Aligned(PixelConvention):
    name, cell_margin, paste_edge = "aligned", 0.5, "constant"

    def measure(self, boxes: Tensor) -> Tensor:
        return boxes

    def unmeasure(self, boxes: Tensor, valid: Tensor) -> Tensor:
        return boxes

    def is_nonempty(self, boxes: Tensor) -> Tensor:
        return (boxes[..., 2] > boxes[..., 0]) & (boxes[..., 3] > boxes[..., 1])

    def box_to_image(self, boxes: Array, *, corner: Size, scaled_hw: Size, image_hw: Size) -> Array:
        """Lays the edges of the scaled image on those of the original one."""
        scale = np.array([image_hw[0] / scaled_hw[0], image_hw[1] / scaled_hw[1]] * 2, np.float32)
        return (np.asarray(boxes, np.float32) - np.array([*corner, *corner], np.float32)) * scale

    def box_to_input(self, boxes: Array, *, corner: Size, scaled_hw: Size, image_hw: Size) -> Array:
        on_scaled = boxes * np.tile(np.divide(scaled_hw, image_hw), 2)
        return (on_scaled + np.tile(corner, 2)).astype(np.float32)

    def resample(self, image: Array, size_hw: Size) -> Array:
        """Averages pixels where the image shrinks, interpolates bilinearly where it grows."""
        shrinks = size_hw[0] < image.shape[0]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return cv2.resize(image, size_hw[::-1], interpolation=method)


class _Corners(PixelConvention):
    name, cell_margin, paste_edge = "corners", 0.0, "zero"

    def measure(self, boxes: Tensor) -> Tensor:
        return boxes - OUTSIDE.astype(np.float32)

    def unmeasure(self, boxes: Tensor, valid: Tensor) -> Tensor:
        from keras import ops  # not at the top: this module imports without Keras

        return (boxes + OUTSIDE.astype(np.float32)) * ops.cast(valid, "float32")[..., None]

    def is_nonempty(self, boxes: Tensor) -> Tensor:
        """A box without extent contains one pixel, that of both its corners."""
        return (boxes[..., 2] >= boxes[..., 0]) & (boxes[..., 3] >= boxes[..., 1])

    def box_to_image(self, boxes: Array, *, corner: Size, scaled_hw: Size, image_hw: Size) -> Array:
        """Lays the corner pixels on each other, as Matterport's `denorm_boxes` does."""
        on_scaled = np.asarray(boxes, np.float64) - np.array([*corner, *corner])
        return from_unit(to_unit(on_scaled, scaled_hw), image_hw).astype(np.float32)

    def box_to_input(self, boxes: Array, *, corner: Size, scaled_hw: Size, image_hw: Size) -> Array:
        on_scaled = from_unit(to_unit(boxes, image_hw), scaled_hw)
        return (on_scaled + np.tile(corner, 2)).astype(np.float32)

    def resample(self, image: Array, size_hw: Size) -> Array:
        """Interpolates as `bilinear_on_black`."""
        return bilinear_on_black(image, size_hw)


ALIGNED: PixelConvention = _Aligned()
CORNERS: PixelConvention = _Corners()
_BY_NAME = {convention.name: convention for convention in (ALIGNED, CORNERS)}


def convention_named(convention: "str | PixelConvention") -> PixelConvention:
    """Returns `ALIGNED` or `CORNERS` for its name.

    Args:
        convention: "aligned", "corners", or one of the two objects.

    Returns:
        The object.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(convention, PixelConvention):
        return convention
    if convention not in _BY_NAME:
        raise ValueError(f'A pixel convention is "aligned" or "corners". Got {convention!r}.')
    return _BY_NAME[convention]


def convention_of_setting(roi_align: str) -> PixelConvention:
    """Returns the convention of a value of `Config.ROI_ALIGN`.

    Args:
        roi_align: "auto", "aligned" or "corners". "auto" is ALIGNED until a detector loads weights
            of the other convention.

    Returns:
        The object.
    """
    return ALIGNED if roi_align == "auto" else convention_named(roi_align)


def to_unit(boxes: Array, image_hw: Size) -> Array:
    """Converts pixels to fractions of the image, Matterport's normalised coordinates.

    Args:
        boxes: `(..., 4)` yxyx, pixels, by edges.
        image_hw: (height, width) of the image; further numbers are ignored.

    Returns:
        `(..., 4)` float64, yxyx; the box of the whole image is 0, 0, 1, 1.
    """
    return (np.asarray(boxes, np.float64) - OUTSIDE) / _steps(image_hw)


def from_unit(boxes: Array, image_hw: Size) -> Array:
    """Converts fractions of the image to pixels; the inverse of `to_unit`.

    Args:
        boxes: `(..., 4)` yxyx, fractions.
        image_hw: (height, width) of the image; further numbers are ignored.

    Returns:
        `(..., 4)` float64, yxyx, pixels, by edges, not rounded.
    """
    return np.asarray(boxes, np.float64) * _steps(image_hw) + OUTSIDE


def bilinear_on_black(image: Array, size_hw: Size) -> Array:
    """Resizes an image as Matterport did: scikit-image's `resize` with the defaults of its time.

    Bilinear between the nearest pixels, also where the image shrinks; black beyond its edge;
    fractions cut off. Matterport's weights expect such images.

    Args:
        image: `(h, w, C)` or `(h, w)` uint8.
        size_hw: (height, width) of the result.

    Returns:
        `(*size_hw, C)` or `(*size_hw)` uint8.
    """
    out = cv2.resize(image.astype(np.float32), size_hw[::-1], interpolation=cv2.INTER_LINEAR)
    out = out.reshape(*size_hw, *image.shape[2:])
    for axis, (n, cells) in enumerate(zip(size_hw, image.shape, strict=False)):
        at = (np.arange(n) + 0.5) * (cells / n) - 0.5
        inside = 1 - np.maximum(-at, 0) - np.maximum(at - (cells - 1), 0)
        shape = (-1, *(1,) * (out.ndim - 1 - axis))
        out = out * inside.astype(np.float32).reshape(shape)
    # float32 may fall just short of a whole number, which would lose 1 when cut off.
    return (out + 1e-4).astype(np.uint8)


def _steps(image_hw):
    # From the first to the last pixel of each side; an image one pixel wide has no step.
    return np.maximum(np.array([*image_hw[:2], *image_hw[:2]], np.float64) - 1, 1)
