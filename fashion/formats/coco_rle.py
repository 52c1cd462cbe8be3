"""Frames: many masks at once, from Kaggle's run lengths in one size to COCO's run lengths in another.

A submission has its masks in a frame of its own (512 x 512, or the longest edge 1024), while a photo's objects are measured at
the photo's size. A mask is resized to the nearest pixel without ever being a picture: its runs are moved.

Inside, the runs of B masks lie one after the other in arrays (R,) int64: `owner`, the mask, and `starts` and `ends`, pixels from 0.
"""

import numpy as np
from pycocotools import mask as coco_mask

from fashion.formats import rle

_BATCH_BYTES = 1 << 20  # of run lengths at a time: more leaves the processor's cache


def coco_masks(texts, frames_hw, sizes_hw):
    """`coco_objects` without the measures: (list of N {"size", "counts": str} or None, {index: reason})."""
    objects, wrong = coco_objects(texts, frames_hw, sizes_hw)
    return [fields and fields["segmentation"] for fields in objects], wrong


def coco_objects(texts, frames_hw, sizes_hw):
    """Masks as Kaggle writes them -> the fields of COCO's objects that say where they are, at other sizes.

    texts: list of N run lengths, bytes; none may be empty
    frames_hw: (N, 2) int, height and width that the run lengths count in
    sizes_hw: (N, 2) int, height and width of the masks to be returned; equal to the frame, a mask stays as it is
    Returns: (list of N {"segmentation": compressed RLE, {"size", "counts": str}, "bbox": [x, y, w, h], "area": pixels},
        {index: reason} of the masks whose run lengths are wrong; instead of theirs there is None).

    Pixel r of the new height H shows pixel floor((r + 1/2) * h / H) of the old height h, in both directions, as nearest-neighbour
    resizing does. A mask may lose all its pixels; its box is then [0, 0, 0, 0].
    """
    frames_hw, sizes_hw = (np.asarray(a, np.int64).reshape(-1, 2) for a in (frames_hw, sizes_hw))
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    batches = (
        np.split(np.arange(len(texts)), np.flatnonzero(np.diff(ends // _BATCH_BYTES)) + 1)
        if texts
        else []
    )
    objects, wrong = [None] * len(texts), {}
    for rows in batches:
        good, number, starts, lengths = rle.parse_many(
            [texts[i] for i in rows], frames_hw[rows].prod(axis=1)
        )
        if not good.all():
            reasons = {int(i): rle.check_runs(texts[i], frames_hw[i]) for i in rows[~good]}
            wrong |= {i: reason for i, reason in reasons.items() if reason}
            rows = np.array([i for i in rows.tolist() if i not in wrong], np.int64)
            _, number, starts, lengths = rle.parse_many(
                [b" ".join(texts[i].split()) for i in rows], frames_hw[rows].prod(axis=1)
            )
        owner = np.repeat(np.arange(len(rows)), number)
        for i, fields in zip(
            rows.tolist(),
            objects_of_runs(owner, starts, starts + lengths, frames_hw[rows], sizes_hw[rows]),
        ):
            objects[i] = fields
    return objects, wrong


def areas(masks):
    """Pixels of each mask: list of N COCO RLE -> list of N int."""
    # pycocotools.mask.area counts its masks in 8 bits and fails from 256 on.
    return [
        area
        for i in range(0, len(masks), 255)
        for area in coco_mask.area(masks[i : i + 255]).tolist()
    ]


def objects_of_runs(owner, starts, ends, frames_hw, sizes_hw):
    """Sorted runs of B masks, none overlapping -> list of B dicts, and from frames to sizes, as `coco_objects`."""
    if (frames_hw != sizes_hw).any():
        owner, starts, ends = _resized(owner, starts, ends, frames_hw, sizes_hw)
    goes_on = (owner[1:] == owner[:-1]) & (starts[1:] == ends[:-1])
    if goes_on.any():
        owner, starts, ends = (
            owner[np.append(True, ~goes_on)],
            starts[np.append(True, ~goes_on)],
            ends[np.append(~goes_on, True)],
        )
    after = np.cumsum(
        np.bincount(owner, minlength=len(sizes_hw))
    )  # the first run that is no more of a mask
    boxes, pixels = _measures(after, starts, ends, sizes_hw[:, 0])
    return [
        {"segmentation": {"size": size, "counts": counts}, "bbox": box, "area": area}
        for size, counts, box, area in zip(
            sizes_hw.tolist(),
            _packed(after, starts, ends, sizes_hw.prod(axis=1)),
            boxes.tolist(),
            pixels.tolist(),
        )
    ]


# Resizing


def _resized(owner, starts, ends, frames_hw, sizes_hw):
    """Runs of masks in one size -> in another, sorted; neighbours may touch."""
    height = frames_hw[:, 0][owner]
    column = (starts / height).astype(np.int64)  # exact: quotient of whole numbers below 2^53
    top, bottom = starts - column * height, ends - column * height
    if (bottom > height).any():  # runs that go on in the next column: one piece for each
        piece, further = _ranges(np.zeros(len(owner), np.int64), -(-bottom // height))
        owner, column, height = owner[piece], column[piece] + further, height[piece]
        top, bottom = (
            np.maximum(top[piece] - further * height, 0),
            np.minimum(bottom[piece] - further * height, height),
        )
    moved, part = _moved_edges(frames_hw[:, 0], sizes_hw[:, 0])
    part = part[owner]
    top, bottom = moved[part + top], moved[part + bottom]
    moved, part = _moved_edges(frames_hw[:, 1], sizes_hw[:, 1])
    part = part[owner] + column
    left, right = moved[part], moved[part + 1]  # a column becomes none, one or several
    copy, column = _ranges(left, np.where(top < bottom, right, left))
    owner = owner[copy]
    column *= sizes_hw[:, 0][owner]
    starts, ends = column + top[copy], column + bottom[copy]
    if ((starts[1:] < starts[:-1]) & (owner[1:] == owner[:-1])).any():
        order = np.argsort(
            owner * sizes_hw.prod(axis=1).max() + starts, kind="stable"
        )  # quick, where nearly all is in order
        return owner[order], starts[order], ends[order]
    return owner, starts, ends


def _moved_edges(old, new):
    """Where the edges between pixels go when B lengths `old` become `new`: a table, and (B,) where in it each mask's part begins. Edge 0
    .. old[i] becomes edge table[part[i] + edge]."""
    fresh = np.append(True, (old[1:] != old[:-1]) | (new[1:] != new[:-1]))[
        : len(old)
    ]  # neighbours are of one photo, as a rule
    size = old[fresh] + 1
    which, edge = _ranges(np.zeros(len(size), np.int64), size)
    return _first_pixel_of(edge, old[fresh][which], new[fresh][which]), (np.cumsum(size) - size)[
        np.cumsum(fresh) - 1
    ]


def _first_pixel_of(edge, old, new):
    """The first of `new` pixels that shows pixel `edge` of `old` or a later one: the least r with (2r + 1) * old >= 2 * new * edge."""
    return np.maximum(-((old - 2 * new * edge) // (2 * old)), 0)


def _ranges(first, end):
    """The numbers of N ranges, one after the other: (which range, the number), both (sum of the lengths,)."""
    length = end - first
    which = np.repeat(np.arange(len(first)), length)
    return which, np.arange(len(which)) + (first - np.cumsum(length) + length)[which]


# Measuring and packing; mask i has the runs after[i - 1] to after[i]


def _measures(after, starts, ends, height):
    """Boxes (B, 4) float64, [x, y, w, h] of the pixels, and areas (B,) int64."""
    boxes, pixels = np.zeros((len(after), 4)), np.zeros(len(after), np.int64)
    number = np.diff(after, prepend=0)
    some = number > 0
    first, last = (after - number)[some], after[some] - 1
    if not some.any():
        return boxes, pixels
    pixels[some] = np.add.reduceat(ends - starts, first)
    x1, x2 = starts[first] // height[some], (ends[last] - 1) // height[some] + 1
    of_run = np.repeat(height, number)
    above = (starts / of_run).astype(np.int64) * of_run  # the pixels of the columns before
    y1, y2 = np.minimum.reduceat(starts - above, first), np.maximum.reduceat(ends - above, first)
    over = y2 > height[some]  # a run that goes on in the next column touches both borders
    y1[over], y2[over] = 0, height[some][over]
    boxes[some] = np.stack([x1, y1, x2 - x1, y2 - y1], axis=1)
    return boxes, pixels


def _packed(after, starts, ends, pixels):
    """COCO's compressed counts: list of B str.

    A mask of n runs has 2n + 1 counts, of 0s and 1s in turn; the last is left out if it is 0. From the fourth on, a count's growth over
    the count before the last is written.
    """
    number = np.diff(after, prepend=0)
    some, several = np.flatnonzero(number > 0), np.flatnonzero(number > 1)
    first = after - number
    ones = ends - starts
    zeros = starts.copy()
    zeros[1:] -= ends[:-1]
    zeros[first[some]] = starts[first[some]]
    steps = np.empty((len(starts), 2), np.int64)
    steps[1:, 0], steps[1:, 1] = zeros[1:] - zeros[:-1], ones[1:] - ones[:-1]
    steps[first[some]] = np.stack([zeros[first[some]], ones[first[some]]], axis=1)
    steps[first[several] + 1, 0] = zeros[first[several] + 1]
    rest = pixels.copy()
    rest[some] -= ends[after[some] - 1]
    last = rest.copy()
    last[several] -= zeros[after[several] - 1]

    steps = steps.ravel()
    words = _WORDS.take(steps + _TABLED, mode="clip")
    long = np.flatnonzero((steps < -_TABLED) | (steps >= _TABLED))  # these are few
    words[long] = _first_characters(steps[long])
    # What does not fit into a word goes into another; after the counts of a mask come its last one and the end of a line.
    tail = (
        np.stack([_first_characters(last), _next_characters(last), np.zeros_like(last)], axis=1)
        * (rest > 0)[:, None]
    )
    tail[:, 2] = ord("\n")
    words = np.insert(
        words,
        np.concatenate([long + 1, np.repeat(2 * after, 3)]),
        np.concatenate([_next_characters(steps[long]), tail.ravel()]),
    )
    return words.tobytes().translate(None, b"\0").decode("ascii").split("\n")[:-1]


def _first_characters(steps):
    """(N,) int64 -> (N,) int64, the first four characters of each as a word, the first in its lowest byte, 0 where there are less.

    A character is 48 + a digit of 5 bits, lowest digit first, + 32 where more follow; the last digit's highest bit is the sign.
    """
    size = steps ^ (
        steps >> 63
    )  # n, or -n - 1 of a number below 0: of so many bits, and one for the sign
    more = (
        (size > 15).astype(np.int64) + (size > 511) + (size > 16383) + (size >= 1 << 19)
    )  # digits after the first, 4 at most
    digits = (steps & 0x1F) | (steps & 0x3E0) << 3 | (steps & 0x7C00) << 6 | (steps & 0xF8000) << 9
    return (digits & _DIGITS[more]) + _PRINTED[more]


def _next_characters(steps):
    """The four characters after the first four; a number of pixels has no more than eight."""
    return np.where((steps >= 1 << 19) | (steps < -1 << 19), _first_characters(steps >> 20), 0)


_DIGITS = np.array([0x1F, 0x1F1F, 0x1F1F1F, 0x1F1F1F1F, 0x1F1F1F1F])
_PRINTED = np.array([0x30, 0x3050, 0x305050, 0x30505050, 0x50505050])
_TABLED = 1 << 14  # nearly all steps are smaller
_WORDS = _first_characters(np.arange(-_TABLED, _TABLED)).astype("<u4")
