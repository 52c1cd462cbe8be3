"""Names of colors: the nearest of a small palette, by distance in CIELAB.

Each name has several samples: a dark and a light red are both red. Dark colors of little chroma are
called black, as people do of clothes. The palette is a convention, not a measurement.
"""

import functools

import numpy as np

from mrcnn.drawing.colors import linear_to_lab
from mrcnn.typing import Array

PALETTE = {
    "black": ("#000000", "#1c1c1e", "#26252a"),
    "gray": ("#55565a", "#808080", "#a9a9a9", "#c0c0c0"),
    "white": ("#ffffff", "#fcfbe9", "#f2f2f0", "#e4e4e6"),
    "beige": ("#f5e9d3", "#e3d3b8", "#d2bfa0", "#c8ad86"),
    "brown": ("#3d2618", "#5c3a21", "#7b4b28", "#9a6a42", "#8b6f56"),
    "red": ("#7a0f18", "#a31621", "#c8102e", "#e32636", "#ff2a2a"),
    "orange": ("#e2571e", "#ff4a0a", "#ff7f27", "#ffa040"),
    "yellow": ("#c9a227", "#f2c230", "#ffe14d", "#fff59a"),
    "olive": ("#3f4224", "#5a5c2c", "#7d7f3f", "#9a9a5b"),
    "green": ("#0f3d26", "#1e6b3a", "#2f9e4f", "#5fbf5a", "#a5dba0"),
    "turquoise": ("#0b5457", "#14888c", "#3cc0bd", "#a0e3dd"),
    "light blue": ("#8fb8dc", "#b5d3ea", "#6ea5d8"),
    "blue": ("#1f4fa8", "#2a6fd0", "#2333d6", "#4a78b5"),
    "navy": ("#0e1533", "#1b2450", "#27345f", "#191970"),
    "purple": ("#3b1a4f", "#4b0082", "#5b2a7c", "#8346a8", "#b08bd0"),
    "pink": ("#c2457f", "#f06fa5", "#f4a6c0", "#f7cfd8", "#fa8072"),
}


@functools.lru_cache(4096)
def color_name(color: str) -> str:
    """Names a color.

    Args:
        color: "#rrggbb".

    Returns:
        A name of PALETTE.

    Raises:
        ValueError: It is not such a text.
    """
    names, samples = _samples()
    distance = np.linalg.norm(samples - lab_of([color]), axis=1)
    return names[int(np.argmin(distance))]


def lab_of(colors: list[str]) -> Array:
    """Converts hexadecimal colors to CIELAB.

    Args:
        colors: N texts "#rrggbb".

    Returns:
        `(N, 3)` float64 L*, a*, b*.

    Raises:
        ValueError: One is not such a text.
    """
    rgb = []
    for color in colors:
        digits = color.removeprefix("#")
        try:
            values = bytes.fromhex(digits)
        except ValueError:
            values = b""
        if len(values) != 3:
            raise ValueError(f"A color is written #rrggbb, for instance #1f6fb4. Got {color!r}.")
        rgb.append(list(values))
    channel = np.array(rgb, np.float64).reshape(-1, 3) / 255
    # The decoding of sRGB (IEC 61966-2-1).
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    return linear_to_lab(linear)


@functools.lru_cache(1)
def _samples() -> tuple[list[str], Array]:
    """A name for each sample, and `(N, 3)` CIELAB."""
    names = [name for name, colors in PALETTE.items() for _ in colors]
    return names, lab_of([color for colors in PALETTE.values() for color in colors])
