"""idx files: the format in which MNIST and its successors are published, packed by gzip or not."""

import gzip
import math
import zlib

import numpy as np

_GZIP = b"\x1f\x8b"
_HEAD = b"\x00\x00\x08"  # two zeros, then the kind of number: 8 for uint8


def read_idx(path):
    """The array of uint8 in an idx file; whether it is packed by gzip is seen from its first bytes, not from its name.

    The head is two zeros, the kind of number, the number of axes, and the length of each axis, big-endian in four bytes.
    Raises ValueError if the file is of another format, cut off, or too long.
    """
    data = path.read_bytes()
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(
                f"{path} cannot be unpacked: {error}. It may be cut off; fetch it again."
            ) from error
    if data[:3] != _HEAD or len(data) < 4:
        raise ValueError(
            f"{path} is no idx file of bytes: it should begin with {_HEAD!r} and begins with {data[:3]!r}."
        )
    head = 4 + 4 * data[3]
    shape = tuple(int(n) for n in np.frombuffer(data[4:head].ljust(head - 4, b"\0"), ">u4"))
    expected = head + math.prod(shape)
    if len(data) != expected:
        raise ValueError(
            f"{path} should hold {expected:,} bytes, as its head says, and holds {len(data):,}. Fetch it again."
        )
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)
