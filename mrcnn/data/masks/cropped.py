"""CroppedMasks: instance masks of one image, each stored as the crop inside its box."""

from collections.abc import Sequence

import cv2
import numpy as np

from mrcnn.data.masks.instance import boxes_of_masks, mini_mask
from mrcnn.typing import Array, Size

_BITS = 8  # of a uint8: as many masks share a packed plane


class CroppedMasks:
    """N masks on a canvas. Memory grows with their boxes, not with the canvas.

    Args:
        crops: N arrays `(h, w)` bool. `boxes` is tight only if their borders are not all zeros; an
            empty mask has a crop of shape `(0, 0)`.
        corners: `(N, 2)` int, y and x of each crop's top left pixel.
        canvas_hw: Height and width of the canvas.
    """

    def __init__(self, crops: Sequence[Array], corners: Array | list, canvas_hw: Size) -> None:
        self.crops = list(crops)
        self.canvas_hw = (int(canvas_hw[0]), int(canvas_hw[1]))
        self.corners = np.asarray(corners, np.int64).reshape(-1, 2)

    @classmethod
    def from_dense(cls, masks: Array) -> "CroppedMasks":
        """Crops full-size masks; the inverse of `dense`.

        Args:
            masks: `(H, W, N)`; every value but 0 is foreground.

        Returns:
            The same masks.
        """
        boxes = boxes_of_masks(masks).astype(int)
        crops = [masks[y1:y2, x1:x2, i].astype(bool) for i, (y1, x1, y2, x2) in enumerate(boxes)]
        return cls(crops, boxes[:, :2], masks.shape[:2])

    @classmethod
    def from_planes(cls, planes: Array, count: int, packed: bool = True) -> "CroppedMasks":
        """Inverts `planes`.

        Args:
            planes: `(H, W, P)`, the result of `planes`.
            count: Number of masks.
            packed: As it was passed to `planes`.

        Returns:
            The masks.
        """
        if not packed:
            return cls.from_dense(planes[:, :, :count])
        crops, corners = [], []
        planes = np.ascontiguousarray(planes.transpose(2, 0, 1), np.uint8)
        # A bit at a time: masks may overlap, so a plane cannot be split by value.
        for k in range(count):
            mask = planes[k // _BITS] & np.uint8(1 << k % _BITS)
            x, y, w, h = cv2.boundingRect(mask)
            crops.append(mask[y : y + h, x : x + w] != 0)
            corners.append((y, x))
        return cls(crops, corners, planes.shape[1:])

    def __len__(self) -> int:
        return len(self.crops)

    @property
    def slices(self) -> list[tuple[slice, slice]]:
        """N pairs of slices: `canvas[slices[i]]` is the part of a canvas that crop i covers."""
        return [
            (slice(y, y + crop.shape[0]), slice(x, x + crop.shape[1]))
            for crop, (y, x) in zip(self.crops, self.corners.tolist())
        ]

    @property
    def boxes(self) -> Array:
        """`(N, 4)` float32 yxyx, pixels of the canvas; an empty mask has height and width 0."""
        sizes = np.array([crop.shape for crop in self.crops], np.int64).reshape(-1, 2)
        return np.hstack([self.corners, self.corners + sizes]).astype(np.float32)

    @property
    def areas(self) -> Array:
        """`(N,)` int64, pixels of each mask."""
        return np.array([np.count_nonzero(crop) for crop in self.crops], np.int64)

    def keep(self, rows: Array) -> "CroppedMasks":
        """Selects masks.

        Args:
            rows: `(n,)` int, indices.

        Returns:
            These masks, in this order.
        """
        return CroppedMasks([self.crops[i] for i in rows], self.corners[rows], self.canvas_hw)

    def dense(self) -> Array:
        """Draws every mask on a canvas of its own.

        Returns:
            `(H, W, N)` bool.
        """
        masks = np.zeros((len(self), *self.canvas_hw), bool)
        for mask, crop, place in zip(masks, self.crops, self.slices):
            mask[place] = crop
        return masks.transpose(1, 2, 0)

    def planes(self, packed: bool = True) -> Array:
        """Draws the masks on the few canvases that an augmenter has to move.

        Args:
            packed: Put eight masks into each plane. Only for augmenters that copy pixels
                (nearest neighbour); arithmetic would mix the masks.

        Returns:
            `(H, W, P)` with P >= 1. Packed: uint8, mask k is bit k % 8 of plane k // 8. Otherwise
            bool, a plane for each mask.
        """
        # A plane of its own for each mask, or one empty plane: augmenters refuse none.
        if not packed:
            return self.dense() if len(self) else np.zeros((*self.canvas_hw, 1), bool)
        planes = np.zeros((max(1, -(-len(self) // _BITS)), *self.canvas_hw), np.uint8)
        for k, (crop, place) in enumerate(zip(self.crops, self.slices)):
            # bool is stored as 0 or 1 byte by byte, so a view as uint8 costs nothing.
            planes[k // _BITS][place] |= crop.view(np.uint8) << np.uint8(k % _BITS)
        return planes.transpose(1, 2, 0)

    def minimise(self, size_hw: Size) -> Array:
        """Makes mini-masks as `mrcnn.data.masks.instance.minimise` does.

        Args:
            size_hw: Height and width of a mini-mask.

        Returns:
            `(N, *size_hw)` uint8 of 0 and 1, each filling its box.
        """
        mini = np.zeros((len(self), *size_hw), np.uint8)
        for small, crop in zip(mini, self.crops):
            if crop.size:
                small[:] = mini_mask(crop, size_hw)
        return mini

    def without(self, covered: Array) -> "CroppedMasks":
        """Removes pixels from all masks.

        Args:
            covered: `(H, W)` bool, the pixels to remove.

        Returns:
            The remaining masks, cropped tightly again.
        """
        crops, corners = [], []
        for crop, place, (y, x) in zip(self.crops, self.slices, self.corners.tolist()):
            left = crop & ~covered[place]
            ((y1, x1, y2, x2),) = boxes_of_masks(left[:, :, None]).astype(int)
            crops.append(left[y1:y2, x1:x2])
            corners.append((y + y1, x + x1) if crops[-1].size else (0, 0))
        return CroppedMasks(crops, corners, self.canvas_hw)

    def concatenate(self, others: "CroppedMasks") -> "CroppedMasks":
        """Appends masks.

        Args:
            others: Masks on a canvas of the same size.

        Returns:
            These masks, then `others`.
        """
        return CroppedMasks(
            self.crops + others.crops, np.vstack([self.corners, others.corners]), self.canvas_hw
        )

    def union(self) -> Array:
        """Marks the pixels that any mask covers.

        Returns:
            `(H, W)` bool.
        """
        covered = np.zeros(self.canvas_hw, bool)
        for crop, place in zip(self.crops, self.slices):
            covered[place] |= crop
        return covered
