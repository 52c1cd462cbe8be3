"""Index files: facts and arrays that took long to compute, in one file that every process maps.

    first line   "fashion index 2 " and the BLAKE2b digest of all that follows, 32 hex digits
    8 bytes      length of the JSON, little-endian
    JSON         {"facts": ..., "arrays": {name: [dtype, shape, offset]}}, padded with spaces to a
                 multiple of 64 bytes of the file; offsets count from the end of the JSON
    arrays       each starts at a multiple of 64 bytes

A file that is damaged, foreign or about something else is ignored and replaced. Index files may be
deleted at any time. They lie beside what they describe, or in ~/.cache/fashion-mask-rcnn if that
folder is not writable. FASHION_CACHE_DIR names another folder, which then comes first.

Index files travel with copies of a data set, and the digest protects against damage only. Nothing
in one is trusted: arrays hold numbers and lie inside the file, and readers check the rest
(`is_valid`).
"""

import dataclasses
import hashlib
import json
import logging
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from mrcnn.files import atomic_path
from mrcnn.typing import Array, Arrays, PathLike

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "FASHION_CACHE_DIR"
# Raise it when the layout changes, or what is computed about a file: older files are then ignored.
_VERSION = 2
_FIRST = b"fashion index %d " % _VERSION
_DIGEST = 16  # bytes
_HEAD = len(_FIRST) + 2 * _DIGEST + 1
_ALIGN = 64
_SAMPLES, _SAMPLE_BYTES = 64, 4096
_MAX_NUMBER = 1 << 48  # beyond any file
_NUMBERS = (
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float32",
    "float64",
)
_DTYPES = {dtype.str: dtype for dtype in (np.dtype(name).newbyteorder("<") for name in _NUMBERS)}


@dataclasses.dataclass(frozen=True)
class Index:
    """Facts and arrays, usually of an open index file.

    Attributes:
        path: The file; None if the content is in memory only.
        digest: Digest of the file's content, hexadecimal.
        facts: A JSON object.
        arrays: Arrays by name; read-only, because they are the mapped bytes of the file.
    """

    path: Path | None
    digest: str
    facts: dict[str, Any]
    arrays: dict[str, Array]


# Tells whether the facts and arrays of an index have the expected form.
IsValid: TypeAlias = Callable[[Index], bool]


def remember(
    path: PathLike,
    subject: str,
    settings: Any,
    compute: Callable[[], tuple[dict[str, Any], dict[str, Array]]],
    is_valid: IsValid | None = None,
) -> Index:
    """Returns what `compute()` finds out about a file, from an index file if there is one.

    Args:
        path: The file that the answer is about.
        subject: A word for the answer, part of the index file's name.
        settings: What else the answer depends on, as JSON.
        compute: Returns facts (JSON) and arrays; called if no index file has the answer for the
            file as it is now.
        is_valid: See `find_index`.

    Returns:
        The answer. Its path is None if it could not be written anywhere.
    """
    key = file_key(path) | {"settings": _digest(json.dumps(settings, sort_keys=True).encode())}
    places = index_places(path, f"{subject}-{key['settings'][:8]}")
    known = find_index(places, key, is_valid)
    if known:
        return known
    facts, arrays = compute()
    return keep_index(places, key, facts, arrays) or Index(None, "", facts, arrays)


def file_key(path: PathLike) -> dict[str, Any]:
    """Identifies the current state of a file without reading all of it.

    Args:
        path: The file.

    Returns:
        Size, modification time, and a digest of 64 blocks spread over the file.
    """
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        last = max(status.st_size - _SAMPLE_BYTES, 0)
        blocks = []
        for start in np.linspace(0, last, _SAMPLES, dtype=np.int64).tolist():
            file.seek(start)
            blocks.append(file.read(_SAMPLE_BYTES))
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "sample": _digest(*blocks)}


def index_places(path: PathLike, subject: str) -> list[Path]:
    """Lists where the index file of a file or folder may lie.

    Args:
        path: What the index is about.
        subject: Part of the index file's name.

    Returns:
        Two paths, the preferred one first.
    """
    path = Path(os.path.abspath(path))
    beside = path.with_name(f"{path.name}.{subject}.index")
    apart = cache_folder() / f"{path.name}.{subject}.{_digest(os.fsencode(path))[:8]}.index"
    return [apart, beside] if os.environ.get(FOLDER_VARIABLE) else [beside, apart]


def cache_folder() -> Path:
    """Tells where files are kept that can be made or fetched again.

    Returns:
        The folder, which may not exist yet: FASHION_CACHE_DIR, or ~/.cache/fashion-mask-rcnn.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named or "~/.cache/fashion-mask-rcnn").expanduser().absolute()


def find_index(
    places: Iterable[PathLike], key: Mapping[str, Any], is_valid: IsValid | None = None
) -> Index | None:
    """Opens the first index file that is intact and about `key`.

    Args:
        places: Candidates, from `index_places`.
        key: What the index must be about, as JSON.
        is_valid: Checks the form of the content; files that fail are ignored.

    Returns:
        The index, or None.
    """
    opened = (open_index(path) for path in places)
    return next(
        (index for index in opened if index is not None and _is_about(index, key, is_valid)), None
    )


def all_indexes(
    places: Sequence[PathLike], key: Mapping[str, Any], is_valid: IsValid | None = None
) -> list[Index]:
    """Opens all index files that are intact and about `key`.

    For indexes that grow: an older one may lie where it cannot be overwritten.

    Args:
        places: Candidates, from `index_places`.
        key: What the indexes must be about, as JSON.
        is_valid: See `find_index`.

    Returns:
        The indexes, the preferred place last.
    """
    opened = (open_index(path) for path in reversed(places))
    return [index for index in opened if index is not None and _is_about(index, key, is_valid)]


def is_index_of_files(index: Index, columns: Mapping[str, tuple[Any, tuple[int, ...]]]) -> bool:
    """Checks an index that has one row for each of many files.

    Args:
        index: Must have a fact "names", the file names.
        columns: The dtype and the shape of a row of every array, by name.

    Returns:
        Whether names and arrays have this form.
    """
    names, arrays = index.facts.get("names"), index.arrays
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return False
    return arrays.keys() == columns.keys() and all(
        arrays[name].dtype == dtype and arrays[name].shape == (len(names), *shape)
        for name, (dtype, shape) in columns.items()
    )


def _is_about(index, key, is_valid):
    return index.facts.get("key") == key and (is_valid is None or is_valid(index))


def keep_index(
    places: Iterable[Path], key: Mapping[str, Any], facts: dict[str, Any], arrays: Arrays
) -> Index | None:
    """Writes an index file into the first writable place and opens it.

    Args:
        places: Candidates, from `index_places`.
        key: What the index is about, as JSON.
        facts: JSON.
        arrays: Arrays of numbers, by name.

    Returns:
        The index, or None, with a warning, if no place is writable.
    """
    reasons = []
    for path in places:
        try:
            # Root may write into protected folders, and on rented machines everybody is root.
            if path.parent.is_dir() and not path.parent.stat().st_mode & 0o222:
                raise PermissionError("the folder is write-protected")
            write_index(path, {**facts, "key": key}, arrays)
        except OSError as error:
            reasons.append(f"{path}: {error.strerror or error}")
            continue
        return open_index(path)
    log.warning(
        "The index file could not be written, so the next start computes it again (%s). Set %s to "
        "a writable folder.",
        "; ".join(reasons),
        FOLDER_VARIABLE,
    )
    return None


def write_index(path: PathLike, facts: Mapping[str, Any], arrays: Arrays) -> None:
    """Writes an index file atomically.

    Args:
        path: The file.
        facts: JSON.
        arrays: Arrays of numbers, by name.

    Raises:
        TypeError: If an array does not hold numbers.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    table, end = {}, 0
    for name, array in arrays.items():
        if array.dtype.str not in _DTYPES:
            raise TypeError(f"An index file holds arrays of numbers. Got {name} of {array.dtype}.")
        table[name] = array.dtype.str, array.shape, end
        end += array.nbytes + _padding(array.nbytes)
    text = json.dumps({"facts": facts, "arrays": table}).encode()
    text += b" " * _padding(_HEAD + 8 + len(text))
    pieces = [len(text).to_bytes(8, "little"), text]
    for array in arrays.values():
        pieces += array.tobytes(), bytes(_padding(array.nbytes))
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.writelines([_first_line(_digest(*pieces)), *pieces])


def open_index(path: PathLike, digest: str | None = None) -> Index | None:
    """Opens an index file.

    Args:
        path: The file.
        digest: Accepts only a file with this digest; None accepts any.

    Returns:
        The index, or None if there is no intact file.
    """
    try:
        content = np.asarray(np.memmap(path, np.uint8, "r"))
        found = _digest(content[_HEAD:])
        if digest not in (None, found) or content[:_HEAD].tobytes() != _first_line(found):
            return None
        start = _HEAD + 8
        data = start + int.from_bytes(content[_HEAD:start].tobytes(), "little")
        if data > len(content):
            return None
        about = json.loads(content[start:data].tobytes())
        facts, table = about["facts"], about["arrays"]
        if not isinstance(facts, dict) or not isinstance(table, dict):
            return None
        arrays = {name: _mapped(content[data:], *entry) for name, entry in table.items()}
        return Index(Path(path), found, facts, arrays)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _mapped(content, dtype, shape, place):
    """The array that starts at byte `place` of `content`; ValueError for what is never written."""
    # A dtype of objects would make NumPy take the file's bytes for pointers.
    numbers = [place, *shape]
    if (
        dtype not in _DTYPES
        or not all(type(number) is int and 0 <= number < _MAX_NUMBER for number in numbers)
        or place % _ALIGN
    ):
        raise ValueError("This is not an array of numbers.")
    dtype = _DTYPES[dtype]
    # Python integers, which do not overflow.
    end = place + math.prod(shape) * dtype.itemsize
    if end > len(content):
        raise ValueError("The array is longer than the file.")
    return content[place:end].view(dtype).reshape(shape)


def _first_line(digest):
    return _FIRST + digest.encode() + b"\n"


def _digest(*pieces):
    digest = hashlib.blake2b(digest_size=_DIGEST)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _padding(number):
    return -number % _ALIGN
