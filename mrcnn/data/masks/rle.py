"""Runs: the masks of one photo as run lengths, and how they come to the canvas without a mask of the photo's size."""

import dataclasses

import numpy as np

from mrcnn.data.masks.coco_rle import counts_from_runs, runs_from_counts, segmentation_counts
from mrcnn.data.masks.cropped import CroppedMasks


@dataclasses.dataclass(frozen=True)
class RLEMasks:
    """N masks of a photo of `image_hw`, column by column: pixel (y, x) has the number x * H + y.

    starts, lengths: (R,) int64, the runs of all masks one after the other, each mask's sorted and apart; counts: (N,) int64, how many
    are whose.
    """

    image_hw: tuple
    starts: np.ndarray
    lengths: np.ndarray
    counts: np.ndarray

    @classmethod
    def from_dense(cls, masks):
        """Of (H, W, N) masks."""
        height, width, count = masks.shape
        columns = np.ascontiguousarray(masks.transpose(2, 1, 0) != 0).reshape(count, width * height)
        edges = np.diff(columns.astype(np.int8), axis=1, prepend=0, append=0)
        (owner, starts), (_, ends) = np.nonzero(edges == 1), np.nonzero(edges == -1)
        return cls((height, width), starts, ends - starts, np.bincount(owner, minlength=count))

    @classmethod
    def from_coco(cls, segmentations, image_hw, names=None):
        """Of N segmentations of COCO annotations: polygons or run lengths, see `mrcnn.data.masks.coco_rle.segmentation_counts`.

        names: what errors call each of them, for instance "Annotation 5 of instances.json"; None: by their place in the list
        """
        names = (
            [f"Segmentation number {i} (from 0)" for i in range(len(segmentations))]
            if names is None
            else names
        )
        runs = [
            runs_from_counts(segmentation_counts(segmentation, image_hw, name))
            for segmentation, name in zip(segmentations, names, strict=True)
        ]
        none = np.zeros((2, 0), np.int64)  # of no segmentations
        return cls(
            tuple(image_hw),
            *(np.concatenate(parts) for parts in zip(none, *runs)),
            np.array([len(starts) for starts, _ in runs], np.int64),
        )

    def __len__(self):
        return len(self.counts)

    @property
    def areas(self):
        """(N,) int64: pixels of the photo."""
        return np.bincount(self._owners(), weights=self.lengths, minlength=len(self)).astype(
            np.int64
        )

    @property
    def boxes(self):
        """(N, 4) int64 yxyx, pixels of the photo; zeros for an empty mask."""
        return boxes_of_spans(
            *cut_at_columns(self._owners(), self.starts, self.lengths, self.image_hw[0]), len(self)
        )

    def dense(self):
        """(H, W, N) bool, each mask in the photo's size."""
        height, width = self.image_hw
        masks = np.zeros((len(self), width * height), bool)
        first = np.append(0, np.cumsum(self.counts))
        for mask, a, b in zip(masks, first, first[1:]):
            counts = counts_from_runs(self.starts[a:b], self.lengths[a:b], mask.size)
            mask[:] = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        return masks.reshape(len(self), width, height).transpose(2, 1, 0)

    def place(self, placement):
        """The masks on the canvas of a `Placement`, a CroppedMasks: pixel for pixel what `Placement.mask` makes of the dense ones.

        A pixel of the canvas shows the pixel of the photo under its centre, so a run is cut to the rows and columns that are shown; all
        runs of all masks are painted at once, as steps up and down whose running sum is the mask.
        """
        owner, column, top, bottom = cut_at_columns(
            self._owners(), self.starts, self.lengths, self.image_hw[0]
        )
        rows, columns = placement.window_offsets()
        top, bottom = rows[top], rows[bottom]
        copies = np.where(
            bottom > top, columns[column + 1] - columns[column], 0
        )  # a column of the photo may be shown several times
        owner, top, bottom = (np.repeat(values, copies) for values in (owner, top, bottom))
        left = (
            np.repeat(columns[column], copies)
            + np.arange(len(owner))
            - np.repeat(np.cumsum(copies) - copies, copies)
        )
        corner_y, corner_x, _, _ = placement.window.astype(int)
        return _paint(
            owner,
            left + corner_x,
            top + corner_y,
            bottom + corner_y,
            len(self),
            placement.canvas_hw,
        )

    def keep(self, rows):
        """The masks where `rows` (N,) is True."""
        runs = np.repeat(rows, self.counts)
        return RLEMasks(self.image_hw, self.starts[runs], self.lengths[runs], self.counts[rows])

    def _owners(self):
        return np.repeat(np.arange(len(self)), self.counts)


def cut_at_columns(owner, starts, lengths, height):
    """Runs (R,) -> spans (S,) of one column each: owner, column, and the rows from top to bottom, which lies outside; int64.

    owner: (R,) int64, the mask of each run; starts, lengths: (R,) int64, in pixels down the columns, of one pixel or more; height: of the
    photo, one for all, or (R,), that of each run's photo
    """
    column = starts // height
    top = starts - column * height
    bottom = top + lengths
    if (bottom <= height).all():
        return owner, column, top, bottom
    pieces = -(-bottom // height)
    run = np.repeat(np.arange(len(pieces)), pieces)
    number = np.arange(len(run)) - np.repeat(
        np.cumsum(pieces) - pieces, pieces
    )  # of the piece in its run
    height = height[run] if np.ndim(height) else height
    return (
        owner[run],
        column[run] + number,
        np.where(number == 0, top[run], 0),
        np.minimum(bottom[run] - number * height, height),
    )


def boxes_of_spans(owner, column, top, bottom, count):
    """(count, 4) int64 yxyx, pixels, of the masks whose spans these are, sorted by owner and column; zeros for a mask without any.

    owner, column, top, bottom: (S,), see `cut_at_columns`
    """
    boxes = np.zeros((count, 4), np.int64)
    if len(owner):
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        last = np.append(first[1:], len(owner)) - 1
        boxes[owner[first]] = np.stack(
            [
                np.minimum.reduceat(top, first),
                column[first],
                np.maximum.reduceat(bottom, first),
                column[last] + 1,
            ],
            axis=1,
        )
    return boxes


def _paint(owner, column, top, bottom, count, canvas_hw):
    """Spans (S,), sorted by owner and column, of which those of one owner do not overlap -> CroppedMasks of `count` masks."""
    boxes = boxes_of_spans(owner, column, top, bottom, count)
    heights, widths = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    # Every window column by column, with a row beneath in which the last step down of a column has its place.
    sizes = widths * (heights + 1)
    begin = np.cumsum(sizes) - sizes
    at = begin[owner] + (column - boxes[owner, 1]) * (heights[owner] + 1) - boxes[owner, 0]
    steps = np.zeros(sizes.sum(), np.int8)
    steps[at + top] += 1
    steps[at + bottom] -= 1
    painted = np.cumsum(steps, dtype=np.int8).view(bool)
    windows = [
        painted[b : b + n].reshape(w, h + 1)[:, :h].T
        for b, n, w, h in zip(begin, sizes, widths, heights)
    ]
    return CroppedMasks(windows, boxes[:, :2], canvas_hw)
