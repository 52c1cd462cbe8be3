"""Run lengths: masks as Kaggle and COCO write them, converted both ways without loss.

Kaggle writes a mask as "start length start length ...". Pixels count from 1, down the first column,
then down the second: in an image of height H, pixel (row, column) is number column * H + row + 1.
Runs are sorted and do not overlap.
COCO counts the same pixels in the same order, as the lengths of alternating runs of 0s and 1s,
packed into characters.

In arrays, runs are `starts`, counted from 0, and `lengths`, both in pixels.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fashion.formats.resized_runs import join_touching
from mrcnn.data.masks.coco_rle import counts_from_runs, pack, runs_from_counts, unpack
from mrcnn.typing import Array, Size

_HUGE = 1 << 48  # beyond any image; keeps start + length from overflowing


# Kaggle text <-> runs


def parse_runs(rle: str | bytes) -> tuple[Array, Array]:
    """Parses Kaggle run lengths; their order is not checked.

    Args:
        rle: "start length start length ...".

    Returns:
        starts: `(R,)` int64, from 0.
        lengths: `(R,)` int64.

    Raises:
        ValueError: If it is not a list of pairs of whole numbers.
    """
    reason, values = _numbers(rle)
    if reason:
        raise ValueError(
            f"These are not run lengths: {reason}. Expected 'start length start length …'."
        )
    return values[0::2] - 1, values[1::2]


def format_runs(starts: Array, lengths: Array) -> str:
    """Writes Kaggle run lengths; the inverse of `parse_runs`.

    Args:
        starts: `(R,)` int, from 0.
        lengths: `(R,)` int.

    Returns:
        The text; empty without runs.
    """
    values = np.stack([np.asarray(starts, np.int64) + 1, np.asarray(lengths, np.int64)], axis=1)
    return " ".join(map(str, values.ravel().tolist()))


def check_runs(rle: str | bytes, size_hw: Size) -> str | None:
    """Checks that a text is a mask of at least one pixel inside an image.

    Args:
        rle: Kaggle run lengths.
        size_hw: (height, width) of the image, pixels.

    Returns:
        What is wrong, or None.
    """
    reason, values = _numbers(rle)
    if reason:
        return reason
    if not len(values):
        return "there are no runs"
    return _first_fault(values[0::2] - 1, values[1::2], size_hw)


def valid_runs(rles: Sequence[bytes], pixels: Array) -> Array:
    """Runs `check_runs` on many masks at once, as fast as numbers can be parsed.

    Args:
        rles: Kaggle run lengths of B masks.
        pixels: `(B,)` int64, height * width of each mask's image.

    Returns:
        `(B,)` bool. Where False, `check_runs` gives the reason, or None if only the spacing is
        unusual.
    """
    return parse_many(rles, pixels)[0]


def parse_many(rles: Sequence[bytes], pixels: Array) -> tuple[Array, Array, Array, Array]:
    """Runs `parse_runs` and `valid_runs` on many masks at once.

    Args:
        rles: Kaggle run lengths of B masks.
        pixels: `(B,)` int64, height * width of each mask's image.

    Returns:
        valid: `(B,)` bool, as from `valid_runs`.
        counts: `(B,)` int64, runs of each mask; 0 if its text is not a list of pairs.
        starts: `(R,)` int64, from 0, of all masks in turn, those of invalid ones included.
        lengths: `(R,)` int64.
    """
    values, counts = _plain_numbers(rles)
    if values is None or (counts % 2).any():
        if len(rles) <= 1:
            none = np.zeros(0, np.int64)
            return np.zeros(len(rles), bool), np.zeros(len(rles), np.int64), none, none
        # One bad mask must not spoil the others: find it by halving.
        half = len(rles) // 2
        halves = parse_many(rles[:half], pixels[:half]), parse_many(rles[half:], pixels[half:])
        valid, counts, starts, lengths = map(np.concatenate, zip(*halves))
        return valid, counts, starts, lengths
    counts //= 2
    starts, lengths = values[0::2], values[1::2]
    first = np.cumsum(counts) - counts  # each mask's first run
    ends = starts + lengths
    valid = np.ones(len(rles), bool)
    overlap = starts[1:] < ends[:-1]
    overlap[first[1:] - 1] = False  # from one mask to the next
    for fault in (np.flatnonzero(overlap), np.flatnonzero(lengths < 1)):
        valid[np.searchsorted(first, fault, side="right") - 1] = False
    valid &= (starts[first] >= 1) & (np.append(ends[first[1:] - 1], ends[-1]) - 1 <= pixels)
    return valid, counts, starts - 1, lengths


def parse_all(
    rles: Sequence[str], sizes_hw: Sequence[Size] | Size | Array
) -> tuple[Array, Array, Array]:
    """Parses masks that must all be valid.

    Args:
        rles: Kaggle run lengths of N masks, numbers separated by any white space; an empty text
            is an empty mask.
        sizes_hw: `(N, 2)` int, (height, width) of each image; or one (height, width) for all.

    Returns:
        starts: `(R,)` int64, from 0, of all masks in turn.
        lengths: `(R,)` int64.
        counts: `(N,)` int64, runs of each mask.

    Raises:
        ValueError: Names the first run that is wrong.
    """
    sizes_hw = np.broadcast_to(np.asarray(sizes_hw, np.int64), (len(rles), 2))
    valid, counts, starts, lengths = parse_many(
        [rle.encode() for rle in rles], sizes_hw.prod(axis=1)
    )
    if valid.all():
        return starts, lengths, counts
    # Some are empty, unusually spaced or wrong.
    runs = [checked_runs(rle, size_hw) for rle, size_hw in zip(rles, sizes_hw)]
    starts, lengths = map(np.concatenate, zip(*runs))
    return starts, lengths, np.array([len(starts) for starts, _ in runs], np.int64)


def checked_runs(rle: str | bytes, size_hw: Size) -> tuple[Array, Array]:
    """Runs `parse_runs` on a mask that must be valid.

    Args:
        rle: Kaggle run lengths; an empty text is an empty mask.
        size_hw: (height, width) of the image, pixels.

    Returns:
        starts: `(R,)` int64, from 0.
        lengths: `(R,)` int64.

    Raises:
        ValueError: Names the first run that is wrong.
    """
    starts, lengths = parse_runs(rle)
    fault = _first_fault(starts, lengths, size_hw)
    if fault:
        raise ValueError(
            f"The runs do not describe a mask of {size_hw[0]}x{size_hw[1]} pixels: {fault}."
        )
    return starts, lengths


# Runs <-> masks


def decode(rle: str | bytes, size_hw: Size) -> Array:
    """Decodes Kaggle run lengths.

    Args:
        rle: The text; an empty one is an empty mask.
        size_hw: (height, width) of the image, pixels.

    Returns:
        `(H, W)` bool.

    Raises:
        ValueError: If runs are not sorted or leave the image.
    """
    starts, lengths = checked_runs(rle, size_hw)
    height, width = size_hw
    counts = counts_from_runs(starts, lengths, height * width)
    ones = np.zeros(len(counts), bool)
    ones[1::2] = True
    return np.repeat(ones, counts).reshape(width, height).T


def encode(mask: Array) -> str:
    """Encodes a mask as Kaggle run lengths; the inverse of `decode`.

    Args:
        mask: `(H, W)` bool, or 0 and 1.

    Returns:
        The text. Runs that meet at the end of a column are one run.
    """
    mask = np.asarray(mask)
    height, width = mask.shape
    return encode_window(mask, 0, 0, (height, width))


def encode_window(window: Array, top: int, left: int, size_hw: Size) -> str:
    """Encodes a mask that is False outside a window.

    Args:
        window: `(h, w)` bool, or 0 and 1.
        top: Row of the image where the window starts.
        left: Column of the image where the window starts.
        size_hw: (height, width) of the image, pixels.

    Returns:
        The text. Takes time in proportion to h * w, not to H * W.

    Raises:
        ValueError: If the window leaves the image.
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


# Measures of a mask that is not decoded


def area(rle: str | bytes) -> int:
    """Counts the pixels of a mask.

    Args:
        rle: Kaggle run lengths.

    Returns:
        The sum of the lengths.
    """
    return int(parse_runs(rle)[1].sum())


def box_of_runs(rle: str | bytes, size_hw: Size) -> Array:
    """Computes the tight box of a mask.

    Args:
        rle: Kaggle run lengths.
        size_hw: (height, width) of the image, pixels.

    Returns:
        `(4,)` float32, yxyx, pixels, (y2, x2) outside; zeros if the mask is empty.

    Raises:
        ValueError: If the runs are wrong.
    """
    starts, lengths = checked_runs(rle, size_hw)
    if not len(starts):
        return np.zeros(4, np.float32)
    height = size_hw[0]
    ends = starts + lengths - 1
    x1, x2 = starts[0] // height, ends[-1] // height + 1
    # A run that continues in the next column touches the top and the bottom of the image.
    if (starts // height != ends // height).any():
        y1, y2 = 0, height
    else:
        y1, y2 = (starts % height).min(), (ends % height).max() + 1
    return np.array([y1, x1, y2, x2], np.float32)


# COCO


def to_coco(rle: str | bytes, size_hw: Size) -> dict[str, Any]:
    """Converts Kaggle run lengths to COCO's compressed RLE.

    Args:
        rle: Kaggle run lengths.
        size_hw: (height, width) of the image, pixels.

    Returns:
        `{"size": [H, W], "counts": str}`, as pycocotools reads it.

    Raises:
        ValueError: If the runs are wrong.
    """
    starts, lengths = _join_touching(*checked_runs(rle, size_hw))
    height, width = (int(n) for n in size_hw)
    counts = counts_from_runs(starts, lengths, height * width)
    if counts[-1] == 0 and len(counts) > 1:
        counts = counts[:-1]
    return {"size": [height, width], "counts": pack(counts)}


def from_coco(coco_rle: Mapping[str, Any]) -> str:
    """Converts COCO's RLE to Kaggle run lengths.

    Args:
        coco_rle: With "counts", compressed (str or bytes) or not (a list of ints).

    Returns:
        The text.
    """
    return format_runs(*_join_touching(*runs_from_counts(unpack(coco_rle["counts"]))))


# Texts and runs


def _numbers(rle: str | bytes) -> tuple[str | None, Any]:
    """Text -> (None, (2R,) int64), or (the reason why it is not a list of pairs, None)."""
    text = rle.encode() if isinstance(rle, str) else bytes(rle)
    if text.translate(None, b"0123456789 "):
        for word in text.split():
            if word.translate(None, b"0123456789"):
                return f"{word[:20].decode(errors='replace')!r} is not a whole number", None
        text = b" ".join(text.split())  # tabs and line breaks separate numbers just as well
    values = np.fromstring(text, np.int64, sep=" ") if text.strip() else np.zeros(0, np.int64)
    if len(values) % 2:
        return f"an odd number of values ({len(values)}): the last start has no length", None
    return None, np.minimum(values, _HUGE)


def _plain_numbers(texts: Sequence[bytes]) -> tuple[Any, Any]:
    """Parses B texts of whole numbers with one space between them.

    Returns all numbers `(N,)` int64 and how many each text has `(B,)` int64; (None, None) if there
    is anything else or nothing. Faster than `np.fromstring` for numbers of up to eight digits.
    """
    if not len(texts):
        return None, None
    # Eight characters lie in front of the end of every number, a space.
    text = b" ".join([b" " * 7, *texts, b""])
    if text.translate(None, b"0123456789 "):
        return None, None
    spaces = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(" "))[7:]
    ends, digits = spaces[1:], np.diff(spaces) - 1
    if digits.min() < 1:
        return None, None
    text_ends = 8 + np.cumsum([len(text) + 1 for text in texts])
    number = np.diff(np.searchsorted(ends, text_ends), prepend=0)
    if digits.max() > 8:
        return np.minimum(np.fromstring(text, np.int64, sep=" "), _HUGE), number
    # The last eight characters of a number as one 64-bit word, the first in its lowest byte.
    # Characters of other numbers become 0. Then neighbours are joined: digits to pairs, pairs to
    # fours, fours to the number.
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


def _first_fault(starts: Array, lengths: Array, size_hw: Size) -> str | None:
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


def _join_touching(starts: Array, lengths: Array) -> tuple[Array, Array]:
    """The runs of one mask, with those joined that touch."""
    _, starts, ends = join_touching(np.zeros(len(starts), np.int64), starts, starts + lengths)
    return starts, ends - starts
