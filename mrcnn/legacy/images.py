"""Images as Matterport's scripts pass them to `detect`: uint8, or arrays that were images.

And its functions that normalise pixels, and that print arrays.
"""

from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.data.dataset import as_uint8_image
from mrcnn.data.resize import normalise
from mrcnn.typing import Array

# How far float32 rounding may move a number from a whole one.
ROUNDING = 0.02
# A channel of an image spans more levels than this. An array that spans fewer was scaled in an
# unknown way.
LEAST_SPAN = 16

ZERO_TO_ONE = "numbers from 0 to 1: multiplied by 255"
MINUS_ONE_TO_ONE = "numbers from -1 to 1: taken for (pixel / 127.5) - 1"
MOLDED = (
    "what mold_image makes: the mean pixel is added back (detect molds photos by itself; "
    "detect_molded takes network input)"
)


def as_images(images: Any, config: Config) -> tuple[list[Array], dict[str, int]]:
    """Converts arrays to images.

    Args:
        images: A list of images, or an array `(N, h, w, C)`. An image may also be `(1, h, w, C)`,
            numbers in 0..1 or -1..1, or the output of `mold_image`.
        config: MEAN_PIXEL, PIXEL_STD and IMAGE_CHANNEL_COUNT are read.

    Returns:
        images: Each `(h, w, C)` uint8.
        assumptions: Place of the first image that needed each assumption.

    Raises:
        ValueError: Something is not an image; the message names its place.
    """
    if getattr(images, "ndim", None) == 3:
        raise ValueError(
            f"detect takes a list of photos, and got one array of shape {images.shape}. Write "
            "detect([image])."
        )
    converted: list[Array] = []
    assumed: dict[str, int] = {}
    for place, image in enumerate(images):
        pixels, assumption = _as_image(image, config, f"Photo {place}")
        converted.append(pixels)
        if assumption:
            assumed.setdefault(assumption, place)
    return converted, assumed


def _as_image(image: Any, config: Config, name: str) -> tuple[Array, str | None]:
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


def _pixels(image: Array, config: Config) -> tuple[Array, str | None]:
    """Converts floats to 0..255 and names the assumption; unchanged if none is needed."""
    least, most = float(image.min()), float(image.max())
    back = image.astype(np.float32) * config.PIXEL_STD + config.MEAN_PIXEL
    is_whole = _whole(image)
    if is_whole and 0 <= least and 1 < most <= 255 or least == most == 0:
        return image, None
    # Rounding may leave the range by less than a grey level.
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


def _whole(values: Array) -> bool:
    return bool((np.abs(values - np.rint(values)) < ROUNDING).all())


def _to_bytes(pixels: Array) -> Array:
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def mold_image(images: Array, config: Config) -> Array:
    """Normalises pixels; Matterport's name for `mrcnn.data.resize.normalise`.

    Args:
        images: `(..., C)` RGB, 0..255.
        config: MEAN_PIXEL and PIXEL_STD are read.

    Returns:
        float32, the same shape.
    """
    return normalise(images, config.MEAN_PIXEL, config.PIXEL_STD)


def unmold_image(normalized_images: Array, config: Config) -> Array:
    """Inverts `mold_image`.

    Args:
        normalized_images: `(..., C)` float32.
        config: MEAN_PIXEL and PIXEL_STD are read.

    Returns:
        uint8 RGB, rounded to the nearest value in 0..255.
    """
    pixels = np.asarray(normalized_images, np.float32) * config.PIXEL_STD + config.MEAN_PIXEL
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def log(text: str, array: Any = None) -> None:
    """Prints a text and the shape, range and dtype of an array.

    Args:
        text: Any text.
        array: Anything NumPy can convert; None prints the text alone.
    """
    if array is not None:
        array = np.asarray(array)
        span = f"min: {array.min():10.5f}  max: {array.max():10.5f}" if array.size else "empty"
        text = f"{text:25}  shape: {array.shape!s:20}  {span}  {array.dtype}"
    print(text)
