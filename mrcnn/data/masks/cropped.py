"""CroppedMasks: the masks of one picture, each kept as the small window that it fills instead of a whole canvas."""

import cv2
import numpy as np

from mrcnn.data.masks.instance import boxes_of_masks, mini_mask

_BITS = 8


class CroppedMasks:
    """N masks of a canvas of `canvas_hw` pixels; an object of n pixels costs its box, not the canvas.

    windows: N arrays (h, w) bool; corners: (N, 2) int, y and x of each one's top left pixel. Windows without a border of zeros are what
    `boxes` wants; an empty mask has a window of (0, 0).
    """

    def __init__(self, windows, corners, canvas_hw):
        self.windows, self.canvas_hw = list(windows), tuple(int(n) for n in canvas_hw)
        self.corners = np.asarray(corners, np.int64).reshape(-1, 2)

    @classmethod
    def from_dense(cls, masks):
        """The inverse of `dense`: (H, W, N) of 0 and not 0."""
        boxes = boxes_of_masks(masks).astype(int)
        windows = [masks[y1:y2, x1:x2, i].astype(bool) for i, (y1, x1, y2, x2) in enumerate(boxes)]
        return cls(windows, boxes[:, :2], masks.shape[:2])

    @classmethod
    def from_planes(cls, planes, count, packed=True):
        """The inverse of `planes`; count: N."""
        if not packed:
            return cls.from_dense(planes[:, :, :count])
        windows, corners = [], []
        planes = np.ascontiguousarray(planes.transpose(2, 0, 1), np.uint8)
        for k in range(count):
            mask = planes[k // _BITS] & np.uint8(1 << k % _BITS)
            x, y, w, h = cv2.boundingRect(mask)
            windows.append(mask[y : y + h, x : x + w] != 0)
            corners.append((y, x))
        return cls(windows, corners, planes.shape[1:])

    def __len__(self):
        return len(self.windows)

    @property
    def places(self):
        """N pairs of slices: `canvas[place]` is the part of a canvas (H, W, ...) that a window fills."""
        return [
            np.s_[y : y + window.shape[0], x : x + window.shape[1]]
            for window, (y, x) in zip(self.windows, self.corners.tolist())
        ]

    @property
    def boxes(self):
        """(N, 4) float32 yxyx, pixels of the canvas; zeros for an empty mask."""
        sizes = np.array([window.shape for window in self.windows], np.int64).reshape(-1, 2)
        return np.hstack([self.corners, self.corners + sizes]).astype(np.float32)

    @property
    def areas(self):
        """(N,) int64: how many pixels each has."""
        return np.array([np.count_nonzero(window) for window in self.windows], np.int64)

    def keep(self, rows):
        """These rows only: (n,) indices."""
        return CroppedMasks([self.windows[i] for i in rows], self.corners[rows], self.canvas_hw)

    def dense(self):
        """(H, W, N) bool, a canvas for each mask."""
        masks = np.zeros((len(self), *self.canvas_hw), bool)
        for mask, window, place in zip(masks, self.windows, self.places):
            mask[place] = window
        return masks.transpose(1, 2, 0)

    def planes(self, packed=True):
        """(H, W, P), at least one plane. Packed, for what only copies pixels: uint8, mask k is bit k % 8 of plane k // 8. Otherwise bool,
        a plane for each mask."""
        if not packed:
            return self.dense() if len(self) else np.zeros((*self.canvas_hw, 1), bool)
        planes = np.zeros((max(1, -(-len(self) // _BITS)), *self.canvas_hw), np.uint8)
        for k, (window, place) in enumerate(zip(self.windows, self.places)):
            planes[k // _BITS][place] |= window.view(np.uint8) << np.uint8(k % _BITS)
        return planes.transpose(1, 2, 0)

    def minimise(self, size_hw):
        """Mini-masks, as `mrcnn.data.masks.instance.minimise` makes them: (N, *size_hw) uint8 of 0 and 1, each filling its box."""
        mini = np.zeros((len(self), *size_hw), np.uint8)
        for small, window in zip(mini, self.windows):
            if window.size:
                small[:] = mini_mask(window, tuple(size_hw))
        return mini

    def without(self, covered):
        """These masks where `covered` (H, W) bool is False."""
        windows, corners = [], []
        for window, place, (y, x) in zip(self.windows, self.places, self.corners.tolist()):
            left = window & ~covered[place]
            ((y1, x1, y2, x2),) = boxes_of_masks(left[:, :, None]).astype(int)
            windows.append(left[y1:y2, x1:x2])
            corners.append((y + y1, x + x1) if windows[-1].size else (0, 0))
        return CroppedMasks(windows, corners, self.canvas_hw)

    def concatenate(self, others):
        """These masks and then `others`, of the same canvas."""
        return CroppedMasks(
            self.windows + others.windows, np.vstack([self.corners, others.corners]), self.canvas_hw
        )

    def union(self):
        """(H, W) bool: what any of them covers."""
        covered = np.zeros(self.canvas_hw, bool)
        for window, place in zip(self.windows, self.places):
            covered[place] |= window
        return covered
