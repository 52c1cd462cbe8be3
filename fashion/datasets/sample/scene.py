"""Scene: a background, one or two dressed dolls, light; and the visible instances."""

from __future__ import annotations

import cv2
import numpy as np

from fashion.datasets.sample import accessories, garments
from fashion.datasets.sample import figure as dolls
from fashion.datasets.sample import labels as L
from fashion.datasets.sample.background import draw_background
from fashion.datasets.sample.canvas import DETAIL, Canvas, Instance, visible
from fashion.datasets.sample.figure import Frame, random_figure
from fashion.datasets.sample.outfit import random_outfit
from mrcnn.typing import Array, Size

# Instances with fewer visible pixels are not annotated. For a main garment, which a coat may hide,
# the limit is a share of the image: nobody can tell a sweater from a shirt by a sliver.
SMALLEST_AREA, SMALLEST_GARMENT = 48, 0.012


def draw_scene(rng: np.random.Generator, size_hw: Size) -> tuple[Array, list[Instance]]:
    """Draws an image.

    Args:
        rng: Random numbers.
        size_hw: (height, width), pixels.

    Returns:
        `(H, W, 3)` uint8 RGB, and its visible instances with masks `(H, W)` bool.
    """
    height, width = size_hw[0] * DETAIL, size_hw[1] * DETAIL
    canvas = Canvas(draw_background(rng, (height, width)))
    for frame in _random_frames(rng, (height, width)):
        draw_doll(canvas, rng, frame)
        canvas.figure += 1
    picture = cv2.resize(canvas.image, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_AREA)
    instances = []
    for one in canvas.instances:
        one.mask = visible(one.mask)
        garment = one.category_id in L.MAIN_GARMENTS
        if one.mask.sum() >= max(SMALLEST_AREA, SMALLEST_GARMENT * one.mask.size * garment):
            instances.append(one)
    return _light(rng, picture), instances


def _random_frames(rng, size_hw):
    """Where the dolls stand: usually one in the middle; sometimes two, or cut by the edge."""
    height, width = size_hw
    several = rng.random() < 0.13
    frames = []
    for i in range(2 if several else 1):
        share = rng.uniform(0.5, 0.72) if several else rng.triangular(0.6, 0.95, 0.97)
        scale = share * min(height, 1.5 * width)
        middle, spread = (0.27 + 0.46 * i, 0.03) if several else (0.5, 0.16)
        center = width * (middle + rng.uniform(-spread, spread))
        room = height - scale
        sole = height - room * rng.uniform(0.05, 0.5) - 0.01 * scale
        if not several and rng.random() < 0.14:
            scale *= rng.uniform(1.05, 1.25)  # closer: feet or a side out of the image
            sole = height * rng.uniform(1.02, 1.12)
        frames.append(
            Frame(
                scale,
                (center, sole),
                lean=np.radians(rng.normal(0, 3.5)),
                sway=rng.uniform(-0.022, 0.022),
                build=rng.uniform(1.05, 1.25),
                mirror=float(rng.choice([-1, 1])),
            )
        )
    return frames


def draw_doll(canvas: Canvas, rng: np.random.Generator, frame: Frame) -> None:
    """Draws a randomly dressed doll, back to front.

    Args:
        canvas: The canvas.
        rng: Random numbers.
        frame: Where it stands.
    """
    outfit = random_outfit(rng)
    figure = random_figure(rng, frame, outfit.narrow_stance)
    canvas.unit = frame.scale
    outer = outfit.outer
    worn = [(g, canvas.instance(g.category_id, g.attribute_ids(outer))) for g in outfit.garments]
    if outer:
        worn.append((outer, canvas.instance(outer.category_id, outer.attribute_ids())))
    sleeved = outer or next((g for g, _ in worn if g.neckline or g.collar), None)
    _draw_shadow(canvas, frame)
    dolls.draw_back_hair(canvas, figure)
    _draw_arms(canvas, figure, worn, sleeved, behind=True)
    dolls.draw_legs(canvas, figure, outfit.in_trousers)
    dolls.draw_torso(canvas, figure)
    if outfit.tights:
        accessories.draw_tights(canvas, figure, outfit.tights)
    accessories.draw_shoes(canvas, figure, outfit.shoes, outfit.shoe_color)
    room = garments.room_under(canvas, figure, outer) if outer else None
    for garment, instance in worn:
        garments.draw_garment(canvas, figure, garment, instance, None if garment is outer else room)
        if outfit.belt and garment is outfit.belt_over:
            accessories.draw_belt(canvas, figure, outfit.belt, instance)
    bag = outfit.bag
    if bag == "cross":
        accessories.draw_cross_bag(canvas, figure, outfit.bag_color, side=rng.choice([-1, 1]))
    _draw_arms(canvas, figure, worn, sleeved, behind=False)
    dolls.draw_head(canvas, figure)
    if outfit.scarf:
        accessories.draw_scarf(canvas, figure, outfit.scarf, length=rng.uniform(0.14, 0.26))
    if outfit.glasses:
        accessories.draw_glasses(canvas, figure, outfit.glasses)
    if outfit.hat:
        accessories.draw_hat(canvas, figure, outfit.hat, outfit.hat_cloth)
    if bag == "hand":
        accessories.draw_hand_bag(canvas, figure, outfit.bag_color)


def _draw_arms(canvas, figure, worn, sleeved, behind):
    """Draws the arms before or behind the body, in sleeves of the outermost garment with any."""
    for arm in figure.arms:
        if arm.behind is behind:
            dolls.draw_arm(canvas, figure, arm)
            for garment, instance in worn:
                if garment is sleeved and garment.sleeve:
                    garments.draw_sleeve(canvas, figure, arm, garment, instance)


def _draw_shadow(canvas, frame):
    x, y = frame.to_canvas((0, dolls.SOLE_Y + 0.004))
    shadow = np.zeros(canvas.size_hw, np.uint8)
    axes = (int(0.2 * frame.scale), int(0.022 * frame.scale))
    cv2.ellipse(shadow, (int(x), int(y)), axes, 0, 0, 360, 255, -1)
    left, top, w, h = cv2.boundingRect(shadow)
    if w:
        patch = canvas.image[top : top + h, left : left + w]
        soft = cv2.blur(shadow[top : top + h, left : left + w], (9, 9))[..., None]
        soft = soft.astype(np.float32) / 255
        patch[:] = (patch * (1 - 0.4 * soft)).astype(np.uint8)


def _light(rng, picture):
    """Applies exposure, colour of the light, a gradient across the image, and sensor noise."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    gain = rng.uniform(0.82, 1.12) * (
        1 + rng.uniform(0, 0.16) * (np.cos(angle) * x + np.sin(angle) * y)
    )
    warmth = rng.uniform(-0.06, 0.06)
    lit = (
        picture
        * gain[..., None].astype(np.float32)
        * np.array([1 + warmth, 1, 1 - warmth], np.float32)
    )
    grain = rng.standard_normal((height, width), np.float32)[..., None] * rng.uniform(0, 5)
    return cv2.convertScaleAbs(np.maximum(lit + grain, 0))
