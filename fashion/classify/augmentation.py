"""Augmentation of small images, a whole epoch at once: mirroring, shifts, random erasing."""

import itertools

import numpy as np

from mrcnn.typing import Array


def augment(
    pixels: Array,
    rng: np.random.Generator,
    *,
    mirror: bool = False,
    shift: int = 0,
    erase: float = 0.0,
) -> Array:
    """Augments images.

    Args:
        pixels: `(N, H, W)` uint8.
        rng: Source of the random numbers.
        mirror: Mirrors half of the images left to right.
        shift: Largest shift in each direction, in pixels; what becomes visible is black.
        erase: Share of the images that a rectangle is erased from, see `erased`.

    Returns:
        A changed copy, `(N, H, W)` uint8.
    """
    pixels = mirrored(pixels, rng.random(len(pixels)) < 0.5) if mirror else pixels.copy()
    if shift:
        pixels = shifted(pixels, rng.integers(-shift, shift + 1, (len(pixels), 2)))
    if erase:
        chosen = np.flatnonzero(rng.random(len(pixels)) < erase)
        pixels[chosen] = erased(pixels[chosen], rng)
    return pixels


def mirrored(pixels: Array, which: Array) -> Array:
    """Mirrors some images left to right.

    Args:
        pixels: `(N, H, W)` uint8.
        which: `(N,)` bool, images to mirror.

    Returns:
        A copy, `(N, H, W)` uint8.
    """
    return np.where(which[:, None, None], pixels[:, :, ::-1], pixels)


def shifted(pixels: Array, offsets_yx: Array) -> Array:
    """Shifts images down and to the right.

    Args:
        pixels: `(N, H, W)` uint8.
        offsets_yx: `(N, 2)` int, pixels.

    Returns:
        A copy, `(N, H, W)` uint8, black where an image has moved away.
    """
    most = int(np.abs(offsets_yx).max(initial=0))
    height, width = pixels.shape[1:]
    padded, result = np.pad(pixels, ((0, 0), (most, most), (most, most))), np.empty_like(pixels)
    # There are few different offsets for many images.
    for dy, dx in itertools.product(range(-most, most + 1), repeat=2):
        rows = np.flatnonzero((offsets_yx == (dy, dx)).all(axis=1))
        result[rows] = padded[rows, most - dy : most - dy + height, most - dx : most - dx + width]
    return result


def erased(
    pixels: Array,
    rng: np.random.Generator,
    area: tuple[float, float] = (0.02, 0.25),
    aspect: tuple[float, float] = (0.3, 1 / 0.3),
) -> Array:
    """Fills a rectangle of each image with noise (Random Erasing, Zhong et al. 2020).

    Args:
        pixels: `(N, H, W)` uint8.
        rng: Source of the random numbers.
        area: Least and largest share of the image. The paper erases up to 0.4, for deeper
            networks.
        aspect: Least and largest height / width, drawn on a logarithmic scale. A rectangle that
            does not fit is cut.

    Returns:
        A copy, `(N, H, W)` uint8.
    """
    count, height, width = pixels.shape
    size = rng.uniform(*area, count) * height * width
    low, high = np.log(aspect)
    ratio = np.exp(rng.uniform(low, high, count))
    rows = _random_stretch(np.sqrt(size * ratio), height, rng)
    columns = _random_stretch(np.sqrt(size / ratio), width, rng)
    noise = rng.integers(0, 256, pixels.shape, np.uint8)
    return np.where(rows[:, :, None] & columns[:, None, :], noise, pixels)


def _random_stretch(lengths, edge, rng):
    """(N, edge) bool: a stretch of each length, rounded to 1 to `edge`, at a random place."""
    lengths = np.clip(np.round(lengths), 1, edge).astype(int)[:, None]
    first = rng.integers(0, edge - lengths + 1)
    return (np.arange(edge) >= first) & (np.arange(edge) < first + lengths)
