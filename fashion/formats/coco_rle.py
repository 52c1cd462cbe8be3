"""COCO RLE of many masks at once, from Kaggle's run lengths, resized where needed.

A submission has masks of a size of its own (512 x 512, or a longest edge of 1024), and scores are
computed at the size of the image. Runs are moved to the new size; no mask is decoded.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from fashion.formats import rle
from fashion.formats.resized_runs import join_touching, resize_each
from mrcnn.typing import Array, Size

# Run lengths parsed together, bytes. More leaves the processor's cache.
_BATCH_BYTES = 1 << 20


def coco_masks(
    texts: Sequence[bytes], frames_hw: Sequence[Size] | Array, sizes_hw: Sequence[Size] | Array
) -> tuple[list[dict[str, Any] | None], dict[int, str]]:
    """Converts masks like `coco_objects`, without measuring them.

    Args:
        texts: See `coco_objects`.
        frames_hw: See `coco_objects`.
        sizes_hw: See `coco_objects`.

    Returns:
        N times COCO RLE, or None; and the reason for each mask that is wrong, by index.
    """
    objects, wrong = coco_objects(texts, frames_hw, sizes_hw)
    return [fields and fields["segmentation"] for fields in objects], wrong


def coco_objects(
    texts: Sequence[bytes], frames_hw: Sequence[Size] | Array, sizes_hw: Sequence[Size] | Array
) -> tuple[list[dict[str, Any] | None], dict[int, str]]:
    """Converts Kaggle masks to the fields of COCO objects that tell where an object is.

    Resizing takes the nearest pixel, see `resize_each`. A mask may lose all its pixels; its box is
    then [0, 0, 0, 0].

    Args:
        texts: Kaggle run lengths of N masks, none empty.
        frames_hw: `(N, 2)` int, (height, width) that the run lengths count in.
        sizes_hw: `(N, 2)` int, (height, width) of the masks to return.

    Returns:
        objects: N times `{"segmentation": {"size", "counts": str}, "bbox": [x, y, w, h], "area"}`,
            in pixels, or None where the run lengths are wrong.
        wrong: The reason for each mask that is wrong, by index.
    """
    frames_hw, sizes_hw = (np.asarray(a, np.int64).reshape(-1, 2) for a in (frames_hw, sizes_hw))
    objects: list[dict[str, Any] | None] = [None] * len(texts)
    wrong: dict[int, str] = {}
    for rows in _batches(texts):
        valid, number, starts, lengths = rle.parse_many(
            [texts[i] for i in rows], frames_hw[rows].prod(axis=1)
        )
        if not valid.all():
            reasons = {int(i): rle.check_runs(texts[i], frames_hw[i]) for i in rows[~valid]}
            wrong |= {i: reason for i, reason in reasons.items() if reason}
            rows = np.array([i for i in rows.tolist() if i not in wrong], np.int64)
            # Those without a reason are unusually spaced only.
            _, number, starts, lengths = rle.parse_many(
                [b" ".join(texts[i].split()) for i in rows], frames_hw[rows].prod(axis=1)
            )
        owner = np.repeat(np.arange(len(rows)), number)
        found = objects_of_runs(owner, starts, starts + lengths, frames_hw[rows], sizes_hw[rows])
        for i, fields in zip(rows.tolist(), found):
            objects[i] = fields
    return objects, wrong


def _batches(texts: Sequence[bytes]) -> list[Array]:
    """Indices of texts that are parsed together."""
    if not texts:
        return []
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return np.split(np.arange(len(texts)), np.flatnonzero(np.diff(ends // _BATCH_BYTES)) + 1)


def areas(masks: Sequence[dict[str, Any]]) -> list[int]:
    """Counts the pixels of masks.

    Args:
        masks: N COCO RLEs.

    Returns:
        N areas.
    """
    # pycocotools.mask.area counts its masks in 8 bits and fails from 256 on.
    found: list[int] = []
    for i in range(0, len(masks), 255):
        found += coco_mask.area(masks[i : i + 255]).tolist()
    return found


def objects_of_runs(
    owner: Array, starts: Array, ends: Array, frames_hw: Array, sizes_hw: Array
) -> list[dict[str, Any]]:
    """Converts the runs of B masks to the fields of COCO objects.

    Args:
        owner: `(R,)` int64, the mask of each run, 0..B-1, ascending.
        starts: `(R,)` int64, pixels from 0; sorted within a mask, without overlap.
        ends: `(R,)` int64, the pixel after the last.
        frames_hw: `(B, 2)` int64, (height, width) that the runs count in.
        sizes_hw: `(B, 2)` int64, (height, width) of the masks to return.

    Returns:
        B dicts as from `coco_objects`.
    """
    if (frames_hw != sizes_hw).any():
        owner, starts, ends = resize_each(owner, starts, ends, frames_hw, sizes_hw)
    owner, starts, ends = join_touching(owner, starts, ends)
    # Mask i has the runs after[i - 1] to after[i].
    after = np.cumsum(np.bincount(owner, minlength=len(sizes_hw)))
    boxes, pixels = _measure(after, starts, ends, sizes_hw[:, 0])
    counts = _pack(after, starts, ends, sizes_hw.prod(axis=1))
    return [
        {"segmentation": {"size": size, "counts": text}, "bbox": box, "area": area}
        for size, text, box, area in zip(sizes_hw.tolist(), counts, boxes.tolist(), pixels.tolist())
    ]


def _measure(after: Array, starts: Array, ends: Array, height: Array) -> tuple[Array, Array]:
    """Boxes (B, 4) float64, [x, y, w, h] of the pixels, and areas (B,) int64."""
    boxes, pixels = np.zeros((len(after), 4)), np.zeros(len(after), np.int64)
    number = np.diff(after, prepend=0)
    some = number > 0
    if not some.any():
        return boxes, pixels
    first, last = (after - number)[some], after[some] - 1
    pixels[some] = np.add.reduceat(ends - starts, first)
    x1, x2 = starts[first] // height[some], (ends[last] - 1) // height[some] + 1
    of_run = np.repeat(height, number)
    # Exact: the quotient of whole numbers below 2^53. Faster than a division of integers.
    above = (starts / of_run).astype(np.int64) * of_run  # the pixels of the columns before
    y1, y2 = np.minimum.reduceat(starts - above, first), np.maximum.reduceat(ends - above, first)
    over = y2 > height[some]  # a run that continues in the next column touches both borders
    y1[over], y2[over] = 0, height[some][over]
    boxes[some] = np.stack([x1, y1, x2 - x1, y2 - y1], axis=1)
    return boxes, pixels


# Packing: pycocotools does it mask by mask, which takes most of the time of a large file.


def _pack(after: Array, starts: Array, ends: Array, pixels: Array) -> list[str]:
    """COCO's compressed counts of B masks.

    A mask of n runs has 2n + 1 counts, of 0s and 1s in turn; the last is left out if it is 0. From
    the fourth on, the difference to the count before the last is written.
    """
    number = np.diff(after, prepend=0)
    some, several = np.flatnonzero(number > 0), np.flatnonzero(number > 1)
    first = after - number
    ones = ends - starts
    zeros = starts.copy()
    zeros[1:] -= ends[:-1]
    zeros[first[some]] = starts[first[some]]
    steps: Array = np.empty((len(starts), 2), np.int64)
    steps[1:, 0], steps[1:, 1] = zeros[1:] - zeros[:-1], ones[1:] - ones[:-1]
    steps[first[some]] = np.stack([zeros[first[some]], ones[first[some]]], axis=1)
    steps[first[several] + 1, 0] = zeros[first[several] + 1]
    rest = pixels.copy()
    rest[some] -= ends[after[some] - 1]
    last = rest.copy()
    last[several] -= zeros[after[several] - 1]

    steps = steps.ravel()
    words = _WORDS.take(steps + _IN_TABLE, mode="clip")
    long = np.flatnonzero((steps < -_IN_TABLE) | (steps >= _IN_TABLE))
    words[long] = _low_characters(steps[long])
    # What does not fit into a word goes into another. The counts of a mask are followed by its last
    # one and a line end.
    tail = (
        np.stack([_low_characters(last), _high_characters(last), np.zeros_like(last)], axis=1)
        * (rest > 0)[:, None]
    )
    tail[:, 2] = ord("\n")
    words = np.insert(
        words,
        np.concatenate([long + 1, np.repeat(2 * after, 3)]),
        np.concatenate([_high_characters(steps[long]), tail.ravel()]),
    )
    return words.tobytes().translate(None, b"\0").decode("ascii").split("\n")[:-1]


def _low_characters(steps: Array) -> Array:
    """The first four characters of each number as a 32-bit word, the first in its lowest byte.

    A character is 48 + a digit of 5 bits, lowest digit first, + 32 if more follow. The highest bit
    of the last digit is the sign. Unused bytes are 0.
    """
    size = steps ^ (steps >> 63)  # n, or -n - 1 for negative n: the bits without the sign
    # Digits after the first, at most 4.
    more = (size > 15).astype(np.int64) + (size > 511) + (size > 16383) + (size >= 1 << 19)
    digits = (steps & 0x1F) | (steps & 0x3E0) << 3 | (steps & 0x7C00) << 6 | (steps & 0xF8000) << 9
    return (digits & _DIGITS[more]) + _PRINTED[more]


def _high_characters(steps: Array) -> Array:
    """The four characters after the first four; no number of pixels has more than eight."""
    return np.where((steps >= 1 << 19) | (steps < -1 << 19), _low_characters(steps >> 20), 0)


_DIGITS = np.array([0x1F, 0x1F1F, 0x1F1F1F, 0x1F1F1F1F, 0x1F1F1F1F])
_PRINTED = np.array([0x30, 0x3050, 0x305050, 0x30505050, 0x50505050])
_IN_TABLE = 1 << 14  # nearly all steps are smaller and looked up in the table
_WORDS = _low_characters(np.arange(-_IN_TABLE, _IN_TABLE)).astype("<u4")
