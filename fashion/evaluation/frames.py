"""Frames: many masks at once, from Kaggle's run lengths in one size to COCO's run lengths in another.

A submission has its masks in a frame of its own (512 x 512, or the longest edge 1024), while a photo's objects are measured at
the photo's size. A mask is resized to the nearest pixel without ever being a picture: its runs are moved.
"""
import numpy as np
from pycocotools import mask as coco_mask

from fashion import rle

_BATCH_BYTES = 1 << 20   # of run lengths at a time: more leaves the processor's cache


def coco_masks(texts, frames_hw, sizes_hw):
    """Masks as Kaggle writes them -> COCO's compressed RLE at other sizes.

    texts: list of N run lengths, bytes; none may be empty
    frames_hw: (N, 2) int, height and width that the run lengths count in
    sizes_hw: (N, 2) int, height and width of the masks to be returned; equal to the frame, a mask stays as it is
    Returns: (list of N {"size", "counts": str}, {index: reason} of the masks whose run lengths are wrong; theirs is None).

    Pixel r of the new height H shows pixel floor((r + 1/2) * h / H) of the old height h, in both directions, as nearest-neighbour
    resizing does. A mask may lose all its pixels.
    """
    frames_hw, sizes_hw = (np.asarray(a, np.int64).reshape(-1, 2) for a in (frames_hw, sizes_hw))
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    batches = np.split(np.arange(len(texts)), np.flatnonzero(np.diff(ends // _BATCH_BYTES)) + 1) if texts else []
    masks, wrong = [None] * len(texts), {}
    for rows in batches:
        good = rle.valid_runs([texts[i] for i in rows], frames_hw[rows].prod(axis=1))
        for i in rows[~good]:
            reason = rle.check_runs(texts[i], frames_hw[i])
            if reason:
                wrong[int(i)] = reason
        tidy = {i: texts[i] if fine else b" ".join(texts[i].split()) for i, fine in zip(rows.tolist(), good) if i not in wrong}
        if tidy:
            for i, mask in zip(tidy, _converted(list(tidy.values()), frames_hw[list(tidy)], sizes_hw[list(tidy)])):
                masks[i] = mask
    return masks, wrong


def areas(masks):
    """Pixels of each mask: list of N COCO RLE -> list of N int."""
    # pycocotools.mask.area counts its masks in 8 bits and fails from 256 on.
    return [area for i in range(0, len(masks), 255) for area in coco_mask.area(masks[i:i + 255]).tolist()]


def _converted(texts, frames_hw, sizes_hw):
    """Run lengths that are right, a list of bytes with single spaces -> list of COCO RLE."""
    owner = np.repeat(np.arange(len(texts)), [(text.count(b" ") + 1) // 2 for text in texts])
    values = np.fromstring(b" ".join(texts), np.int64, sep=" ")
    starts = values[0::2] - 1
    ends = starts + values[1::2]
    moves = (frames_hw != sizes_hw).any(axis=1)
    if moves.any():
        some = moves[owner]
        moved = _resized(owner[some], starts[some], ends[some], frames_hw, sizes_hw)
        owner, starts, ends = (np.concatenate([a[~some], b]) for a, b in zip((owner, starts, ends), moved))
        order = np.lexsort((starts, owner))
        owner, starts, ends = owner[order], starts[order], ends[order]
    return _as_coco(owner, starts, ends, sizes_hw)


def _resized(owner, starts, ends, frames_hw, sizes_hw):
    """Runs (owner, start, end), (R,) each -> the same in the other sizes, in no particular order."""
    height = frames_hw[owner, 0]
    first, last = starts // height, (ends - 1) // height
    # One piece for each column that a run enters.
    piece, column = _ranges(first, last + 1)
    height = height[piece]
    top = np.maximum(starts[piece] - column * height, 0)
    bottom = np.minimum(ends[piece] - column * height, height)
    owner = owner[piece]
    (old_h, old_w), (new_h, new_w) = frames_hw[owner].T, sizes_hw[owner].T
    top, bottom = _first_pixel_of(top, old_h, new_h), _first_pixel_of(bottom, old_h, new_h)
    # A column becomes none, one or several.
    copy, column = _ranges(_first_pixel_of(column, old_w, new_w), _first_pixel_of(column + 1, old_w, new_w))
    column, copy = column[(top < bottom)[copy]], copy[(top < bottom)[copy]]
    return owner[copy], column * new_h[copy] + top[copy], column * new_h[copy] + bottom[copy]


def _first_pixel_of(edge, old, new):
    """The first of `new` pixels that shows pixel `edge` of `old` or a later one: the least r with (2r + 1) * old >= 2 * new * edge."""
    return np.maximum(-((old - 2 * new * edge) // (2 * old)), 0)


def _ranges(first, end):
    """The numbers of N ranges, one after the other: (which range, the number), both (sum of the lengths,)."""
    length = end - first
    which = np.repeat(np.arange(len(first)), length)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(length) - length, length) + first[which]


def _as_coco(owner, starts, ends, sizes_hw):
    """Sorted runs -> list of COCO RLE, compressed by pycocotools."""
    fresh = np.ones(len(owner), bool)     # not the continuation of the run before it
    fresh[1:] = (owner[1:] != owner[:-1]) | (starts[1:] != ends[:-1])
    ends = ends[np.append(fresh[1:], True)] if len(ends) else ends
    owner, starts = owner[fresh], starts[fresh]

    number = np.bincount(owner, minlength=len(sizes_hw))
    after = np.cumsum(number)             # the mask's runs are number `after - number` to `after`
    pixels = sizes_hw.prod(axis=1)
    masks = np.arange(len(sizes_hw))
    # A mask of n runs has 2n + 1 counts, of 0s and 1s in turn.
    counts = np.zeros(2 * len(starts) + len(sizes_hw), np.int64)
    before = np.append(0, ends[:-1]) if len(ends) else ends
    begins = (after - number)[number > 0]
    before[begins] = 0
    at = 2 * np.arange(len(starts)) + owner
    counts[at], counts[at + 1] = starts - before, ends - starts
    end_of_mask = np.zeros(len(sizes_hw), np.int64)
    end_of_mask[number > 0] = ends[after[number > 0] - 1]
    counts[2 * after + masks] = pixels - end_of_mask
    first, stop = 2 * (after - number) + masks, 2 * after + masks + (pixels > end_of_mask)
    packed = coco_mask.frPyObjects([{"size": size, "counts": counts[a:b].tolist()}
                                    for size, a, b in zip(sizes_hw.tolist(), first, stop)], 0, 0)
    return [{"size": mask["size"], "counts": mask["counts"].decode("ascii")} for mask in packed]
