"""Index files: facts and arrays that took long to find out, in one file that every process maps instead of reading it again.

    first line   "fashion index 1 ", and the BLAKE2b digest of all that follows as 32 hexadecimal digits
    8 bytes      length of the JSON, little-endian
    JSON         {"facts": …, "arrays": {name: [dtype, shape, where it starts after the JSON, in bytes]}}, blanks up to a multiple of 64
    arrays       each starting at a multiple of 64

A file that is broken, foreign, or about something else counts as none and is made anew: index files may be deleted at any time. They lie
beside what they are about, or where that folder cannot be written in ~/.cache/fashion-mask-rcnn. FASHION_CACHE_DIR names another folder,
which then comes first.

Index files travel with copies of a data set, and their digest protects against damage only, so
nothing in one is trusted: arrays are of numbers and lie inside the file, and who reads them says
what they must look like (`sound`).
"""

import dataclasses
import hashlib
import json
import logging
import math
import os
from pathlib import Path

import numpy as np

from mrcnn.files import atomic_path

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "FASHION_CACHE_DIR"
# raise it whenever the layout changes, or what is found out about a file: older index files then
# count as none
_VERSION = 2
_FIRST = b"fashion index %d " % _VERSION
_DIGEST = 16  # bytes
_HEAD = len(_FIRST) + 2 * _DIGEST + 1
_ALIGN = 64
_SAMPLES, _SAMPLE_BYTES = 64, 4096
_MOST = 1 << 48  # beyond any file
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
    """An open index file. Its arrays are read-only: they are the file's bytes, mapped."""

    path: Path
    digest: str
    facts: dict
    arrays: dict


def remember(path, subject, settings, find_out, sound=None):
    """What `find_out()` returns about the file `path`, facts (a dict that JSON can hold) and arrays (a dict), as an `Index`.

    It is called only where no index file has its answer for the file as it is now. An answer that cannot be written anywhere is returned
    as an Index whose path is None.
    subject: what the answer is about, a word; settings: what else it depends on, something that
        JSON can hold; sound: see `find_index`
    """
    key = file_key(path) | {"settings": _digest(json.dumps(settings, sort_keys=True).encode())}
    places = index_places(path, f"{subject}-{key['settings'][:8]}")
    known = find_index(places, key, sound)
    if known:
        return known
    facts, arrays = find_out()
    return keep_index(places, key, facts, arrays) or Index(None, "", facts, arrays)


def file_key(path):
    """What tells a file from an earlier state of it without reading it all: size, time of change, digest of 64 blocks spread over it."""
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        blocks = []
        for start in np.linspace(
            0, max(status.st_size - _SAMPLE_BYTES, 0), _SAMPLES, dtype=np.int64
        ).tolist():
            file.seek(start)
            blocks.append(file.read(_SAMPLE_BYTES))
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "sample": _digest(*blocks)}


def index_places(path, subject):
    """Where the index file of `path`, a file or a folder, may lie, the first choice first."""
    path = Path(os.path.abspath(path))
    beside = path.with_name(f"{path.name}.{subject}.index")
    named = os.environ.get(FOLDER_VARIABLE)
    folder = Path(named or "~/.cache/fashion-mask-rcnn").expanduser().absolute()
    apart = folder / f"{path.name}.{subject}.{_digest(os.fsencode(path))[:8]}.index"
    return [apart, beside] if named else [beside, apart]


def find_index(places, key, sound=None):
    """The first of the index files `places` that is whole and about `key` (a dict), or None.

    sound: callable, an `Index` -> whether its facts and arrays have the form that is expected;
        another file counts as none
    """
    opened = (open_index(path) for path in places)
    return next((index for index in opened if _is_about(index, key, sound)), None)


def all_indexes(places, key, sound=None):
    """Those of the index files `places` that are whole and about `key`, the first choice last: for what is found out bit by bit, since
    an older one may lie where it cannot be written over. sound: see `find_index`"""
    opened = [open_index(path) for path in reversed(places)]
    return [index for index in opened if _is_about(index, key, sound)]


def of_files(index, columns):
    """Whether an `Index` has a fact "names", file names, and these arrays with a row for each:
    {name: (dtype, shape of a row)}."""
    names, arrays = index.facts.get("names"), index.arrays
    return (
        isinstance(names, list)
        and all(isinstance(name, str) for name in names)
        and arrays.keys() == columns.keys()
        and all(
            arrays[name].dtype == dtype and arrays[name].shape == (len(names), *shape)
            for name, (dtype, shape) in columns.items()
        )
    )


def _is_about(index, key, sound):
    return index is not None and index.facts.get("key") == key and (sound is None or sound(index))


def keep_index(places, key, facts, arrays):
    """Write an index file into the first of `places` that can be written, and open it; None where there is no such place."""
    reasons = []
    for path in places:
        try:
            if path.parent.is_dir() and not path.parent.stat().st_mode & 0o222:
                raise PermissionError(
                    "the folder is write-protected"
                )  # which would not stop root, and on rented machines all are
            write_index(path, facts | {"key": key}, arrays)
        except OSError as error:
            reasons.append(f"{path}: {error.strerror or error}")
            continue
        return open_index(path)
    log.warning(
        "What was found out could not be kept and will be looked for at the next start again (%s). Name a folder that can be "
        "written in %s.",
        "; ".join(reasons),
        FOLDER_VARIABLE,
    )
    return None


def write_index(path, facts, arrays):
    """Write facts (a dict that JSON can hold) and arrays ({name: array}) as an index file, atomically."""
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


def open_index(path, digest=None):
    """The `Index` in the file `path`, or None where there is none that is whole; digest: only the one of this digest."""
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
        return Index(
            Path(path),
            found,
            facts,
            {name: _mapped(content[data:], *entry) for name, entry in table.items()},
        )
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _mapped(content, dtype, shape, place):
    """An array of the bytes `content` (n,) uint8 that starts at `place`. Raises ValueError for what
    `write_index` does not write.

    A dtype of objects would make NumPy take the file's bytes for pointers.
    """
    numbers = [place, *shape]
    if (
        dtype not in _DTYPES
        or not all(type(number) is int and 0 <= number < _MOST for number in numbers)
        or place % _ALIGN
    ):
        raise ValueError("This is no array of numbers.")
    dtype = _DTYPES[dtype]
    # in Python's numbers, which do not overflow
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
