"""Colours: distinct ones for instances, and a text colour that is legible on them."""

import colorsys
from collections.abc import Sequence

import numpy as np

from mrcnn.typing import Array

# Successive multiples of the golden angle stay as far apart on the colour wheel as any sequence.
GOLDEN_ANGLE = np.pi * (3 - 5**0.5)
# Neighbouring hues of a long list differ in lightness too.
LIGHTNESS = (0.70, 0.80, 0.60)
CHROMA = 0.19
FIRST_HUE = 0.6

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


def distinct_colors(count: int) -> Array:
    """Makes colours that look about equally strong and differ as much as possible.

    Args:
        count: Number of colours.

    Returns:
        `(count, 3)` uint8 RGB, the same every time. A longer list begins with a shorter one.
    """
    index = np.arange(count)
    hue = FIRST_HUE + index * GOLDEN_ANGLE
    lightness = np.array(LIGHTNESS)[index % len(LIGHTNESS)]
    oklab = np.stack([lightness, CHROMA * np.cos(hue), CHROMA * np.sin(hue)], axis=-1)
    linear = np.clip((oklab @ OKLAB_TO_LMS.T) ** 3 @ LMS_TO_RGB.T, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(encoded * 255).astype(np.uint8)


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
        raise ValueError(f"Colours are one (r, g, b) for every instance. Got shape {rgb.shape}.")
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
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))
    # The contrast ratios of WCAG 2.1: (lighter + 0.05) / (darker + 0.05).
    on_black, on_white = (luminance + 0.05) / 0.05, 1.05 / (luminance + 0.05)
    return (0, 0, 0) if on_black >= on_white else (255, 255, 255)
