"""COCO's run lengths: the lengths of alternating runs of 0s and 1s down the columns, 0s first, packed into characters."""

import numpy as np

from mrcnn.data.image_io import MAX_PIXELS
from mrcnn.data.masks.polygons import fill
from mrcnn.data.record_checks import as_integer, preview

MOST_DIGITS = 6  # of a packed count: 2**29 pixels, more than any photo has


def pack(counts):
    """(n,) int64 -> str: each count (from the fourth on: its growth over the count before the last) in 5-bit digits, lowest
    first, the last with its sign bit; one character per digit, 32 added where more digits follow, and 48 to
    be printable."""
    steps = counts.copy()
    steps[3:] -= counts[1:-2]
    digits = []
    rest, unfinished = steps, np.ones(len(steps), bool)
    while unfinished.any():
        digit, rest = rest & 31, rest >> 5
        goes_on = unfinished & (rest != np.where(digit & 16, -1, 0))
        digits.append(np.where(unfinished, digit + 32 * goes_on + 48, 0))
        unfinished = goes_on
    characters = np.stack(digits, axis=1).ravel() if digits else np.zeros(0, np.int64)
    return characters[characters > 0].astype(np.uint8).tobytes().decode("ascii")


def unpack(text):
    """The inverse of `pack`: str or bytes -> (n,) int64. A list of counts, COCO's other way to write them, is taken as it is."""
    if isinstance(text, (list, tuple)):
        return np.asarray(text, np.int64)
    text = text.encode("ascii") if isinstance(text, str) else bytes(text)
    characters = np.frombuffer(text, np.uint8).astype(np.int64) - 48
    if not len(characters):
        return np.zeros(0, np.int64)
    last = np.flatnonzero((characters & 32) == 0)
    first = np.append(0, last[:-1] + 1)
    place = np.arange(len(characters)) - np.repeat(first, last - first + 1)
    steps = np.add.reduceat((characters & 31) << (5 * place), first)
    steps -= np.where(characters[last] & 16, np.int64(1) << (5 * (last - first + 1)), 0)
    counts = steps.copy()
    counts[1::2] = np.cumsum(steps[1::2])
    counts[2::2] = np.cumsum(steps[2::2])
    return counts


def as_rle(segmentation, image_hw, name="This object"):
    """A segmentation of a COCO annotation or result, checked, in the form that pycocotools computes with.

    Args:
        segmentation: Polygons (a list of lists x, y, x, y, …), run lengths (a list of counts) or packed run lengths.
        image_hw: Height and width of the image; None takes those that run lengths bring along.
        name: What errors call the object, for instance "Annotation 5 of gt.json".

    Returns:
        `{"size": [height, width], "counts": str}`, packed. Whether counts that were packed before fill the image is not
        looked at: `segmentation_counts` does it for one mask, `mrcnn.data.masks.valid_rle` for many at once.

    Raises:
        ValueError: For anything else, with the name, the reason and what was expected.
    """
    try:
        return _as_rle(segmentation, image_hw)
    except _Unreadable as error:
        raise ValueError(f"{name} has {error}") from None
    except ValueError as error:
        raise ValueError(
            f"{name} has a segmentation that cannot be read: {error}. Expected polygons, or run lengths with size and "
            "counts."
        ) from None


def segmentation_counts(segmentation, image_hw, name="This object"):
    """(n,) int64 of a COCO annotation's segmentation: polygons (a list of lists of x, y, …), counts, or packed counts.

    Raises ValueError for what `as_rle` refuses, and for run lengths that do not fill the image. name: what errors call the object
    """
    rle = as_rle(segmentation, image_hw, name)
    height, width = rle["size"]
    counts = _packed(rle["counts"])
    if counts is None or (counts < 0).any() or counts.sum() != height * width:
        raise ValueError(f"{name} has {wrong_counts(height, width)}")
    return counts


def wrong_counts(height, width):
    """What is wrong with run lengths that do not fill an image."""
    return (
        f"run lengths that cannot be: those of an image {height} high and {width} wide are 0 or more and add up to "
        f"{height * width}."
    )


class _Unreadable(ValueError):
    """A fault that is told without the sentence on what a segmentation is."""


def _as_rle(segmentation, image_hw):
    if isinstance(segmentation, (list, tuple)):
        if image_hw is None:
            raise ValueError(
                "polygons need the height and width of their image, which are not known"
            )
        size_hw = [int(n) for n in image_hw]
        rle = fill(segmentation, size_hw)
        return {"size": size_hw, "counts": rle["counts"].decode("ascii")}
    if not isinstance(segmentation, dict):
        raise ValueError(f"it is {preview(segmentation)}")
    lacking = [key for key in ("size", "counts") if segmentation.get(key) is None]
    if lacking:
        raise ValueError(f"it has no {' and no '.join(lacking)}")
    size = segmentation["size"]
    size = size.tolist() if isinstance(size, np.ndarray) else size
    size_hw = (
        [as_integer(n) for n in size]
        if isinstance(size, (list, tuple)) and len(size) == 2
        else [None]
    )
    if None in size_hw or min(size_hw) < 1:
        raise ValueError(f"its size is {preview(size)}, not [height, width]")
    if image_hw is not None and size_hw != [int(n) for n in image_hw]:
        height, width = (int(n) for n in image_hw)
        raise _Unreadable(
            f"a mask of {size_hw[0]}x{size_hw[1]}, but its photo is {height} high and {width} wide. A mask "
            "must have the size of its photo."
        )
    if size_hw[0] * size_hw[1] > MAX_PIXELS:
        raise ValueError(f"its size is {preview(size)}, and {MAX_PIXELS} pixels are the most")
    counts = segmentation["counts"]
    if isinstance(counts, (list, tuple, np.ndarray)):
        counts = pack(_whole_counts(counts, *size_hw))
    counts = counts.decode("latin-1") if isinstance(counts, bytes) else counts
    if not isinstance(counts, str) or not counts.isascii():
        raise ValueError(f"its counts are {preview(counts, 40)}")
    return {"size": size_hw, "counts": counts}


def _whole_counts(counts, height, width):
    """A list of counts as (n,) int64 that fill an image, or a ValueError."""
    values = [
        as_integer(count)
        for count in (counts.tolist() if isinstance(counts, np.ndarray) else counts)
    ]
    if None in values:
        raise ValueError(f"its counts are {preview(counts, 40)}, not all whole numbers")
    if min(values, default=0) < 0 or sum(values) != height * width:
        raise _Unreadable(wrong_counts(height, width))
    return np.array(values, np.int64)


def _packed(text):
    """`unpack` of what may be damaged: None for what is no series of counts."""
    characters = np.frombuffer(text.encode("ascii"), np.uint8)
    if not len(characters) or ((characters < 48) | (characters > 111)).any():
        return None
    last = np.flatnonzero((characters - 48 & 32) == 0)
    if (
        not len(last)
        or last[-1] != len(characters) - 1
        or np.diff(last, prepend=-1).max() > MOST_DIGITS
    ):
        return None
    return unpack(text)


def runs_from_counts(counts):
    """(n,) int64 -> the runs of 1s, those without a pixel left out: starts, counted from 0, and lengths; (R,) int64 each."""
    starts, lengths = np.cumsum(counts)[:-1:2], counts[1::2]
    some = lengths > 0
    return starts[some], lengths[some]


def counts_from_runs(starts, lengths, pixels):
    """The inverse of `runs_from_counts` for a mask of so many pixels: (2R + 1,) int64, 0s first and last, perhaps none."""
    counts = np.zeros(2 * len(starts) + 1, np.int64)
    ends = starts + lengths
    counts[0::2] = np.append(starts, pixels) - np.append(0, ends)
    counts[1::2] = lengths
    return counts
