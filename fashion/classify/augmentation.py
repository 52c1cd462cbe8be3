"""Augmentation of small pictures, all of an epoch at once: mirrored, shifted, a rectangle erased."""

import itertools

import numpy as np


def augment(pixels, rng, *, mirror=False, shift=0, erase=0.0):
    """A changed copy of `pixels`, (N, H, W) uint8.

    rng: np.random.Generator; mirror: left to right, one picture in two; shift: most pixels in each direction, filled up with black
    erase: the share of pictures that a rectangle is erased from, see `erased`
    """
    pixels = mirrored(pixels, rng.random(len(pixels)) < 0.5) if mirror else pixels.copy()
    if shift:
        pixels = shifted(pixels, rng.integers(-shift, shift + 1, (len(pixels), 2)))
    if erase:
        some = np.flatnonzero(rng.random(len(pixels)) < erase)
        pixels[some] = erased(pixels[some], rng)
    return pixels


def mirrored(pixels, which):
    """A copy in which some pictures are mirrored, left to right. which: (N,) bool"""
    return np.where(which[:, None, None], pixels[:, :, ::-1], pixels)


def shifted(pixels, offsets_yx):
    """A copy in which each picture lies lower and further to the right by its offset. offsets_yx: (N, 2) int, pixels"""
    most = int(np.abs(offsets_yx).max(initial=0))
    height, width = pixels.shape[1:]
    padded, result = np.pad(pixels, ((0, 0), (most, most), (most, most))), np.empty_like(pixels)
    for dy, dx in itertools.product(
        range(-most, most + 1), repeat=2
    ):  # a few offsets for many pictures
        some = np.flatnonzero((offsets_yx == (dy, dx)).all(axis=1))
        result[some] = padded[some, most - dy : most - dy + height, most - dx : most - dx + width]
    return result


def erased(pixels, rng, area=(0.02, 0.25), aspect=(0.3, 1 / 0.3)):
    """A copy in which a rectangle of each picture is noise: Random Erasing, Zhong et al. 2020, who erase up to 0.4 for deeper networks.

    area: least and most of the picture; aspect: height / width, drawn on a logarithmic scale. A rectangle that does not fit is cut.
    """
    count, height, width = pixels.shape
    size = rng.uniform(*area, count) * height * width
    ratio = np.exp(rng.uniform(*np.log(aspect), count))
    rows = _stretch(np.sqrt(size * ratio), height, rng)
    columns = _stretch(np.sqrt(size / ratio), width, rng)
    noise = rng.integers(0, 256, pixels.shape, np.uint8)
    return np.where(rows[:, :, None] & columns[:, None, :], noise, pixels)


def _stretch(lengths, edge, rng):
    """(N, edge) bool: a run of each length, rounded, 1 to `edge`, at a random place."""
    lengths = np.clip(np.round(lengths), 1, edge).astype(int)[:, None]
    first = rng.integers(0, edge - lengths + 1)
    return (np.arange(edge) >= first) & (np.arange(edge) < first + lengths)
