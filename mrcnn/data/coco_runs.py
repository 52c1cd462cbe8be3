"""COCO's run lengths: the lengths of alternating runs of 0s and 1s down the columns, 0s first, packed into characters."""
import numpy as np


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


def counts_of(segmentation, image_hw):
    """(n,) int64 of a COCO annotation's segmentation: polygons (a list of lists of x, y, …), counts, or packed counts.

    Raises ValueError for run lengths of another size than `image_hw`.
    """
    height, width = (int(n) for n in image_hw)
    if isinstance(segmentation, list):
        from pycocotools import mask as coco_mask
        segmentation = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    if tuple(segmentation["size"]) != (height, width):
        raise ValueError(f"The run lengths are of an image of {segmentation['size']} (height, width), and this is of {[height, width]}.")
    return unpack(segmentation["counts"])


def runs_of_counts(counts):
    """(n,) int64 -> the runs of 1s, those without a pixel left out: starts, counted from 0, and lengths; (R,) int64 each."""
    starts, lengths = np.cumsum(counts)[:-1:2], counts[1::2]
    some = lengths > 0
    return starts[some], lengths[some]


def counts_of_runs(starts, lengths, pixels):
    """The inverse of `runs_of_counts` for a mask of so many pixels: (2R + 1,) int64, 0s first and last, perhaps none."""
    counts = np.zeros(2 * len(starts) + 1, np.int64)
    ends = starts + lengths
    counts[0::2] = np.append(starts, pixels) - np.append(0, ends)
    counts[1::2] = lengths
    return counts
