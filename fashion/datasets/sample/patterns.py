"""Cloth: the colours of a garment and its textile pattern.

A pattern is a function of figure coordinates (u right, v down, 1 is the height of the figure), so
that it moves, leans and scales with the doll. Periods are 5 to 9 % of the figure: five pixels of a
doll of 100 pixels.
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from fashion.datasets.sample import labels
from mrcnn.typing import Array

# Least difference of luma (0..255) between the colours of a pattern, so that it can be seen.
CONTRAST = 95

RGB: TypeAlias = tuple[float, ...]  # 0..255


@dataclass(frozen=True)
class Cloth:
    """What a garment is made of.

    Attributes:
        pattern: Attribute id of the textile pattern.
        base: Colour of the ground.
        second: Colour of the pattern.
        third: Colour of details.
        period: Size of the pattern, figure heights.
        upright: Whether stripes run up and down.
        phase: Shift of the pattern, 0..1 periods.
        knit: Whether it is knitwear.
    """

    pattern: int
    base: RGB
    second: RGB
    third: RGB
    period: float
    upright: bool
    phase: float
    knit: bool = False

    def texture(self, u: Array, v: Array) -> Array:
        """Computes the colours of points.

        Args:
            u: `(h, w)` float32, figure coordinates to the right.
            v: `(h, w)` float32, figure coordinates downwards.

        Returns:
            `(h, w, 3)` float32 RGB.
        """
        base, second, third = (
            np.asarray(c, np.float32) for c in (self.base, self.second, self.third)
        )
        if self.pattern == labels.PLAIN:
            color = np.broadcast_to(base, (*u.shape, 3))
        else:
            share, extra = _SHARES[self.pattern](self, u, v)
            color = base + share[..., None] * (second - base)
            if extra is not None:
                color += extra[..., None] * (third - color)
        if self.knit:
            color = color * _cable(u, v)[..., None]
        return color

    def trim(self) -> Cloth:
        """Makes the plain cloth of bands, cuffs and pockets.

        Returns:
            A darker cloth than a light one, a lighter cloth than a dark one.
        """
        base = np.asarray(self.base, np.float32)
        toward = 0 if luma(base) > 105 else 255
        color = tuple(float(c) for c in base + 0.38 * (toward - base))
        return replace(self, pattern=labels.PLAIN, base=color, knit=False)


def random_cloth(
    rng: np.random.Generator, patterns: Mapping[int, float], knit: bool = False
) -> Cloth:
    """Draws a cloth.

    Args:
        rng: Random numbers.
        patterns: Weight of each attribute id.
        knit: Whether it is knitwear.

    Returns:
        The cloth.
    """
    ids = list(patterns)
    weights = np.array([patterns[i] for i in ids], float)
    pattern = int(rng.choice(ids, p=weights / weights.sum()))
    base, second = random_pair(rng)
    third = random_color(rng, saturation=(0.5, 0.95), value=(0.75, 1.0))
    period = {labels.FLORAL: rng.uniform(0.085, 0.105), labels.CHECK: rng.uniform(0.06, 0.085)}.get(
        pattern, rng.uniform(0.05, 0.07)
    )
    return Cloth(
        pattern, base, second, third, period, bool(rng.random() < 0.4), float(rng.random()), knit
    )


def random_color(
    rng: np.random.Generator,
    saturation: tuple[float, float] = (0.05, 0.85),
    value: tuple[float, float] = (0.2, 0.97),
    hue: tuple[float, float] = (0.0, 1.0),
) -> RGB:
    """Draws a colour uniformly from a part of HSV.

    Args:
        rng: Random numbers.
        saturation: Range, 0..1.
        value: Range, 0..1.
        hue: Range, 0..1.

    Returns:
        The colour.
    """
    rgb = colorsys.hsv_to_rgb(rng.uniform(*hue), rng.uniform(*saturation), rng.uniform(*value))
    return tuple(255 * c for c in rgb)


def random_pair(rng: np.random.Generator) -> tuple[RGB, RGB]:
    """Draws two colors that differ visibly.

    Args:
        rng: Random numbers.

    Returns:
        Two colours at least `CONTRAST` apart in luma.
    """
    base = random_color(rng)
    return base, random_contrast(rng, base)


def random_contrast(rng: np.random.Generator, base: RGB) -> RGB:
    """Draws a color that differs visibly from another.

    Args:
        rng: Random numbers.
        base: The other colour.

    Returns:
        A colour at least `CONTRAST` from `base` in luma: any, or else near white or near black.
    """
    for _ in range(4):
        color = random_color(rng)
        if abs(luma(color) - luma(base)) >= CONTRAST:
            return color
    saturation, value = (
        ((0.02, 0.08), (0.93, 0.99)) if luma(base) < 128 else ((0.2, 0.9), (0.05, 0.12))
    )
    return random_color(rng, saturation, value)


def luma(rgb: Sequence[float] | Array) -> float:
    """Computes the perceived brightness of a colour (ITU-R BT.601).

    Args:
        rgb: The colour.

    Returns:
        0..255.
    """
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]


# A function for each pattern: shares of the second colour, and of the third or None.


def _stripe(cloth, u, v):
    across = u if cloth.upright else v
    return ((across / cloth.period + cloth.phase) % 1 < 0.45).astype(np.float32), None


def _check(cloth, u, v):
    a = (u / cloth.period + cloth.phase) % 1 < 0.5
    b = (v / cloth.period + cloth.phase) % 1 < 0.5
    return 0.5 * (a.astype(np.float32) + b), None


def _dot(cloth, u, v):
    du, dv, _ = _cells(cloth, u, v)
    return (du**2 + dv**2 < 0.30**2).astype(np.float32), None


def _floral(cloth, u, v):
    du, dv, row = _cells(cloth, u, v)
    radius, angle = np.hypot(du, dv), np.arctan2(dv, du)
    petals = radius < 0.31 + 0.12 * np.cos(5 * angle + row)
    leaf = ((du - 0.36) / 0.11) ** 2 + ((dv - 0.34) / 0.2) ** 2 < 1
    return petals.astype(np.float32), ((radius < 0.15) | leaf).astype(np.float32)


def _cells(cloth, u, v):
    """Position inside a brick lattice, -0.5..0.5 both ways, and the row."""
    row = np.floor(v / cloth.period + cloth.phase)
    du = (u / cloth.period + cloth.phase + 0.5 * (row % 2)) % 1 - 0.5
    return du, (v / cloth.period + cloth.phase) % 1 - 0.5, row


def _cable(u, v):
    """Knitwear: plaits that run down the cloth, as brightness about 1."""
    plait = u / 0.034 + 0.22 * np.sin(2 * np.pi * v / 0.045)
    return 1 + 0.17 * np.sin(2 * np.pi * plait)


_SHARES = {labels.STRIPE: _stripe, labels.CHECK: _check, labels.DOT: _dot, labels.FLORAL: _floral}
