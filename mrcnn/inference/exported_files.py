"""Exported files: which format a path has, and the metadata that each of them carries.

A file of `mrcnn.export` holds a JSON object with all that is needed to use it: an ONNX file as the
entry "metadata" of its model properties, a LiteRT file as metadata.json in a ZIP archive behind the
network (where TensorFlow Lite's own metadata puts files), a SavedModel as metadata.json in its
folder. It is read here without the libraries that run the network, and without Keras.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mrcnn.files import digest_of
from mrcnn.typing import PathLike

__all__ = ["FORMATS", "digest_of_export", "format_of", "read_export_metadata", "require_format"]

# Format of the metadata. A reader refuses a later one.
FORMAT_VERSION = 1
FORMATS = ("savedmodel", "onnx", "litert")
METADATA_FILE = "metadata.json"
SAVED_MODEL = "saved_model.pb"
_SUFFIXES = {".onnx": "onnx", ".tflite": "litert"}
# Fields of onnx.proto: of ModelProto and of StringStringEntryProto.
_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2


def format_of(path: PathLike) -> str | None:
    """Returns which format a path has, by its name.

    Args:
        path: File or folder.

    Returns:
        One of `FORMATS`; None for what is not an exported model.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return "savedmodel" if (path / SAVED_MODEL).is_file() else None
    return _SUFFIXES.get(path.suffix.lower())


def require_format(path: PathLike) -> str:
    """Returns which format a path has.

    Args:
        path: File or folder.

    Returns:
        One of `FORMATS`.

    Raises:
        FileNotFoundError: There is nothing of that name.
        ValueError: It is not an exported model.
    """
    if not Path(path).expanduser().exists():
        raise FileNotFoundError(f"There is no exported model {path}.")
    found = format_of(path)
    if found is None:
        raise ValueError(
            f"{path} is not an exported model. One is a .onnx or .tflite file, or the folder of a "
            "SavedModel."
        )
    return found


def read_export_metadata(path: PathLike) -> dict[str, Any]:
    """Reads the metadata of an exported model.

    Args:
        path: A .onnx or .tflite file, or the folder of a SavedModel.

    Returns:
        The metadata, see `mrcnn.export.metadata`.

    Raises:
        FileNotFoundError: There is nothing of that name.
        ValueError: It is not an exported model, is damaged, has no metadata, or was written by a
            later version.
    """
    kind, path = require_format(path), Path(path).expanduser()
    try:
        text = _READERS[kind](path)
        found = None if text is None else json.loads(text)
    except (ValueError, EOFError, IndexError, zipfile.BadZipFile, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged. Export the model again, or download it again."
        ) from error
    if not isinstance(found, dict) or not isinstance(found.get("format_version"), int):
        raise ValueError(
            f"{path} does not say how its network is used: which images it takes, and what its "
            "labels are. Files that are written by `mrcnn.export` do."
        )
    if found["format_version"] > FORMAT_VERSION:
        raise ValueError(
            f"{path} has the format version {found['format_version']}, and this program knows "
            f"versions up to {FORMAT_VERSION}. Install a newer version of it."
        )
    return found


def digest_of_export(path: PathLike) -> str:
    """Identifies an exported model by name and content, as `digest_of` does.

    Args:
        path: A .onnx or .tflite file, or the folder of a SavedModel.

    Returns:
        Name and digest. That of a folder is the digest of its metadata, which holds the digest of
        the weights.
    """
    path = Path(path).expanduser()
    if not path.is_dir():
        return digest_of(path)
    return f"{path.name}/{digest_of(path / METADATA_FILE)}"


def _of_saved_model(path: Path) -> str | None:
    file = path / METADATA_FILE
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _of_litert(path: Path) -> str | None:
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        if METADATA_FILE not in archive.namelist():
            return None
        return archive.read(METADATA_FILE).decode("utf-8")


def _of_onnx(path: Path) -> str | None:
    """The model property "metadata"; the graph is skipped, not parsed."""
    for field, entry in _fields(path.read_bytes()):
        if field == _METADATA_PROPS:
            pair = dict(_fields(entry))
            if pair.get(_KEY) == b"metadata":
                return pair[_VALUE].decode("utf-8")
    return None


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field of a protobuf message: bytes, or None for numbers."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            _, at = _varint(data, at)
            yield field, None
            continue
        size = {1: 8, 5: 4}.get(wire)
        if wire == 2:
            size, at = _varint(data, at)
        if size is None or at + size > len(data):
            raise ValueError("no protobuf message")
        yield field, data[at : at + size] if wire == 2 else None
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("no protobuf message")


_READERS = {"savedmodel": _of_saved_model, "onnx": _of_onnx, "litert": _of_litert}
