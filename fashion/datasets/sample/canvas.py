"""Canvas: a painter's algorithm that tracks which pixels of every instance are visible.

Points are `(N, 2)` float, xy, pixels of the canvas. Images are drawn at twice their size and
averaged down. Masks are `(H, W)` uint8, 0 or 255, of the whole canvas.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import cv2
import numpy as np

from mrcnn.typing import Array

DETAIL = 2  # canvas pixels per image pixel
_SHIFT = 4  # cv2 takes points in 1/16 pixel

# RGB, 0..255; or a function of canvas coordinates x (w,), y (h,) -> (h, w, 3) float32.
Color: TypeAlias = Sequence[float]
Paint: TypeAlias = Color | Callable[[Array, Array], Array]


@dataclass(eq=False)
class Instance:
    """An object that will be annotated.

    Attributes:
        category_id: Official id.
        attribute_ids: Official ids.
        figure: Number of the doll that it belongs to.
        mask: Its visible pixels.
    """

    category_id: int
    attribute_ids: list[int]
    figure: int
    mask: Array = field(repr=False)


class Canvas:
    """An RGB image at `DETAIL` times its final size, and the instances painted on it so far.

    Args:
        image: `(H, W, 3)` uint8 RGB, the background at the size of the canvas.
    """

    def __init__(self, image: Array) -> None:
        self.image = np.ascontiguousarray(image)
        self.size_hw = self.image.shape[:2]
        self.instances: list[Instance] = []
        self.figure = 0
        self.unit = 400.0  # canvas pixels per figure height; scales outlines and shading

    def instance(self, category_id: int, attribute_ids: Iterable[int] = ()) -> Instance:
        """Adds an instance of the current figure, without pixels.

        Args:
            category_id: Official id.
            attribute_ids: Official ids.

        Returns:
            The instance.
        """
        new = Instance(
            category_id, sorted(attribute_ids), self.figure, np.zeros(self.size_hw, np.uint8)
        )
        self.instances.append(new)
        return new

    # Shapes

    def polygon(self, points: Any, rounds: int = 0) -> Array:
        """Fills a closed polygon.

        Args:
            points: `(N, 2)` xy.
            rounds: How often corners are cut (Chaikin 1974); 2 gives a smooth outline.

        Returns:
            Its mask.
        """
        points = np.asarray(points, np.float64)
        for _ in range(rounds):
            following = np.roll(points, -1, axis=0)
            pairs = np.stack(
                [0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], 1
            )
            points = pairs.reshape(-1, 2)
        mask = np.zeros(self.size_hw, np.uint8)
        cv2.fillPoly(mask, [np.round(points * 2**_SHIFT).astype(np.int32)], 255, shift=_SHIFT)
        return mask

    def limb(self, points: Any, radii: Sequence[float] | Array) -> Array:
        """Fills a tapered tube along a polyline.

        Args:
            points: `(N, 2)` xy.
            radii: N radii, canvas pixels.

        Returns:
            Its mask.
        """
        mask = np.zeros(self.size_hw, np.uint8)
        points = np.asarray(points, np.float64)
        for i, (point, radius) in enumerate(zip(points, radii)):
            _disc(mask, point, radius)
            if i:
                step = point - points[i - 1]
                normal = np.array([-step[1], step[0]]) / max(np.hypot(*step), 1e-6)
                quad = [
                    points[i - 1] + normal * radii[i - 1],
                    point + normal * radius,
                    point - normal * radius,
                    points[i - 1] - normal * radii[i - 1],
                ]
                cv2.fillConvexPoly(
                    mask, np.round(np.array(quad) * 2**_SHIFT).astype(np.int32), 255, shift=_SHIFT
                )
        return mask

    def grow(self, mask: Array, radius: float) -> Array:
        """Dilates a mask by a disc.

        Args:
            mask: The mask.
            radius: Canvas pixels.

        Returns:
            The larger mask.
        """
        size = 2 * max(int(round(radius)), 1) + 1
        return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))

    # Paint

    def paint(
        self,
        mask: Array,
        color: Paint,
        owners: Collection[Instance] = (),
        folds: Sequence[Array] = (),
        relief: float = 1.0,
    ) -> None:
        """Covers a mask with a colour; its owners gain these pixels, other instances lose them.

        Args:
            mask: What to cover.
            color: What to cover it with.
            owners: Instances that the pixels belong to.
            folds: Polylines `(n, 2)` along which the cloth is darker.
            relief: 0 for flat, 1 for rounded cloth.
        """
        x, y, w, h = cv2.boundingRect(mask)
        if not w:
            return
        window = (slice(y, y + h), slice(x, x + w))
        inside = mask[window]
        for one in self.instances:
            if one in owners:
                one.mask[window] |= inside
            else:
                one.mask[window] &= ~inside
        if callable(color):
            paint = color(
                np.arange(x, x + w, dtype=np.float32), np.arange(y, y + h, dtype=np.float32)
            )
        else:
            paint = np.empty((h, w, 3), np.float32)
            paint[:] = color
        if relief:
            paint = paint * self._shading(inside, folds, (x, y), relief)[..., None]
        patch = self.image[window]
        # The patch is a view: this paints the image.
        cv2.copyTo(cv2.convertScaleAbs(paint), inside, patch)
        self._outline(mask, window, patch)

    def stroke(
        self,
        points: Any,
        color: Color,
        width: float,
        clip: Array | None = None,
        closed: bool = False,
    ) -> None:
        """Draws a line (a seam, a zip, an eyebrow) that changes no instance.

        Args:
            points: `(N, 2)` xy.
            color: RGB.
            width: Canvas pixels.
            clip: Mask that the line stays inside; None for none.
            closed: Whether the last point is joined to the first.
        """
        points = [np.round(np.asarray(points) * 2**_SHIFT).astype(np.int32)]
        width = max(int(round(width)), 1)
        if clip is None:
            cv2.polylines(self.image, points, closed, color, width, cv2.LINE_AA, _SHIFT)
            return
        line = np.zeros(self.size_hw, np.uint8)
        cv2.polylines(line, points, closed, 255, width, cv2.LINE_8, _SHIFT)
        self.image[(line & clip) > 0] = color

    def spot(self, center: Any, radius: float, color: Color) -> None:
        """Draws a small disc (a button, an eye) that changes no instance.

        Args:
            center: `(2,)` xy.
            radius: Canvas pixels.
            color: RGB.
        """
        center = tuple(int(v) for v in np.round(np.asarray(center) * 2**_SHIFT))
        cv2.circle(self.image, center, int(radius * 2**_SHIFT), color, -1, cv2.LINE_AA, _SHIFT)

    def _shading(self, inside, folds, corner, relief):
        reach = max(int(self.unit * 0.022), 2)
        padded = cv2.copyMakeBorder(
            inside, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0
        )
        soft = cv2.blur(padded, (2 * reach + 1, 2 * reach + 1)).astype(np.float32) / 255
        middle = soft[reach:-reach, reach:-reach]
        # Light comes from the left: cloth is bright near its left end and dark near its right end.
        light = soft[reach:-reach, 2 * reach :] - soft[reach:-reach, : -2 * reach]
        shade = 1 + relief * (0.16 * np.minimum(middle - 0.9, 0) + 0.13 * light)
        if len(folds):
            lines = np.zeros(inside.shape, np.uint8)
            shift = [np.round((np.asarray(f) - corner) * 2**_SHIFT).astype(np.int32) for f in folds]
            cv2.polylines(
                lines, shift, False, 255, max(int(self.unit * 0.008), 1), cv2.LINE_AA, _SHIFT
            )
            blur = 2 * max(int(self.unit * 0.004), 1) + 1
            shade -= 0.22 * relief * cv2.blur(lines, (blur, blur)).astype(np.float32) / 255
        return shade

    def _outline(self, mask, window, patch):
        contours, _ = cv2.findContours(mask[window], cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        width = max(int(round(self.unit * 0.005)), 1)
        line = np.zeros(patch.shape[:2], np.uint8)
        cv2.drawContours(line, contours, -1, 255, width)
        cv2.copyTo(cv2.convertScaleAbs(patch, alpha=0.42), line & mask[window], patch)


def visible(mask: Array) -> Array:
    """Reduces a mask of the canvas to the size of the image, by majority of 2 x 2 pixels.

    A tie is decided by the upper left pixel: disjoint masks stay disjoint, and areas have no bias.

    Args:
        mask: `(DETAIL * h, DETAIL * w)` uint8.

    Returns:
        `(h, w)` bool.
    """
    on = (mask > 0).view(np.uint8)
    first = on[::2, ::2]
    return 2 * (first + on[1::2, ::2] + on[::2, 1::2] + on[1::2, 1::2]) + first > 4


def _disc(mask, center, radius):
    center = tuple(int(v) for v in np.round(np.asarray(center) * 2**_SHIFT))
    cv2.circle(mask, center, max(int(radius * 2**_SHIFT), 1), 255, -1, cv2.LINE_8, _SHIFT)
