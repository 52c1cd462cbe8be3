"""Kaggle run lengths and COCO RLE: masks as text, both ways, exactly.

Kaggle writes a mask as "start length start length …". Pixels are numbered from 1, down the first column, then
down the second: in an image of height H, pixel (row, column) is number column * H + row + 1. Runs are sorted
and do not overlap.
COCO counts the same pixels in the same order, as the lengths of alternating runs of 0s and 1s,
packed into characters.
"""

import numpy as np

from mrcnn.data.masks.coco_rle import counts_from_runs, pack, runs_from_counts, unpack

_HUGE = 1 << 48  # beyond any image; keeps start + length from overflowing


# Kaggle text <-> runs


def parse_runs(rle):
    """Text -> runs: starts0 (R,) int64, counted from 0, and lengths (R,) int64. Order is not checked."""
    reason, values = _numbers(rle)
    if reason:
        raise ValueError(
            f"These are no run lengths: {reason}. Expected 'start length start length …'."
        )
    return values[0::2] - 1, values[1::2]


def format_runs(starts0, lengths):
    """Runs -> text; the inverse of `parse_runs`. No runs give an empty text."""
    values = np.stack([np.asarray(starts0, np.int64) + 1, np.asarray(lengths, np.int64)], axis=1)
    return " ".join(map(str, values.ravel().tolist()))


def check_runs(rle, size_hw):
    """None if `rle` is a mask of at least one pixel inside an image of `size_hw`, otherwise the reason."""
    reason, values = _numbers(rle)
    if reason:
        return reason
    if not len(values):
        return "there are no runs"
    return _first_fault(values[0::2] - 1, values[1::2], size_hw)


def valid_runs(rles, pixels):
    """`check_runs` for many masks at once: as fast as numbers can be read, where they are right.

    rles:   list of B texts (bytes); pixels: (B,) int64, height * width of each one's image.
    Returns (B,) bool. Where it is False, `check_runs` says why (or that only the spacing is unusual).
    """
    return parse_many(rles, pixels)[0]


def parse_many(rles, pixels):
    """`parse_runs` and `valid_runs` in one: texts are read once.

    Returns: valid (B,) bool; number of runs of each text (B,) int64, 0 where it is no list of pairs; starts0 (R,) and
    lengths (R,) int64 of all runs, one text after the other, those that are not valid included.
    """
    values, counts = _plain_numbers(rles) if len(rles) else (None, None)
    if values is None or (counts % 2).any():
        if len(rles) <= 1:
            return (
                np.zeros(len(rles), bool),
                np.zeros(len(rles), np.int64),
                *np.zeros((2, 0), np.int64),
            )
        half = (
            len(rles) // 2
        )  # one bad mask must not condemn its neighbours: look for it by halving
        halves = parse_many(rles[:half], pixels[:half]), parse_many(rles[half:], pixels[half:])
        return tuple(np.concatenate(parts) for parts in zip(*halves))
    counts //= 2
    starts, lengths = values[0::2], values[1::2]
    first = np.cumsum(counts) - counts  # each mask's first run
    ends = starts + lengths
    good = np.ones(len(rles), bool)
    overlap = starts[1:] < ends[:-1]
    overlap[first[1:] - 1] = False  # from one mask to the next
    for fault in (np.flatnonzero(overlap), np.flatnonzero(lengths < 1)):
        good[np.searchsorted(first, fault, side="right") - 1] = False
    good &= (starts[first] >= 1) & (np.append(ends[first[1:] - 1], ends[-1]) - 1 <= pixels)
    return good, counts, starts - 1, lengths


def parse_all(rles, sizes_hw):
    """The runs of N masks that are right: starts0 (R,) and lengths (R,) int64, one mask after the other, and counts (N,) int64, how many
    are whose.

    rles: list of N str, the numbers parted in any way; an empty text is an empty mask. sizes_hw: (N, 2) int, or one (height, width) for
    all. Raises ValueError naming the first run that is wrong.
    """
    sizes_hw = np.broadcast_to(np.asarray(sizes_hw, np.int64), (len(rles), 2))
    valid, counts, starts, lengths = parse_many(
        [rle.encode() for rle in rles], sizes_hw.prod(axis=1)
    )
    if valid.all():
        return starts, lengths, counts
    runs = [
        checked_runs(rle, size_hw) for rle, size_hw in zip(rles, sizes_hw)
    ]  # unusually spaced, empty or wrong
    return *(np.concatenate(parts) for parts in zip(*runs)), np.array(
        [len(starts) for starts, _ in runs], np.int64
    )


# Runs <-> masks


def decode(rle, size_hw):
    """Text -> (H, W) bool. Refuses runs that are not sorted or leave the image. Empty text, empty mask."""
    starts, lengths = checked_runs(rle, size_hw)
    height, width = size_hw
    counts = counts_from_runs(starts, lengths, height * width)
    ones = np.zeros(len(counts), bool)
    ones[1::2] = True
    return np.repeat(ones, counts).reshape(width, height).T


def encode(mask):
    """(H, W) bool or 0/1 -> text; the inverse of `decode`. Runs that meet at a column's end are one run."""
    mask = np.asarray(mask)
    return encode_window(mask, 0, 0, mask.shape)


def encode_window(window, top, left, size_hw):
    """`encode` of a mask of `size_hw` that is `window` (h, w) at (`top`, `left`) and False elsewhere.

    Costs h * w, not H * W.
    """
    window = np.asarray(window)
    h, w = window.shape
    height, width = size_hw
    if window.size and not (0 <= top and 0 <= left and top + h <= height and left + w <= width):
        raise ValueError(
            f"A window of {h}x{w} at row {top}, column {left} leaves the image of "
            f"{height}x{width}. Crop it to the image first."
        )
    # A row of zeros under every column ends every run there, so that each run has one column.
    columns = np.zeros((w, h + 1), bool)
    columns[:, :h] = window.T != 0
    flat = np.concatenate([[False], columns.ravel()])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    column, row = np.divmod(edges[0::2], h + 1)
    starts = (left + column.astype(np.int64)) * height + top + row
    return format_runs(*_join_touching(starts, edges[1::2] - edges[0::2]))


# Measures of a mask that need no mask


def area(rle):
    """Number of pixels, int."""
    return int(parse_runs(rle)[1].sum())


def box_of_runs(rle, size_hw):
    """The smallest box around the mask: (4,) float32, yxyx, pixels, (y2, x2) outside. Zeros if empty."""
    starts, lengths = checked_runs(rle, size_hw)
    if not len(starts):
        return np.zeros(4, np.float32)
    height = size_hw[0]
    ends = starts + lengths - 1
    x1, x2 = starts[0] // height, ends[-1] // height + 1
    # A run that goes on in the next column touches both borders.
    if (starts // height != ends // height).any():
        y1, y2 = 0, height
    else:
        y1, y2 = (starts % height).min(), (ends % height).max() + 1
    return np.array([y1, x1, y2, x2], np.float32)


# COCO


def to_coco(rle, size_hw):
    """Text -> COCO's compressed RLE, {"size": [H, W], "counts": str}, as pycocotools reads it."""
    starts, lengths = _join_touching(*checked_runs(rle, size_hw))
    height, width = (int(n) for n in size_hw)
    counts = counts_from_runs(starts, lengths, height * width)
    if counts[-1] == 0 and len(counts) > 1:
        counts = counts[:-1]
    return {"size": [height, width], "counts": pack(counts)}


def from_coco(coco_rle):
    """COCO's RLE, compressed (str or bytes) or not (list of counts) -> text."""
    return format_runs(*_join_touching(*runs_from_counts(unpack(coco_rle["counts"]))))


# Runs


def _numbers(rle):
    """Text -> (None, (2R,) int64), or (the reason why it is no list of pairs, None)."""
    text = rle.encode() if isinstance(rle, str) else bytes(rle)
    if text.translate(None, b"0123456789 "):
        for word in text.split():
            if word.translate(None, b"0123456789"):
                return f"{word[:20].decode(errors='replace')!r} is not a whole number", None
        text = b" ".join(text.split())  # tabs and line breaks part numbers just as well
    values = np.fromstring(text, np.int64, sep=" ") if text.strip() else np.zeros(0, np.int64)
    if len(values) % 2:
        return f"an odd number of values ({len(values)}): the last start has no length", None
    return None, np.minimum(values, _HUGE)


def _plain_numbers(texts):
    """Whole numbers with one space between them, in a list of B texts (bytes) -> the numbers of all (N,) int64, and how many each text
    has (B,) int64. (None, None) if there is anything else."""
    text = b" ".join(
        [b" " * 7, *texts, b""]
    )  # so that eight characters lie in front of every number's end, a space
    if text.translate(None, b"0123456789 "):
        return None, None
    spaces = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(" "))[7:]
    ends, digits = spaces[1:], np.diff(spaces) - 1
    if digits.min() < 1:
        return None, None
    number = np.diff(
        np.searchsorted(ends, 8 + np.cumsum([len(text) + 1 for text in texts])), prepend=0
    )
    if digits.max() > 8:
        return np.minimum(np.fromstring(text, np.int64, sep=" "), _HUGE), number
    # The eight characters of a number's end as one word, the first of them in its lowest byte. What is not of the number becomes 0; then
    # neighbours are joined: digits to twos, these to fours, and these to the number.
    word = np.ndarray(len(text) - 7, "<u8", text, strides=(1,)).take(ends - 8)
    foreign = (64 - 8 * digits).astype(np.uint64)
    word = ((word & 0x0F0F0F0F0F0F0F0F) >> foreign) << foreign
    for bits, factor, mask in (
        (8, 10, 0x00FF00FF00FF00FF),
        (16, 100, 0x0000FFFF0000FFFF),
        (32, 10000, 0x00000000FFFFFFFF),
    ):
        word = (word * factor + (word >> bits)) & mask
    return word.view(np.int64), number


def checked_runs(rle, size_hw):
    """`parse_runs` of a mask of `size_hw`. Raises ValueError naming the first run that is wrong."""
    starts, lengths = parse_runs(rle)
    fault = _first_fault(starts, lengths, size_hw)
    if fault:
        raise ValueError(
            f"The runs do not describe a mask of {size_hw[0]}x{size_hw[1]} pixels: {fault}."
        )
    return starts, lengths


def _first_fault(starts, lengths, size_hw):
    """What is wrong with the first wrong run, in words, counted from 1; None if all are right."""
    pixels = int(size_hw[0]) * int(size_hw[1])
    ends = starts + lengths
    wrong = (lengths < 1) | (starts < 0) | (ends > pixels)
    wrong[1:] |= starts[1:] < ends[:-1]
    if not wrong.any():
        return None
    k = int(np.argmax(wrong))
    run = f"run {k + 1} ('{starts[k] + 1} {lengths[k]}')"
    if lengths[k] < 1:
        return f"{run} has no length"
    if starts[k] < 0:
        return f"{run} starts before pixel 1, the first"
    if ends[k] > pixels:
        return (
            f"{run} ends at pixel {ends[k]}, but an image of {size_hw[0]}x{size_hw[1]} has {pixels}"
        )
    return f"{run} starts before the run in front of it ends, at pixel {ends[k - 1]}"


def _join_touching(starts, lengths):
    """Runs with those joined that touch: starts (R',), lengths (R',)."""
    if not len(starts):
        return starts, lengths
    ends = starts + lengths
    gap = starts[1:] != ends[:-1]
    starts = starts[np.append(True, gap)]
    return starts, ends[np.append(gap, True)] - starts
