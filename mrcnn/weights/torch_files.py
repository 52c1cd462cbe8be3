"""Reading the tensors of a .pth file without PyTorch and without running code from its pickle.

Both formats are read: the .zip file of PyTorch 1.6 and later, and the older one, which the ResNeXt
files of torchvision have. Small libraries such as ptloader 0.3 read the first only.
"""

import io
import math
import os
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mrcnn.typing import Array, PathLike
from mrcnn.weights.plain_pickle import Call, Name, PlainUnpickler, Refused

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}
_TENSOR, _PARAMETER = "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"
_KNOWN = [_TENSOR, _PARAMETER, *(f"torch.{name}" for name in STORAGES)]


def read_torch_file(path: PathLike) -> dict[str, Array]:
    """Reads a state dict.

    Args:
        path: A .pth file.

    Returns:
        The arrays by the names of their tensors.

    Raises:
        ValueError: The file has another format, asks for more than tensors, or a tensor reaches
            outside its storage.
        FileNotFoundError: There is no such file.
    """
    with open(path, "rb") as file:
        try:
            state = _read_zip(file) if zipfile.is_zipfile(file) else _read_old(file)
            if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
                raise Refused("it holds no dict of names and tensors")
            return {name: _array(name, value) for name, value in state.items()}
        except Exception as error:  # a broken .zip file can fail in many ways
            # Python's own words, such as those about a name that is not UTF-8, help nobody.
            reason = (
                error
                if isinstance(error, Refused)
                else "it is damaged, cut off, or of another format"
            )
            raise ValueError(
                f"{path} is not a state dict as PyTorch stores it: {reason}."
            ) from error


class _Storage:
    """Numbers that tensors are views of; `data` is filled in after the pickle is read."""

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self.data: Array | None = None


class _Unpickler(PlainUnpickler):
    def __init__(self, file: BinaryIO, storages: dict[str, _Storage]) -> None:
        super().__init__(file, _KNOWN)
        self.storages = storages

    def persistent_load(self, identity: Any) -> _Storage:
        try:
            _, kind, key, *_ = identity
            name = kind.full.removeprefix("torch.") if isinstance(kind, Name) else ""
        except (TypeError, ValueError) as error:
            raise Refused("it has a storage without a name") from error
        if name not in STORAGES or not isinstance(key, str):
            raise Refused("it has a storage of unknown kind")
        storage = self.storages.setdefault(key, _Storage(STORAGES[name]))
        if storage.dtype != STORAGES[name]:
            raise Refused(f"it has storage {key[:50]!r} of two kinds")
        return storage


def _read_zip(file: BinaryIO) -> Any:
    room = os.fstat(file.fileno()).st_size
    storages: dict[str, _Storage] = {}
    with zipfile.ZipFile(file) as archive:
        pickled = next((name for name in archive.namelist() if name.endswith("/data.pkl")), None)
        if pickled is None:
            raise Refused("it is a .zip file without a data.pkl")
        state = _Unpickler(io.BytesIO(_stored(archive, pickled, room)), storages).load()
        for key, storage in storages.items():
            data = _stored(archive, pickled.removesuffix(".pkl") + f"/{key}", room)
            room -= len(data)
            storage.data = np.frombuffer(
                data[: len(data) - len(data) % storage.dtype.itemsize], storage.dtype
            )
    return state


def _stored(archive: zipfile.ZipFile, name: str, room: int) -> bytes:
    """Reads an uncompressed member of at most `room` bytes; a pickle may name a member often."""
    try:
        info = archive.getinfo(name)
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > room or info.flag_bits & 1:
            raise Refused(
                f"its member {name[:100]!r} is compressed, encrypted or too large; PyTorch stores "
                "plain bytes"
            )
        return archive.read(info)
    except KeyError as error:
        raise Refused(f"it lacks {name[:100]!r}") from error


def _read_old(file: Any) -> Any:
    file.seek(0)
    if file.read(4) == b"PK\x03\x04":
        raise Refused(
            "it is a .zip file without its end, so it is cut off; delete it and download it again"
        )
    file = io.BytesIO(Path(file.name).read_bytes())
    storages: dict[str, _Storage] = {}

    def load() -> Any:
        return _Unpickler(file, storages).load()

    if load() != MAGIC or load() != PROTOCOL:
        raise Refused("the magic number is another")
    load()  # sizes of C types on the machine that wrote it
    state, keys = load(), load()
    for key in keys if isinstance(keys, list) else []:
        storage = storages.get(key) if isinstance(key, str) else None
        if storage is None:
            raise Refused("it lists a storage that no tensor has")
        size = int.from_bytes(file.read(8), "little") * storage.dtype.itemsize
        data = file.read(size) if size <= len(file.getbuffer()) else b""
        if len(data) < size:
            raise Refused("it ends within a tensor, so it may be cut off; download it again")
        storage.data = np.frombuffer(data, storage.dtype)
    return state


def _array(name: str, value: Any) -> Array:
    """The array of one entry.

    PyTorch has no negative strides. Stride 0 would repeat one number, which weights do not.
    """
    if isinstance(value, Call) and value.name == _PARAMETER and value.arguments:
        value = value.arguments[0]
    try:
        storage, offset, shape, strides = value.arguments[:4]
    except (AttributeError, ValueError) as error:
        raise Refused(f"the entry {name!r} is not a tensor") from error
    if not isinstance(storage, _Storage) or storage.data is None:
        raise Refused(f"the tensor {name!r} has no storage")
    if (
        not _are_sizes((offset,))
        or not _are_sizes(shape)
        or not _are_sizes(strides, negative=True)
        or len(shape) != len(strides)
    ):
        raise Refused(f"the tensor {name!r} has an invalid shape, offset or strides")
    count, room = math.prod(shape), len(storage.data) - offset
    if any(stride < 1 for n, stride in zip(shape, strides) if n > 1):
        raise Refused(
            f"the tensor {name!r} has strides {tuple(strides)}; those of weights are 1 or more"
        )
    # as_strided would read what lies behind.
    if (
        count > max(room, 0)
        or count
        and sum((n - 1) * stride for n, stride in zip(shape, strides) if n > 1) >= room
    ):
        raise Refused(f"the tensor {name!r} of shape {tuple(shape)} is larger than its storage")
    data, size = storage.data[offset:], storage.dtype.itemsize
    steps = [stride * size if n > 1 else 0 for n, stride in zip(shape, strides)]
    return (
        np.lib.stride_tricks.as_strided(data, shape, steps).copy()
        if count
        else np.zeros(shape, storage.dtype)
    )


def _are_sizes(values: Any, negative: bool = False) -> bool:
    """Whether this is a tuple or list of at most 8 integers that fit into 64 bits."""
    return (
        isinstance(values, (tuple, list))
        and len(values) <= 8
        and all(type(n) is int and (negative or n >= 0) and abs(n) < 2**62 for n in values)
    )
