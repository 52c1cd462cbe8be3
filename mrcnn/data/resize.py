"""Placement: where a photo lies on the canvas of the network input, and the way there and back."""
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Placement:
    """A photo of `photo_hw`, scaled to `size_hw`, its top left corner at `corner` (y, x) of a canvas of `canvas_hw`. Pixels."""

    photo_hw: tuple
    size_hw: tuple
    corner: tuple
    canvas_hw: tuple

    @property
    def window(self):
        """(4,) float32 yxyx: the part of the canvas that the photo covers."""
        (y, x), (h, w) = self.corner, self.size_hw
        return np.array([y, x, y + h, x + w], np.float32)

    def image(self, photo):
        """(h, w, 3) uint8 photo -> (H, W, 3) uint8 canvas, black around the photo."""
        canvas = np.zeros((*self.canvas_hw, photo.shape[2]), photo.dtype)
        shrinks = self.size_hw[0] < self.photo_hw[0]
        self._paint(canvas, photo, cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        return canvas

    def mask(self, mask):
        """(h, w) bool mask of the photo -> (H, W) bool mask of the canvas."""
        canvas = np.zeros(self.canvas_hw, np.uint8)
        self._paint(canvas, mask.view(np.uint8) if mask.dtype == bool else mask.astype(np.uint8), cv2.INTER_NEAREST_EXACT)
        return canvas.astype(bool)

    def boxes_to_photo(self, boxes):
        """(N, 4) yxyx on the canvas -> (N, 4) float32 yxyx on the photo, clipped to it."""
        (y, x), (h, w) = self.corner, self.photo_hw
        scale = np.array([h / self.size_hw[0], w / self.size_hw[1]] * 2, np.float32)
        return np.clip((np.asarray(boxes, np.float32) - np.array([y, x, y, x], np.float32)) * scale, 0,
                       np.array([h, w, h, w], np.float32))

    def _paint(self, canvas, picture, interpolation):
        (y, x), (h, w) = self.corner, self.size_hw
        canvas[y:y + h, x:x + w] = cv2.resize(picture, (w, h), interpolation=interpolation)


def place(photo_hw, canvas_hw, mode, *, min_dim=0, min_scale=0):
    """How to lay a photo of `photo_hw` on the canvas: centred, as large as fits, its proportions kept.

    mode: "square" enlarges a photo only until its short side is `min_dim` or by the factor `min_scale` (Matterport's rule);
    "portrait" always fills the canvas; "none" wants a photo of exactly the canvas' size. Raises ValueError if it is not.
    """
    h, w = photo_hw
    if mode == "none":
        if tuple(photo_hw) != tuple(canvas_hw):
            raise ValueError(f"IMAGE_RESIZE_MODE 'none' takes photos of exactly {tuple(canvas_hw)} (height, width). Got {h} x {w}; "
                             "use 'square'.")
        return Placement((h, w), (h, w), (0, 0), tuple(canvas_hw))
    scale = min(canvas_hw[0] / h, canvas_hw[1] / w)
    if mode == "square":
        scale = min(scale, max(1.0, min_dim / min(h, w), min_scale))
    size = tuple(min(limit, max(1, round(n * scale))) for n, limit in zip((h, w), canvas_hw, strict=True))
    corner = tuple((limit - n) // 2 for n, limit in zip(size, canvas_hw, strict=True))
    return Placement((h, w), size, corner, tuple(canvas_hw))


def place_for(config, photo_hw):
    """`place` with a Config's settings."""
    return place(photo_hw, config.image_hw, config.IMAGE_RESIZE_MODE, min_dim=config.IMAGE_MIN_DIM, min_scale=config.IMAGE_MIN_SCALE)


def normalise(images, mean, std):
    """RGB pixels 0..255 -> float32 network input, (pixel - mean) / std."""
    return (np.asarray(images, np.float32) - mean) / std
