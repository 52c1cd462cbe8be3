"""Reading the arrays of a .pkl file without running code from its pickle.

Detectron and Detectron2 publish weights as such files.
"""

import io
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.typing import Array, PathLike
from mrcnn.weights.plain_pickle import Call, PlainUnpickler, Refused

# What pickled arrays call. NumPy has moved these functions since older files were written.
_NUMPY = [
    f"numpy.{core}.{name}"
    for core in ("core", "_core")
    for name in ("multiarray._reconstruct", "multiarray.scalar", "numeric._frombuffer")
]
_KNOWN = [*_NUMPY, "numpy.ndarray", "numpy.dtype"]
_NUMBERS = r"f[248]|[iu][1248]|b1"


def read_detectron_file(path: PathLike) -> dict[str, Array]:
    """Reads a pickled dict of arrays.

    Args:
        path: A .pkl file. The dict may lie under the key "model" (Detectron2) or "blobs"
            (Detectron, Caffe2).

    Returns:
        The arrays by name; entries that are not arrays are left out.

    Raises:
        ValueError: The file has another format, asks for more than arrays, or an array does not
            have the numbers that its shape needs. Nothing is given to NumPy before that is checked.
        FileNotFoundError: There is no such file.
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


def _is_array(value: Any) -> bool:
    return isinstance(value, Call) and value.name.endswith(("._reconstruct", "._frombuffer"))


def _array(name: str, call: Any) -> Array:
    try:
        if call.name.endswith("._frombuffer"):
            data, dtype, shape, order = call.arguments
        else:
            *_, shape, dtype, is_fortran, data = call.state
            order = "F" if is_fortran else "C"
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
        raise Refused(f"the array {name!r} has an invalid shape")
    if not isinstance(data, (bytes, bytearray)) or math.prod(shape) * dtype.itemsize != len(data):
        raise Refused(
            f"the array {name!r} of shape {shape} has another number of values, so the file is "
            "damaged"
        )
    return (
        np.frombuffer(data, dtype)
        .reshape(shape, order="F" if order == "F" else "C")
        .astype(dtype.newbyteorder("="))
    )
