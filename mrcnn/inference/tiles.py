"""Tiles: overlapping windows of a large image, each shown to the network as an image of its own.

A network input of some hundred pixels shows small objects of a large photo as a few pixels. A
window shows them larger. An object that the edge of a window cuts is not counted there: windows
overlap, so what is smaller than the overlap lies whole in one of them, and the whole image, which
is always shown as well, has what is larger. A window may still take a part of a cut object for a
whole one, such as the pocket side of a bag: see `is_part`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mrcnn.typing import Array, Size

__all__ = ["Tiling", "tiling_of"]

# A box of a cut object ends a few pixels of the network input before or at the edge: 2 % of a
# window are 8 pixels of 384.
MARGIN = 0.02
PART = 0.7  # share of a box inside another one from which it is a part of it
LEAST_SIDE = 32  # pixels of the image
MOST_WINDOWS = 1024  # of an image; a typing error would otherwise run for days


@dataclass(frozen=True)
class Tiling:
    """How an image is divided into overlapping windows.

    Attributes:
        grid: (rows, columns) of windows; or None.
        side: Height and width of a window in pixels of the image, if there is no grid.
        overlap: Share of a window's side that the next one shares at least.
    """

    grid: Size | None = None
    side: int | None = None
    overlap: float = 0.25

    def __post_init__(self) -> None:
        if (self.grid is None) == (self.side is None):
            raise ValueError("Tiles have either a grid or a side. Got both or neither.")
        if not 0 <= self.overlap < 1:
            raise ValueError(f"The overlap of tiles lies in [0, 1). Got {self.overlap}.")
        if self.grid is not None and not (min(self.grid) >= 1 and np.prod(self.grid) >= 2):
            raise ValueError(f"A grid of tiles has two windows or more. Got {self.grid}.")
        if self.side is not None and self.side < LEAST_SIDE:
            raise ValueError(f"A tile has a side of {LEAST_SIDE} pixels or more. Got {self.side}.")

    def windows(self, image_hw: Size) -> Array:
        """Computes the windows of an image.

        Args:
            image_hw: Height and width of the image, pixels.

        Returns:
            `(n, 4)` int32, yxyx, all of one size, row by row. None where one window would show the
            whole image.

        Raises:
            ValueError: There would be thousands.
        """
        counts = self.grid or (None, None)
        rows, columns = (
            self._intervals(length, count) for length, count in zip(image_hw, counts, strict=True)
        )
        if len(rows) * len(columns) > MOST_WINDOWS:
            raise ValueError(
                f"An image of {image_hw[0]} x {image_hw[1]} pixels would be shown in "
                f"{len(rows) * len(columns):,} tiles; {MOST_WINDOWS:,} are the most. Take larger "
                "tiles."
            )
        if len(rows) * len(columns) == 1:
            return np.zeros((0, 4), np.int32)
        windows = [(y1, x1, y2, x2) for y1, y2 in rows for x1, x2 in columns]
        return np.array(windows, np.int32)

    def _intervals(self, length: int, count: int | None) -> list[tuple[int, int]]:
        """Equal intervals (start, end) that cover 0 … length."""
        if count is None:
            side = min(int(self.side or 0), length)
            step = max(1, int(side * (1 - self.overlap)))
            count = 1 + -(-(length - side) // step)
        else:
            count = min(count, length)
            side = int(np.ceil(length / (count - (count - 1) * self.overlap)))
        starts = np.rint(np.linspace(0, length - side, count)).astype(int)
        return [(int(start), int(start) + side) for start in starts]


def is_cut(boxes: Array, window: Array, image_hw: Size) -> Array:
    """Returns which boxes reach an edge of a window beyond which the image continues.

    Args:
        boxes: `(N, 4)` yxyx, pixels of the image.
        window: `(4,)` yxyx, pixels of the image.
        image_hw: Height and width of the image, pixels.

    Returns:
        `(N,)` bool.
    """
    return _clearance(boxes, window, image_hw) < 0


def is_part(
    found: Mapping[str, Array], window: Array, whole: Mapping[str, Array], image_hw: Size
) -> Array:
    """Returns which detections of a window are parts of objects that it does not show whole.

    Args:
        found: In the window: "boxes" `(N, 4)` yxyx in pixels of the image, "scores", "class_ids".
        window: `(4,)` yxyx, pixels of the image.
        whole: In the whole image, the same fields.
        image_hw: Height and width of the image, pixels.

    Returns:
        `(N,)` bool: most of the box lies in one of its class that the window cuts, and that is at
        least as confident.
    """
    cut = is_cut(whole["boxes"], window, image_hw)
    theirs = {name: whole[name][cut] for name in ("boxes", "scores", "class_ids")}
    boxes = found["boxes"][:, None].astype(np.float64)
    sides = np.minimum(boxes[..., 2:], theirs["boxes"][:, 2:]) - np.maximum(
        boxes[..., :2], theirs["boxes"][:, :2]
    )
    shared = np.maximum(sides, 0).prod(axis=-1)
    own = (boxes[..., 2:] - boxes[..., :2]).prod(axis=-1)
    inside = shared >= PART * own
    same = found["class_ids"][:, None] == theirs["class_ids"]
    better = theirs["scores"] >= found["scores"][:, None]
    return (inside & same & better).any(axis=1)


def best_windows(boxes: Array, windows: Array, image_hw: Size) -> Array:
    """Chooses the window that shows each box with most of its surroundings.

    Args:
        boxes: `(N, 4)` yxyx, pixels of the image.
        windows: `(n, 4)` yxyx, pixels of the image.
        image_hw: Height and width of the image, pixels.

    Returns:
        `(N,)` int, indices of windows; -1 for a box that none shows whole.
    """
    if not len(windows):
        return np.full(len(boxes), -1)
    clear = np.stack([_clearance(boxes, window, image_hw) for window in windows])
    return np.where(clear.max(axis=0) >= 0, clear.argmax(axis=0), -1)


def _clearance(boxes, window, image_hw):
    """(N,) pixels between a box and the edges of the window that cut the image, less the margin.

    Negative where the box is, or may be, cut.
    """
    window, boxes = np.asarray(window, np.float64), np.asarray(boxes, np.float64)
    before, after = boxes[:, :2] - window[:2], window[2:] - boxes[:, 2:]
    margin = MARGIN * (window[2:] - window[:2])
    # The edge of the image cuts objects for every view alike.
    free = np.where(window[:2] > 0, before - margin, np.inf).min(axis=1)
    rest = np.where(window[2:] < np.array(image_hw), after - margin, np.inf).min(axis=1)
    return np.minimum(free, rest)


def tiling_of(text: str) -> Tiling | None:
    """Reads what tiles are asked for.

    Args:
        text: "2x3" for two rows of three windows, "640" for windows of 640 x 640 pixels; "" and
            "none" for no tiles.

    Returns:
        The tiling; None without tiles.

    Raises:
        ValueError: It is neither.
    """
    text = text.strip().lower()
    if text in ("", "none"):
        return None
    if match := re.fullmatch(r"(\d{1,3})x(\d{1,3})", text):
        return Tiling(grid=(int(match[1]), int(match[2])))
    if re.fullmatch(r"\d{1,6}", text):
        return Tiling(side=int(text))
    raise ValueError(
        'Tiles are rows x columns, such as "2x2", or the side of a window in pixels, such as '
        f'"640". Got {text!r}.'
    )
