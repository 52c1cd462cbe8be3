"""Sound masks: do compressed run lengths fill their photo exactly? pycocotools reads what does not and then compares it for ever.

Written for 100,000s of masks: the counts of many are unpacked at once (`mrcnn.data.masks.coco_rle.unpack` tells how one is).
"""

import numpy as np

from mrcnn.data.masks.coco_rle import MOST_DIGITS

_BATCH_BYTES = 1 << 18  # of run lengths at a time: more leaves the processor's cache
_SIGNED = ((np.arange(64) & 31 ^ 16) - 16).astype(
    np.int32
)  # of a count's last character, whose highest bit is the sign
_NOTHING = b"0"  # one count of 0, which fills no photo


def valid_areas(masks):
    """The pixels of each mask, and -1 for one whose counts are not all 0 or more, or do not add up to the pixels of its photo.

    masks: list of N {"size": [height, width], "counts": ASCII}, compressed
    Returns: (N,) int64.
    """
    texts = [mask["counts"].encode("ascii") for mask in masks]
    pixels = np.array(
        [height * width for height, width in (mask["size"] for mask in masks)], np.int64
    )
    batch = np.cumsum([len(text) for text in texts], dtype=np.int64) // _BATCH_BYTES
    ends = [*(np.flatnonzero(np.diff(batch)) + 1).tolist(), len(texts)]
    areas = np.full(len(texts), -1, np.int64)
    for first, end in zip([0, *ends], ends):
        if end > first:
            ones, total = _sums(texts[first:end])
            areas[first:end] = np.where(total == pixels[first:end], ones, -1)
    return areas


def _sums(texts):
    """Of each of B texts, at least one: the sum of its counts of 1s and that of all its counts, (B,) int64 each; -1 where one is below 0.

    A text that is no series of counts has the sums of `_NOTHING`.
    """
    end = np.cumsum([len(text) for text in texts])
    codes = np.frombuffer(b"".join(texts), np.uint8) - np.uint8(48)
    last = np.flatnonzero(codes < 32)  # the characters that end a count
    digits = np.diff(last, prepend=-1)
    wrong = _unreadable(codes, last, digits, end)
    if len(wrong):
        return _sums([_NOTHING if i in wrong else text for i, text in enumerate(texts)])
    after = np.searchsorted(last, end)
    first = np.append(0, after[:-1])
    steps = _steps(codes, last, digits)
    third = first[after - first > 2]
    steps[third + 2] -= steps[
        third
    ]  # a count says its growth over the count before the last from the fourth on only
    ones, total = np.zeros((2, len(texts)), np.int64)
    below = np.zeros(len(texts), bool)
    for parity in (0, 1):  # the counts of 0s of some masks and those of 1s of the others
        begin, stop = (first + 1 - parity) >> 1, (after + 1 - parity) >> 1
        grown = np.cumsum(
            steps[parity::2], dtype=np.int32
        )  # turns over at 32 bits, as pycocotools' counts do
        counts = grown - np.repeat(np.append(np.int32(0), grown)[begin], stop - begin)
        before = np.append(0, np.cumsum(counts, dtype=np.int64))
        total += before[stop] - before[begin]
        ones += np.where(first & 1 != parity, before[stop] - before[begin], 0)
        if counts.min(initial=0) < 0:
            below[np.searchsorted(stop, np.flatnonzero(counts < 0), "right")] = True
    return ones, np.where(below, -1, total)


def _unreadable(codes, last, digits, end):
    """Which texts are empty, break off within a count, or have characters or counts that cannot be: set of places."""
    full = np.flatnonzero(np.diff(end, prepend=0))
    unfinished = full[codes[end[full] - 1] >= 32]
    empty = np.setdiff1d(np.arange(len(end)), full)
    strange = np.searchsorted(end, np.flatnonzero(codes > 63), "right")
    wrong = {*empty.tolist(), *unfinished.tolist(), *strange.tolist()}
    # A count that goes on in the next text is long, too, so this is asked last.
    return wrong or set(np.searchsorted(end, last[digits > MOST_DIGITS], "right").tolist())


def _steps(codes, last, digits):
    """What the counts that end at some characters say, (n,) int32: 5 bits a character, the lowest first."""
    steps = _SIGNED[codes[last]]
    more, place = np.flatnonzero(digits > 1), 1
    while len(more):
        steps[more] = (steps[more] << 5) + (codes[last[more] - place] & 31)
        place += 1
        more = more[digits[more] > place]
    return steps
