"""Run lengths of a mask as Label Studio's brush stores them, in NumPy.

A mask stands for an RGBA image, row by row, whose four channels are 0 or 255. Its bits:

    32          length of the image in values, 4 for each pixel
    5           bits of a value, less 1
    4 times 4   bits of a run's length, less 1, for each of four kinds of runs
    then runs   1, two bits for the kind, the length less 1, the value
    zeros       up to a whole byte, at least one
"""

from collections.abc import Sequence

import numpy as np

from mrcnn.typing import Array, Size

_LENGTH_BITS, _VALUE_BITS = 32, 8
_KIND_BITS = (3, 4, 8, 16)  # of the length of a run
_HEAD_BITS = _LENGTH_BITS + 5 + 4 * len(_KIND_BITS)
_LONGEST = 1 << _KIND_BITS[-1]
_CHANNELS = 4


def encode(mask: Array) -> list[int]:
    """Encodes a mask.

    Args:
        mask: `(H, W)` bool, at least one pixel.

    Returns:
        Bytes, byte for byte those of Label Studio's own encoder.
    """
    flat = np.asarray(mask, bool).ravel()
    starts = np.append(0, np.flatnonzero(np.diff(flat)) + 1)
    lengths = np.diff(np.append(starts, flat.size)) * _CHANNELS
    values = np.where(flat[starts], 255, 0)
    parts = -(-lengths // _LONGEST)
    if (parts > 1).any():  # a run that is too long becomes several
        split = np.full(parts.sum(), _LONGEST)
        split[np.cumsum(parts) - 1] = lengths - (parts - 1) * _LONGEST
        lengths, values = split, np.repeat(values, parts)
    kind = np.searchsorted([1 << bits for bits in _KIND_BITS], lengths)
    bits = np.array(_KIND_BITS)[kind]
    words = (((1 << 2 | kind) << bits | (lengths - 1)) << _VALUE_BITS | values).astype(np.int64)
    return _packed(flat.size * _CHANNELS, words, 3 + bits + _VALUE_BITS)


def _packed(total: int, words: Array, widths: Array) -> list[int]:
    """The head, then the lowest `widths` bits of each word."""
    head = f"{total:0{_LENGTH_BITS}b}{_VALUE_BITS - 1:05b}"
    head += "".join(f"{bits - 1:04b}" for bits in _KIND_BITS)
    ends = np.cumsum(widths)
    out = np.zeros(_HEAD_BITS + int(ends[-1]), np.uint8)
    out[:_HEAD_BITS] = np.frombuffer(head.encode(), np.uint8) - ord("0")
    begin = _HEAD_BITS + ends - widths
    for bit in range(int(widths.max())):
        longer = widths > bit
        out[begin[longer] + bit] = (words[longer] >> (widths[longer] - 1 - bit)) & 1
    padding = 8 - len(out) % 8
    return np.packbits(np.append(out, np.zeros(padding, np.uint8))).tolist()


def decode(data: Sequence[int], size_hw: Size) -> Array:
    """Decodes a mask; the inverse of `encode`.

    Args:
        data: Bytes.
        size_hw: Height and width of the mask.

    Returns:
        `(H, W)` bool.

    Raises:
        ValueError: If the bytes are not a mask of this size.
    """
    bits = "".join(f"{byte:08b}" for byte in data)
    total = int(bits[:_LENGTH_BITS] or "0", 2)
    if total != size_hw[0] * size_hw[1] * _CHANNELS:
        raise ValueError(
            f"The run lengths have {total // _CHANNELS} pixels. Expected {size_hw[0]} x "
            f"{size_hw[1]}."
        )
    place = _LENGTH_BITS + 5
    kinds = [int(bits[place + 4 * i : place + 4 * i + 4], 2) + 1 for i in range(4)]
    place, found, values = _HEAD_BITS, 0, []
    while found < total:
        if place + 3 > len(bits):
            raise ValueError("The run lengths are cut off.")
        is_run, width = bits[place] == "1", kinds[int(bits[place + 1 : place + 3], 2)]
        place += 3
        count = int(bits[place : place + width], 2) + 1
        place += width
        for _ in range(1 if is_run else count):
            value = int(bits[place : place + _VALUE_BITS] or "0", 2)
            place += _VALUE_BITS
            values.append(np.full(count if is_run else 1, value > 0))
        found += count
    return np.concatenate(values)[_CHANNELS - 1 :: _CHANNELS].reshape(size_hw)
