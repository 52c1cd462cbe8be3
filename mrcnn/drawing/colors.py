"""Colours: distinct ones for instances, and a text colour that is legible on them."""

import colorsys
import functools
from collections.abc import Sequence

import numpy as np

from mrcnn.typing import Array

# The first colour, as (lightness, chroma, hue) in Oklab: a clear blue.
FIRST = (0.70, 0.14, 4.4)
# Candidates of further colours. Tints have to stand out from photographs: no greys, nothing nearly
# black or white.
LIGHTNESS = np.linspace(0.45, 0.88, 7)
CHROMA = (0.10, 0.15, 0.20, 0.25)
HUES = 48

# Oklab to linear sRGB (Ottosson 2020, "A perceptual color space for image processing").
OKLAB_TO_LMS = np.array(
    [
        [1, 0.3963377774, 0.2158037573],
        [1, -0.1055613458, -0.0638541728],
        [1, -0.0894841775, -1.2914855480],
    ]
)
LMS_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


# Linear sRGB to CIE XYZ under D65 (IEC 61966-2-1), divided by the white point.
RGB_TO_XYZ = np.array(
    [
        [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883],
    ]
)


def distinct_colors(count: int) -> Array:
    """Makes colours that differ as much as possible.

    Each colour is the candidate that is farthest from all before it, by distance in CIELAB. Any two
    of the first 64 are at least 15 apart (ΔE 1976), so they differ at a glance.

    Args:
        count: Number of colours. Beyond some hundreds they repeat.

    Returns:
        `(count, 3)` uint8 RGB, the same every time. A longer list begins with a shorter one.
    """
    palette = _palette()
    return palette[np.arange(count) % len(palette)]


@functools.lru_cache(maxsize=1)
def _palette() -> Array:
    """All candidates, `(N, 3)` uint8, in the order in which they are taken."""
    grid = np.stack(
        np.meshgrid(LIGHTNESS, CHROMA, np.arange(HUES) * 2 * np.pi / HUES, indexing="ij"), axis=-1
    ).reshape(-1, 3)
    linear = _oklch_to_linear(np.concatenate([[FIRST], grid]))
    linear = linear[((linear >= 0) & (linear <= 1)).all(axis=1)]
    lab = linear_to_lab(linear)
    order, distance = [0], np.linalg.norm(lab - lab[0], axis=1)
    for _ in range(len(lab) - 1):
        order.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(lab - lab[order[-1]], axis=1))
    # The encoding of sRGB (IEC 61966-2-1): linear near black, where a power would be too steep.
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(encoded[order] * 255).astype(np.uint8)


def _oklch_to_linear(oklch: Array) -> Array:
    """Lightness, chroma and hue in Oklab -> linear sRGB, outside 0..1 where a screen has none."""
    lightness, chroma, hue = oklch.T
    oklab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    return (oklab @ OKLAB_TO_LMS.T) ** 3 @ LMS_TO_RGB.T


def linear_to_lab(linear: Array) -> Array:
    """Converts colours to CIELAB, where distances are about as large as they look.

    Args:
        linear: `(..., 3)` linear sRGB, 0..1.

    Returns:
        `(..., 3)` L*, a*, b* under D65.
    """
    xyz = linear @ RGB_TO_XYZ.T
    # CIE 15: a cube root, continued by its tangent near black, where it would be too steep.
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def random_colors(
    count: int, bright: bool = True, seed: int | None = None
) -> list[tuple[float, float, float]]:
    """Makes Matterport's colours: evenly spaced hues, shuffled.

    Args:
        count: Number of colours.
        bright: Full brightness, otherwise 0.7 of it.
        seed: Makes the order repeatable.

    Returns:
        `count` tuples (r, g, b) of floats 0..1.
    """
    value = 1.0 if bright else 0.7
    order = np.random.default_rng(seed).permutation(count)
    return [colorsys.hsv_to_rgb(i / count, 1, value) for i in order]


def as_uint8(colors: Array | Sequence) -> Array:
    """Converts colours to bytes.

    Args:
        colors: N of (r, g, b), floats 0..1 or integers 0..255. Integers of which none is above 1
            are read as 0..1.

    Returns:
        `(N, 3)` uint8.

    Raises:
        ValueError: For another shape.
    """
    rgb = np.asarray(colors)
    if rgb.size == 0:
        return np.zeros((0, 3), np.uint8)
    if rgb.ndim != 2 or rgb.shape[1] < 3:
        raise ValueError(f"Colors are one (r, g, b) for every instance. Got shape {rgb.shape}.")
    if np.issubdtype(rgb.dtype, np.floating) or rgb.max() <= 1:
        rgb = np.round(np.clip(rgb, 0, 1) * 255)
    return rgb[:, :3].astype(np.uint8)


def text_color(background: Array | Sequence[int]) -> tuple[int, int, int]:
    """Chooses black or white, whichever stands out more.

    Args:
        background: `(3,)` RGB 0..255.

    Returns:
        (r, g, b), 0..255.
    """
    channel = np.asarray(background, np.float64) / 255
    # The relative luminance of WCAG 2.1: linear light, weighed as the eye does.
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))
    # The contrast ratios of WCAG 2.1: (lighter + 0.05) / (darker + 0.05).
    on_black, on_white = (luminance + 0.05) / 0.05, 1.05 / (luminance + 0.05)
    return (0, 0, 0) if on_black >= on_white else (255, 255, 255)
