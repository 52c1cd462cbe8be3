"""What scripts hand to `detect`: photos, and arrays that were photos once and become so again."""

import numpy as np

from mrcnn.data.dataset import as_uint8_image
from mrcnn.data.resize import normalise

# How far a number may lie from a whole one that rounding in float32 has moved.
ROUNDING = 0.02
# A channel of a picture spans more levels than this. An array that spans fewer was scaled in a way
# that is not known here.
LEAST_SPAN = 16

ZERO_TO_ONE = "numbers from 0 to 1: multiplied by 255"
MINUS_ONE_TO_ONE = "numbers from -1 to 1: taken for (pixel / 127.5) - 1"
MOLDED = (
    "what mold_image makes: the mean pixel is added back (detect molds photos by itself; "
    "detect_molded takes network input)"
)


def as_images(images, config):
    """Photos as `detect` wants them.

    Args:
        images: A list of photos, or an array `(N, h, w, C)`. A photo may also be `(1, h, w, C)`,
            numbers from 0 to 1 or from -1 to 1, or the output of `mold_image`.
        config: MEAN_PIXEL, PIXEL_STD and IMAGE_CHANNEL_COUNT are read.

    Returns:
        A list of `(h, w, C)` uint8, and {assumption: place of the first photo that it was made of}.

    Raises:
        ValueError: Something is no photo; it is named by its place.
    """
    if getattr(images, "ndim", None) == 3:
        raise ValueError(
            f"detect takes a list of photos, and got one array of shape {images.shape}. Write "
            "detect([image])."
        )
    photos, assumed = [], {}
    for place, image in enumerate(images):
        photo, assumption = _as_photo(image, config, f"Photo {place}")
        photos.append(photo)
        if assumption:
            assumed.setdefault(assumption, place)
    return photos, assumed


def _as_photo(image, config, name):
    if not isinstance(image, np.ndarray) and hasattr(image, "__array__"):  # a backend's tensor
        image = np.asarray(image)
    if getattr(image, "ndim", None) == 4 and image.shape[0] == 1:  # np.expand_dims
        image = image[0]
    channels, assumption = config.IMAGE_CHANNEL_COUNT, None
    if (
        getattr(image, "ndim", None) == 3
        and image.shape[2] == channels
        and image.dtype.kind == "f"
        and image.size
    ):
        image, assumption = _pixels(np.asarray(image), config)
    return as_uint8_image(image, channels, name), assumption


def _pixels(image, config):
    """Floats -> pixels of 0..255 and what was assumed; as they are if nothing had to be."""
    least, most = float(image.min()), float(image.max())
    back = image.astype(np.float32) * config.PIXEL_STD + config.MEAN_PIXEL
    is_whole = _whole(image)
    if is_whole and 0 <= least and 1 < most <= 255 or least == most == 0:
        return image, None
    inside = back.min() > -1 and back.max() < 256
    if inside and not is_whole and _whole(back):
        return _to_bytes(back), MOLDED
    if 0 <= least and most <= 1:
        return _to_bytes(image * 255.0), ZERO_TO_ONE
    if least < 0 and inside and np.ptp(back, axis=(0, 1)).max() > LEAST_SPAN:
        return _to_bytes(back), MOLDED
    if -1 <= least < 0 and most <= 1:
        return _to_bytes((image + 1.0) * 127.5), MINUS_ONE_TO_ONE
    return image, None


def _whole(values):
    return bool((np.abs(values - np.rint(values)) < ROUNDING).all())


def _to_bytes(pixels):
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def mold_image(images, config):
    """Matterport's name for `mrcnn.data.resize.normalise`: RGB 0..255 -> float32, (pixel - MEAN_PIXEL) / PIXEL_STD."""
    return normalise(images, config.MEAN_PIXEL, config.PIXEL_STD)


def unmold_image(normalized_images, config):
    """The inverse of `mold_image`: (..., 3) float32 -> uint8 RGB, to the nearest value of 0..255."""
    pixels = np.asarray(normalized_images, np.float32) * config.PIXEL_STD + config.MEAN_PIXEL
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def log(text, array=None):
    """Print a text and, of an array, its shape, range and type."""
    if array is not None:
        array = np.asarray(array)
        span = f"min: {array.min():10.5f}  max: {array.max():10.5f}" if array.size else "empty"
        text = f"{text:25}  shape: {array.shape!s:20}  {span}  {array.dtype}"
    print(text)
