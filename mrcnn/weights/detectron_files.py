"""Reading the arrays of a .pkl file, as Detectron and Detectron2 publish weights, without running its pickle's code."""

import io
import math
import re
from pathlib import Path

import numpy as np

from mrcnn.weights.plain_pickle import Call, PlainUnpickler, Refused

# What a pickled array asks for; NumPy has moved its functions since the older of such files were written.
_NUMPY = [
    f"numpy.{core}.{name}"
    for core in ("core", "_core")
    for name in ("multiarray._reconstruct", "multiarray.scalar", "numeric._frombuffer")
]
_KNOWN = [*_NUMPY, "numpy.ndarray", "numpy.dtype"]
_NUMBERS = r"f[248]|[iu][1248]|b1"


def read_array_file(path):
    """{name: array} of a pickled dict of arrays, or of the one under its key "model" (Detectron2) or "blobs" (Detectron, Caffe2).

    What is no array is left out. Raises ValueError if the file is of another format, wants more than arrays rebuilt, or if an array holds
    anything else than as many numbers as its shape says: nothing of it is handed to NumPy before that is known.
    """
    data = Path(path).read_bytes()
    try:
        content = PlainUnpickler(io.BytesIO(data), _KNOWN).load()
        for key in ("model", "blobs"):
            if isinstance(content, dict) and key in content:
                content = content[key]
                break
        if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
            raise Refused("it holds no dict of names and arrays")
        return {name: _array(name, value) for name, value in content.items() if _is_array(value)}
    except ValueError as error:
        raise ValueError(f"{path} is not a pickled dict of arrays: {error}.") from error


def _is_array(value):
    return isinstance(value, Call) and value.name.endswith(("._reconstruct", "._frombuffer"))


def _array(name, call):
    try:
        if call.name.endswith("._frombuffer"):
            data, dtype, shape, order = call.arguments
        else:
            *_, shape, dtype, turned, data = call.state
            order = "F" if turned else "C"
        kind, size = dtype.arguments[0], (dtype.state or (3, "|"))[1]
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        raise Refused(f"the array {name!r} is incomplete") from error
    if (
        not isinstance(kind, str)
        or not re.fullmatch(_NUMBERS, kind)
        or size not in ("<", ">", "|", "=")
    ):
        raise Refused(
            f"the array {name!r} holds {str(kind)[:20]!r}; only arrays of numbers are accepted"
        )
    dtype = np.dtype(("<" if size in "|=" else size) + kind)
    data = data.encode("latin1") if isinstance(data, str) else data  # written by Python 2
    if (
        not isinstance(shape, tuple)
        or len(shape) > 8
        or any(type(n) is not int or n < 0 for n in shape)
    ):
        raise Refused(f"the array {name!r} has a shape that is none")
    if not isinstance(data, (bytes, bytearray)) or math.prod(shape) * dtype.itemsize != len(data):
        raise Refused(
            f"the array {name!r} of shape {shape} does not have as many numbers as that, so the file is damaged"
        )
    return (
        np.frombuffer(data, dtype)
        .reshape(shape, order="F" if order == "F" else "C")
        .astype(dtype.newbyteorder("="))
    )
