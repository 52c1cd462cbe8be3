"""Backgrounds: studio paper, a room, a street or a park, with objects that are not clothes."""

from __future__ import annotations

import cv2
import numpy as np

from fashion.datasets.sample.patterns import random_color
from mrcnn.typing import Array, Size


def draw_background(rng: np.random.Generator, size_hw: Size) -> Array:
    """Draws a background.

    Args:
        rng: Random numbers.
        size_hw: (height, width) of the canvas.

    Returns:
        `(H, W, 3)` uint8 RGB.
    """
    draw = (_studio, _room, _street, _park)[int(rng.choice(4, p=[0.3, 0.3, 0.22, 0.18]))]
    image = draw(rng, size_hw)
    if rng.random() < 0.5:
        image = cv2.blur(image, (7, 7))  # out of focus
    return image


def _gradient(rng, size_hw, saturation=(0.03, 0.35), value=(0.45, 0.97)):
    ends = np.array([random_color(rng, saturation, value) for _ in range(2)], np.float32)
    ends[1] = 0.6 * ends[0] + 0.4 * ends[1]
    t = np.linspace(0, 1, size_hw[0], dtype=np.float32)[:, None, None]
    column = (ends[0] * (1 - t) + ends[1] * t).astype(np.uint8)
    return np.repeat(column, size_hw[1], axis=1)


def _floor(rng, image, top):
    color = np.array(random_color(rng, (0.05, 0.4), (0.3, 0.85)), np.float32)
    t = np.linspace(0.8, 1.1, image.shape[0] - top, dtype=np.float32)[:, None, None]
    image[top:] = np.clip(color * t, 0, 255).astype(np.uint8)


def _studio(rng, size_hw):
    image = _gradient(rng, size_hw)
    h, w = size_hw
    for _ in range(rng.integers(0, 4)):
        center = (int(rng.integers(w)), int(rng.integers(h)))
        cv2.circle(
            image,
            center,
            int(rng.uniform(0.05, 0.35) * w),
            random_color(rng, (0.05, 0.45), (0.5, 0.95)),
            -1,
            cv2.LINE_AA,
        )
    return image


def _room(rng, size_hw):
    image = _gradient(rng, size_hw)
    h, w = size_hw
    if rng.random() < 0.3:  # wallpaper
        step = int(rng.uniform(0.06, 0.16) * w)
        for x in range(0, w, step):
            cv2.rectangle(image, (x, 0), (x + step // 2, h), _near(image, rng), -1)
    for _ in range(rng.integers(0, 3)):  # picture frames
        x, y = int(rng.uniform(0, 0.85) * w), int(rng.uniform(0, 0.4) * h)
        size = (int(rng.uniform(0.12, 0.3) * w), int(rng.uniform(0.1, 0.22) * h))
        cv2.rectangle(image, (x, y), (x + size[0], y + size[1]), random_color(rng), -1)
        cv2.rectangle(
            image,
            (x, y),
            (x + size[0], y + size[1]),
            random_color(rng, value=(0.1, 0.5)),
            int(0.012 * w),
        )
    _floor(rng, image, int(h * rng.uniform(0.68, 0.85)))
    if rng.random() < 0.5:  # a chest of drawers
        x = int(rng.choice([rng.uniform(-0.1, 0.1), rng.uniform(0.75, 0.95)]) * w)
        y = int(rng.uniform(0.55, 0.68) * h)
        cv2.rectangle(
            image,
            (x, y),
            (x + int(0.26 * w), int(0.86 * h)),
            random_color(rng, (0.2, 0.6), (0.25, 0.8)),
            -1,
        )
        for k in (0.35, 0.65):
            level = int(y + k * (0.86 * h - y))
            cv2.line(image, (x, level), (x + int(0.26 * w), level), (60, 50, 44), 2, cv2.LINE_AA)
    return image


def _street(rng, size_hw):
    image = _gradient(rng, size_hw, (0.1, 0.5), (0.7, 1.0))
    h, w = size_hw
    ground = int(h * rng.uniform(0.7, 0.82))
    x = -int(rng.uniform(0, 0.2) * w)
    while x < w:
        wide, top = int(rng.uniform(0.16, 0.4) * w), int(rng.uniform(0.02, 0.45) * h)
        cv2.rectangle(
            image, (x, top), (x + wide, ground), random_color(rng, (0.05, 0.4), (0.35, 0.85)), -1
        )
        glass = random_color(rng, (0.05, 0.4), (0.3, 0.95))
        step = max(int(0.065 * w), 6)
        for wy in range(top + step // 2, ground - step, int(step * 1.6)):
            for wx in range(x + step // 2, x + wide - step // 2, step):
                cv2.rectangle(image, (wx, wy), (wx + step // 2, wy + step), glass, -1)
        x += wide
    _floor(rng, image, ground)
    return image


def _park(rng, size_hw):
    image = _gradient(rng, size_hw, (0.15, 0.5), (0.75, 1.0))
    h, w = size_hw
    ground = int(h * rng.uniform(0.62, 0.8))
    image[ground:] = _gradient(rng, (h - ground, w), (0.3, 0.6), (0.4, 0.75))
    for _ in range(rng.integers(2, 5)):  # trees
        x, tall = int(rng.uniform(0, 1) * w), rng.uniform(0.25, 0.5) * h
        cv2.rectangle(
            image,
            (x - int(0.02 * w), ground - int(tall)),
            (x + int(0.02 * w), ground),
            (92, 66, 46),
            -1,
        )
        green = np.array([60, 120, 60]) * rng.uniform(0.6, 1.3) + rng.uniform(-20, 40, 3)
        for _ in range(4):
            center = (x + int(rng.normal(0, 0.07) * w), ground - int(tall * rng.uniform(0.8, 1.3)))
            cv2.circle(
                image,
                center,
                int(rng.uniform(0.08, 0.15) * w),
                green.clip(0, 255).tolist(),
                -1,
                cv2.LINE_AA,
            )
    return image


def _near(image, rng):
    """A colour close to the top left one, for an inconspicuous pattern."""
    return (image[0, 0] * rng.uniform(0.85, 1.1)).clip(0, 255).tolist()
