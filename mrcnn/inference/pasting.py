"""Pasting: which pixels of an image does a mask cover, given the box that the mask fills?

A mask is an array plus its frame: cell (i, j) of an (h, w) mask has its centre at the fractions
((i + 0.5) / h, (j + 0.5) / w) of its box. Pixel (y, x) of the image has its centre at (y + 0.5, x + 0.5). The
mask is read at the pixel centres: bilinear between the cell centres, constant in the half cell along the
border of the box, zero outside the box. So a mask of ones covers exactly the pixels whose centre lies in its
box, corners included. (Detectron2 and torchvision fade to zero in that half cell instead. That rounds corners
and, where the network is less than certain, takes pixels from whatever is cut by the edge of the photo. So did
Matterport; CORNERS does it too, for results that must equal theirs.)
"""

import math

import numpy as np

from mrcnn.ops.pixel_convention import ALIGNED, CORNERS, convention_named

# A stripe of the window is interpolated at a time: 16 MB of float32, whatever the size of the photo.
STRIPE_PIXELS = 1 << 22


def paste(mask, box, size_hw, threshold=0.5, convention=ALIGNED):
    """The pixels of an image that `mask` covers.

    mask: (h, w) float 0..1 or bool, fills `box`
    box: (4,) yxyx, pixels of the image, may be fractional and may reach outside the image
    size_hw: (height, width) of the image
    threshold: a pixel is covered where the mask is at least this
    convention: or its name; its paste_edge says what is read in the half cell along the border of the box. "constant": the outermost
        cell. "zero": a way from the outermost cell to 0 one cell further out, but nowhere less than the mask's least value, which is
        skimage.transform.resize(order=1, mode="constant", anti_aliasing=False) for a box of whole pixels
    Returns: (H, W) bool.
    """
    canvas = np.zeros((int(size_hw[0]), int(size_hw[1])), bool)
    window, top, left = paste_window(mask, box, size_hw, threshold, convention)
    canvas[top : top + window.shape[0], left : left + window.shape[1]] = window
    return canvas


def paste_window(mask, box, size_hw, threshold=0.5, convention=ALIGNED):
    """As `paste`, but only the rows and columns of the image that the box reaches.

    mask, box, size_hw, threshold, convention: as in `paste`
    Returns: (window, top, left): (h, w) bool and the image pixel of its upper left corner. The window
    is (0, 0) and lies at 0, 0 where the box contains no pixel centre of the image.
    """
    edge = convention_named(convention).paste_edge
    # scikit-image interpolates in double precision: a tie with the threshold must stay a tie.
    mask = np.asarray(mask, np.float64 if edge == "zero" else np.float32)
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

    if edge == "zero" and mask.min() >= threshold:
        return np.ones((bottom - top, right - left), bool), top, left

    above, below, down = _taps(top, bottom, y1, y2, mask.shape[0], edge)
    before, after, across = _taps(left, right, x1, x2, mask.shape[1], edge)
    if edge == "zero":
        mask = np.pad(mask, 1)
    # Columns first: the mask is the smaller of the two arrays in this direction nearly always.
    wide = mask[:, before] * (1 - across) + mask[:, after] * across
    window = np.empty((bottom - top, right - left), bool)
    stripe = max(1, STRIPE_PIXELS // (right - left))
    for start in range(0, bottom - top, stripe):
        rows = slice(start, start + stripe)
        weight = down[rows, None]
        values = wide[above[rows]]
        values += (wide[below[rows]] - values) * weight
        np.greater_equal(values, threshold, out=window[rows])
    return window, top, left


def full_masks(result, threshold=0.5, convention=None):
    """The masks of a result at the photo's size: (H, W, N) bool.

    convention: or its name; default: that of the result, or ALIGNED if it carries none
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


def _pixels_inside(low, high, size):
    """The range [first, end) of the pixels 0..size-1 whose centre lies in [low, high)."""
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(
            f"A box is four finite numbers, yxyx. Got an edge pair ({low}, {high}); "
            f"drop detections that are not finite before pasting them."
        )
    return max(0, math.ceil(low - 0.5)), min(size, math.ceil(high - 0.5))


def _taps(first, end, low, high, cells, edge):
    """Per pixel first..end-1, along one axis: the two cells that it reads, and the weight of the second.

    With edge "zero", cells are counted in a mask that has one cell of zeros more on either side."""
    position = (np.arange(first, end) + 0.5 - low) * (cells / (high - low)) - 0.5
    if edge == "zero":
        lower = np.clip(np.floor(position), -1, cells - 1).astype(np.int64)
        return lower + 1, lower + 2, position - lower
    position = np.clip(position, 0, cells - 1)
    lower = np.floor(position).astype(np.int64)
    upper = np.minimum(lower + 1, cells - 1)
    return lower, upper, (position - lower).astype(np.float32)
