"""Checks whether compressed RLE masks are valid, many at once.

pycocotools accepts counts that do not fill their image, and then compares the mask without end.
Written for files of several 100,000 masks: all counts are unpacked together (for one mask see
`mrcnn.data.masks.coco_rle.unpack`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.data.masks.coco_rle import MAX_DIGITS
from mrcnn.typing import Array

_BATCH_BYTES = 1 << 18  # of text at a time: more leaves the processor's cache
# The value of a count's last character, whose highest bit is the sign.
_SIGNED = ((np.arange(64) & 31 ^ 16) - 16).astype(np.int32)
_ZERO = b"0"  # a single count of 0, which fills no image


def valid_areas(masks: Sequence[dict[str, Any]]) -> Array:
    """Computes the area of each mask, or -1 where its RLE is not valid.

    Args:
        masks: N compressed RLE, `{"size": [height, width], "counts": ASCII str}`.

    Returns:
        `(N,)` int64, pixels; -1 where a count is negative or the counts do not add up to the pixels
        of the image.
    """
    texts = [mask["counts"].encode("ascii") for mask in masks]
    sizes = (mask["size"] for mask in masks)
    pixels = np.array([height * width for height, width in sizes], np.int64)
    batch = np.cumsum([len(text) for text in texts], dtype=np.int64) // _BATCH_BYTES
    ends = [*(np.flatnonzero(np.diff(batch)) + 1).tolist(), len(texts)]
    areas = np.full(len(texts), -1, np.int64)
    for first, end in zip([0, *ends], ends):
        if end > first:
            ones, total = _sums(texts[first:end])
            areas[first:end] = np.where(total == pixels[first:end], ones, -1)
    return areas


def _sums(texts: list[bytes]) -> tuple[Array, Array]:
    """Returns the sum of the 1s and of all counts of each text, `(B,)` int64; -1 if not valid.

    A text that is not a series of counts has the sums of `_ZERO`.
    """
    end = np.cumsum([len(text) for text in texts])
    codes = np.frombuffer(b"".join(texts), np.uint8) - np.uint8(48)
    last = np.flatnonzero(codes < 32)  # the characters that end a count
    digits = np.diff(last, prepend=-1)
    wrong = _unreadable(codes, last, digits, end)
    if len(wrong):
        return _sums([_ZERO if i in wrong else text for i, text in enumerate(texts)])
    after = np.searchsorted(last, end)
    first = np.append(0, after[:-1])
    steps = _steps(codes, last, digits)
    # Counts are differences to the count before the last from the fourth on only. The sums below
    # take the third for one as well, so its first count is subtracted here.
    third = first[after - first > 2]
    steps[third + 2] -= steps[third]
    ones, total = np.zeros((2, len(texts)), np.int64)
    negative = np.zeros(len(texts), bool)
    for parity in (0, 1):  # the 0s of some masks and the 1s of the others
        begin, stop = (first + 1 - parity) >> 1, (after + 1 - parity) >> 1
        grown = np.cumsum(steps[parity::2], dtype=np.int32)  # wraps as pycocotools' counts do
        counts = grown - np.repeat(np.append(np.int32(0), grown)[begin], stop - begin)
        before = np.append(0, np.cumsum(counts, dtype=np.int64))
        total += before[stop] - before[begin]
        ones += np.where(first & 1 != parity, before[stop] - before[begin], 0)
        if counts.min(initial=0) < 0:
            negative[np.searchsorted(stop, np.flatnonzero(counts < 0), "right")] = True
    return ones, np.where(negative, -1, total)


def _unreadable(codes: Array, last: Array, digits: Array, end: Array) -> set[int]:
    """Finds texts that are empty, end within a count, or hold wrong characters or long counts."""
    full = np.flatnonzero(np.diff(end, prepend=0))
    unfinished = full[codes[end[full] - 1] >= 32]
    empty = np.setdiff1d(np.arange(len(end)), full)
    # Characters above 111, and those below 48, which the subtraction in uint8 has wrapped to 208
    # and more.
    strange = np.searchsorted(end, np.flatnonzero(codes > 63), "right")
    wrong = {*empty.tolist(), *unfinished.tolist(), *strange.tolist()}
    # An unfinished count runs into the next text and is long as well, so this is checked last.
    return wrong or set(np.searchsorted(end, last[digits > MAX_DIGITS], "right").tolist())


def _steps(codes: Array, last: Array, digits: Array) -> Array:
    """Returns the number that each count stores, `(n,)` int32: 5 bits a character, lowest first."""
    steps = _SIGNED[codes[last]]
    more, place = np.flatnonzero(digits > 1), 1
    while len(more):
        steps[more] = (steps[more] << 5) + (codes[last[more] - place] & 31)
        place += 1
        more = more[digits[more] > place]
    return steps
