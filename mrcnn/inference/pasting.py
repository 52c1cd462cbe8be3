"""Pasting: which pixels of an image a mask covers, given the box that the mask fills.

A mask is an array plus its frame: cell (i, j) of an (h, w) mask has its centre at the fractions
((i + 0.5) / h, (j + 0.5) / w) of its box. Pixel (y, x) of the image has its centre at (y + 0.5,
x + 0.5). The mask is read at the pixel centres: bilinear between the cell centres, constant in the
half cell along the border of the box, zero outside the box. So a mask of ones covers exactly the
pixels whose centre lies in its box, corners included.

Detectron2 and torchvision fade to zero in that half cell instead. That rounds corners and, where
the network is less than certain, takes pixels from whatever is cut by the edge of the image. So did
Matterport; with CORNERS results equal theirs.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mrcnn.ops.pixel_convention import ALIGNED, CORNERS, PixelConvention, convention_named
from mrcnn.typing import Array, Size

__all__ = ["full_masks", "paste", "paste_probabilities", "paste_window"]

# A stripe of the window is interpolated at a time: 16 MB of float32, whatever the image's size.
STRIPE_PIXELS = 1 << 22


def full_masks(
    result: Mapping[str, Any],
    threshold: float = 0.5,
    convention: PixelConvention | str | None = None,
) -> Array:
    """Pastes the masks of a result into the original image.

    Args:
        result: Of a `Predictor`, for one image.
        threshold: A pixel is covered where the mask is at least this.
        convention: Or its name; None: the one that the result carries, or ALIGNED if none.

    Returns:
        `(H, W, N)` bool.
    """
    convention = convention_named(convention or result.get("convention", "aligned"))
    # Matterport pastes into boxes of whole pixels.
    boxes = result["rois"] if convention is CORNERS else result["boxes"]
    # One mask after the other in memory, as they are written and read.
    masks = np.zeros((len(boxes), *result["image_hw"]), bool)
    for canvas, mask, box in zip(masks, result["mask_probabilities"], boxes, strict=True):
        window, top, left = paste_window(mask, box, result["image_hw"], threshold, convention)
        canvas[top : top + window.shape[0], left : left + window.shape[1]] = window
    return masks.transpose(1, 2, 0)


def paste(
    mask: Array,
    box: Array,
    size_hw: Size,
    threshold: float = 0.5,
    convention: PixelConvention | str = ALIGNED,
) -> Array:
    """Pastes one mask into an image.

    Args:
        mask: `(h, w)` float in 0..1 or bool, fills `box`.
        box: `(4,)` yxyx, pixels of the image; may be fractional and reach outside the image.
        size_hw: (height, width) of the image.
        threshold: A pixel is covered where the mask is at least this.
        convention: Or its name. Its `paste_edge` says what is read in the half cell along the
            border of the box. "constant": the outermost cell. "zero": a ramp from the outermost
            cell to 0 one cell further out, but nowhere less than the mask's least value, which is
            skimage.transform.resize(order=1, mode="constant", anti_aliasing=False) for a box of
            whole pixels.

    Returns:
        `(H, W)` bool.
    """
    canvas = np.zeros((int(size_hw[0]), int(size_hw[1])), bool)
    window, top, left = paste_window(mask, box, size_hw, threshold, convention)
    canvas[top : top + window.shape[0], left : left + window.shape[1]] = window
    return canvas


def paste_window(
    mask: Array,
    box: Array,
    size_hw: Size,
    threshold: float = 0.5,
    convention: PixelConvention | str = ALIGNED,
) -> tuple[Array, int, int]:
    """Pastes one mask into the rows and columns of an image that its box reaches.

    Args:
        mask: As of `paste`.
        box: As of `paste`.
        size_hw: As of `paste`.
        threshold: As of `paste`.
        convention: As of `paste`.

    Returns:
        The window `(h, w)` bool, and top and left, the image pixel of its upper left corner. The
        window is (0, 0) and lies at 0, 0 where the box contains no pixel centre of the image.

    Raises:
        ValueError: The mask has not two axes, or the box is not finite.
    """
    zero_edge = convention_named(convention).paste_edge == "zero"
    # scikit-image interpolates in double precision: a tie with the threshold must stay a tie.
    mask = np.asarray(mask, np.float64 if zero_edge else np.float32)
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError(
            f"A mask has two axes (height, width), neither of them empty. "
            f"Got shape {mask.shape}; paste the masks of several instances one by one."
        )
    y1, x1, y2, x2 = (float(value) for value in box)
    top, bottom = _pixels_inside(y1, y2, int(size_hw[0]))
    left, right = _pixels_inside(x1, x2, int(size_hw[1]))
    if bottom <= top or right <= left:
        return np.zeros((0, 0), bool), 0, 0

    if zero_edge and mask.min() >= threshold:
        return np.ones((bottom - top, right - left), bool), top, left

    rows = _taps(top, bottom, y1, y2, mask.shape[0], zero_edge)
    columns = _taps(left, right, x1, x2, mask.shape[1], zero_edge)
    if zero_edge:
        mask = np.pad(mask, 1)
    return _covered(mask, rows, columns, threshold), top, left


def paste_probabilities(mask: Array, box: Array, size_hw: Size) -> tuple[Array, int, int]:
    """Pastes the probabilities of a mask, as `paste_window` reads them before it compares.

    Args:
        mask: `(h, w)` float in 0..1, fills `box`.
        box: As of `paste`.
        size_hw: As of `paste`.

    Returns:
        The window `(h, w)` float32, top and left, as of `paste_window`; ALIGNED.
    """
    mask = np.asarray(mask, np.float32)
    y1, x1, y2, x2 = (float(value) for value in box)
    top, bottom = _pixels_inside(y1, y2, int(size_hw[0]))
    left, right = _pixels_inside(x1, x2, int(size_hw[1]))
    if bottom <= top or right <= left:
        return np.zeros((0, 0), np.float32), 0, 0
    window = np.empty((bottom - top, right - left), np.float32)
    rows = _taps(top, bottom, y1, y2, mask.shape[0], False)
    columns = _taps(left, right, x1, x2, mask.shape[1], False)
    for part, values in _interpolated(mask, rows, columns):
        window[part] = values
    return window, top, left


def _covered(mask, rows, columns, threshold):
    """Where the interpolated mask reaches the threshold, given the taps of rows and columns."""
    window = np.empty((len(rows[2]), len(columns[2])), bool)
    for part, values in _interpolated(mask, rows, columns):
        np.greater_equal(values, threshold, out=window[part])
    return window


def _interpolated(mask, rows, columns):
    """(rows of the window, their values) of one stripe after the other."""
    (above, below, down), (before, after, across) = rows, columns
    # Columns first: the mask is the smaller of the two arrays in this direction nearly always.
    wide = mask[:, before] * (1 - across) + mask[:, after] * across
    stripe = max(1, STRIPE_PIXELS // len(across))
    for start in range(0, len(down), stripe):
        part = slice(start, start + stripe)
        values = wide[above[part]]
        values += (wide[below[part]] - values) * down[part, None]
        yield part, values


def _pixels_inside(low, high, size):
    """The range [first, end) of the pixels 0..size-1 whose centre lies in [low, high)."""
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(
            f"A box is four finite numbers, yxyx. Got an edge pair ({low}, {high}); "
            f"drop detections that are not finite before pasting them."
        )
    return max(0, math.ceil(low - 0.5)), min(size, math.ceil(high - 0.5))


def _taps(first, end, low, high, cells, zero_edge):
    """The two cells that each pixel first..end-1 reads along one axis, and the second's weight.

    With `zero_edge`, cells are counted in a mask with one more cell of zeros on either side.
    """
    position = (np.arange(first, end) + 0.5 - low) * (cells / (high - low)) - 0.5
    if zero_edge:
        lower = np.clip(np.floor(position), -1, cells - 1).astype(np.int64)
        return lower + 1, lower + 2, position - lower
    position = np.clip(position, 0, cells - 1)
    lower = np.floor(position).astype(np.int64)
    upper = np.minimum(lower + 1, cells - 1)
    return lower, upper, (position - lower).astype(np.float32)
