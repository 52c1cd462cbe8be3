"""COCO's run-length encoding (RLE), written without pycocotools and checked before use.

Counts are the lengths of alternating runs of 0s and 1s down the columns of a mask, 0s first.
Compressed counts pack them into characters, 5 bits each.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.data.image_io import MAX_PIXELS
from mrcnn.data.masks.polygons import polygons_to_rle
from mrcnn.data.record_checks import as_integer, preview
from mrcnn.typing import Array, Size

MAX_DIGITS = 6  # of a compressed count: 29 bits and a sign, more pixels than any image has


def pack(counts: Array) -> str:
    """Compresses counts.

    Args:
        counts: `(n,)` int64.

    Returns:
        ASCII text. A count from the fourth on is stored as its difference to the count before the
        last. It is written in 5-bit digits, lowest first, the last one with the sign bit: one
        character per digit, plus 32 where more digits follow, plus 48 to be printable.
    """
    steps = counts.copy()
    # An outline crosses neighbouring columns at nearly the same height, so a count is
    # close to the one before the last, and their difference fits into one digit mostly.
    steps[3:] -= counts[1:-2]
    digits = []
    rest, unfinished = steps, np.ones(len(steps), bool)
    while unfinished.any():
        digit, rest = rest & 31, rest >> 5
        # A count ends where the rest repeats the sign bit: it is 0, or -1 after a negative digit.
        continued = unfinished & (rest != np.where(digit & 16, -1, 0))
        digits.append(np.where(unfinished, digit + 32 * continued + 48, 0))
        unfinished = continued
    characters = np.stack(digits, axis=1).ravel() if digits else np.zeros(0, np.int64)
    return characters[characters > 0].astype(np.uint8).tobytes().decode("ascii")


def unpack(text: str | bytes | Sequence[int]) -> Array:
    """Decompresses counts; the inverse of `pack`.

    Args:
        text: Compressed counts. A list of counts, COCO's other form, is returned as it is.

    Returns:
        `(n,)` int64.
    """
    if isinstance(text, (list, tuple)):
        return np.asarray(text, np.int64)
    data = text.encode("ascii") if isinstance(text, str) else bytes(text)
    characters = np.frombuffer(data, np.uint8).astype(np.int64) - 48
    if not len(characters):
        return np.zeros(0, np.int64)
    last = np.flatnonzero((characters & 32) == 0)
    first = np.append(0, last[:-1] + 1)
    place = np.arange(len(characters)) - np.repeat(first, last - first + 1)
    steps = np.add.reduceat((characters & 31) << (5 * place), first)
    # The upper bit of the last digit is the sign, as in two's complement.
    steps -= np.where(characters[last] & 16, np.int64(1) << (5 * (last - first + 1)), 0)
    # Differences to the count before the last: odd and even counts are two sums of their own.
    counts = steps.copy()
    counts[1::2] = np.cumsum(steps[1::2])
    counts[2::2] = np.cumsum(steps[2::2])
    return counts


def as_rle(segmentation: Any, image_hw: Size | None, name: str = "This object") -> dict[str, Any]:
    """Checks a segmentation and converts it to the form that pycocotools computes with.

    Args:
        segmentation: Of a COCO annotation or result: polygons (a list of lists x, y, x, y, …), RLE
            with a list of counts, or compressed RLE.
        image_hw: Height and width of the image; None takes those of the RLE.
        name: What errors call the object, for instance "Annotation 5 of gt.json".

    Returns:
        `{"size": [height, width], "counts": str}`, compressed. Counts that were compressed before
        are not checked against the size: `segmentation_counts` does that for one mask,
        `mrcnn.data.masks.valid_rle` for many at once.

    Raises:
        ValueError: For anything else, with the name, the reason and what was expected.
    """
    try:
        return _as_rle(segmentation, image_hw)
    except _CompleteMessage as error:
        raise ValueError(f"{name} has {error}") from None
    except ValueError as error:
        raise ValueError(
            f"{name} has a segmentation that cannot be read: {error}. Expected polygons, or run "
            "lengths with size and counts."
        ) from None


def segmentation_counts(
    segmentation: Any, image_hw: Size | None, name: str = "This object"
) -> Array:
    """Decodes a segmentation into counts.

    Args:
        segmentation: See `as_rle`.
        image_hw: Height and width of the image; None takes those of the RLE.
        name: What errors call the object.

    Returns:
        `(n,)` int64.

    Raises:
        ValueError: For what `as_rle` refuses, and for counts that do not fill the image.
    """
    rle = as_rle(segmentation, image_hw, name)
    height, width = rle["size"]
    counts = _unpack_checked(rle["counts"])
    if counts is None or (counts < 0).any() or counts.sum() != height * width:
        raise ValueError(f"{name} has {wrong_counts(height, width)}")
    return counts


def wrong_counts(height: int, width: int) -> str:
    """Says what is wrong with counts that do not fill an image.

    Args:
        height: Of the image, pixels.
        width: Of the image, pixels.

    Returns:
        The end of an error message.
    """
    return (
        f"run lengths that cannot be: those of an image {height} high and {width} wide are 0 or "
        f"more and add up to {height * width}."
    )


class _CompleteMessage(ValueError):
    """An error that needs no sentence on what a segmentation is."""


def _as_rle(segmentation: Any, image_hw: Size | None) -> dict[str, Any]:
    if isinstance(segmentation, (list, tuple)):
        if image_hw is None:
            raise ValueError(
                "polygons need the height and width of their image, which are not known"
            )
        height, width = (int(n) for n in image_hw)
        rle = polygons_to_rle(segmentation, (height, width))
        return {"size": [height, width], "counts": rle["counts"].decode("ascii")}
    if not isinstance(segmentation, dict):
        raise ValueError(f"it is {preview(segmentation)}")
    missing = [key for key in ("size", "counts") if segmentation.get(key) is None]
    if missing:
        raise ValueError(f"it has no {' and no '.join(missing)}")
    size_hw = _checked_size(segmentation["size"], image_hw)
    counts = segmentation["counts"]
    if isinstance(counts, (list, tuple, np.ndarray)):
        counts = pack(_integer_counts(counts, *size_hw))
    counts = counts.decode("latin-1") if isinstance(counts, bytes) else counts
    if not isinstance(counts, str) or not counts.isascii():
        raise ValueError(f"its counts are {preview(counts, 40)}")
    return {"size": size_hw, "counts": counts}


def _checked_size(size: Any, image_hw: Size | None) -> list[int]:
    """Returns the size of an RLE as [height, width], that of its image."""
    size = size.tolist() if isinstance(size, np.ndarray) else size
    pair = size if isinstance(size, (list, tuple)) and len(size) == 2 else []
    size_hw = [n for n in map(as_integer, pair) if n is not None]
    if len(size_hw) != 2 or min(size_hw) < 1:
        raise ValueError(f"its size is {preview(size)}, not [height, width]")
    if image_hw is not None and size_hw != [int(n) for n in image_hw]:
        height, width = (int(n) for n in image_hw)
        raise _CompleteMessage(
            f"a mask of {size_hw[0]}x{size_hw[1]}, but its photo is {height} high and {width} "
            "wide. A mask must have the size of its photo."
        )
    if size_hw[0] * size_hw[1] > MAX_PIXELS:
        raise ValueError(f"its size is {preview(size)}, and {MAX_PIXELS} pixels are the most")
    return size_hw


def _integer_counts(counts: Sequence[Any] | Array, height: int, width: int) -> Array:
    """Returns a list of counts as `(n,)` int64 that fill an image, or raises a ValueError."""
    listed = counts.tolist() if isinstance(counts, np.ndarray) else counts
    values = [as_integer(count) for count in listed]
    if None in values:
        raise ValueError(f"its counts are {preview(counts, 40)}, not all whole numbers")
    integers = [value for value in values if value is not None]
    if min(integers, default=0) < 0 or sum(integers) != height * width:
        raise _CompleteMessage(wrong_counts(height, width))
    return np.array(integers, np.int64)


def _unpack_checked(text: str) -> Array | None:
    """Unpacks text that may be damaged; None for what is not a series of counts."""
    characters = np.frombuffer(text.encode("ascii"), np.uint8)
    if not len(characters) or ((characters < 48) | (characters > 111)).any():
        return None
    last = np.flatnonzero((characters - 48 & 32) == 0)
    is_cut_off = not len(last) or last[-1] != len(characters) - 1
    if is_cut_off or np.diff(last, prepend=-1).max() > MAX_DIGITS:
        return None
    return unpack(text)


def runs_from_counts(counts: Array) -> tuple[Array, Array]:
    """Converts counts to runs of 1s.

    Args:
        counts: `(n,)` int64.

    Returns:
        starts: `(R,)` int64, first pixel of each run that is not empty, from 0.
        lengths: `(R,)` int64, pixels.
    """
    # COCO's counts begin with a run of 0s, which is empty if the first pixel is covered.
    starts, lengths = np.cumsum(counts)[:-1:2], counts[1::2]
    some = lengths > 0
    return starts[some], lengths[some]


def counts_from_runs(starts: Array, lengths: Array, pixels: int) -> Array:
    """Inverts `runs_from_counts`.

    Args:
        starts: `(R,)` int64.
        lengths: `(R,)` int64.
        pixels: Height times width of the mask.

    Returns:
        `(2 R + 1,)` int64, with the 0s (perhaps none) before, between and after the runs.
    """
    counts = np.zeros(2 * len(starts) + 1, np.int64)
    ends = starts + lengths
    counts[0::2] = np.append(starts, pixels) - np.append(0, ends)
    counts[1::2] = lengths
    return counts
