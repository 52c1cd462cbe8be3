"""Molding: photos' pixels as the network reads them, and back."""

import numpy as np

from mrcnn.data.resize import normalise


def mold_image(images, config):
    """Matterport's name for `mrcnn.data.resize.normalise`: RGB 0..255 -> float32, (pixel - MEAN_PIXEL) / PIXEL_STD."""
    return normalise(images, config.MEAN_PIXEL, config.PIXEL_STD)


def unmold_image(normalized_images, config):
    """The inverse of `mold_image`: (..., 3) float32 -> uint8 RGB, to the nearest value of 0..255."""
    pixels = np.asarray(normalized_images, np.float32) * config.PIXEL_STD + config.MEAN_PIXEL
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
