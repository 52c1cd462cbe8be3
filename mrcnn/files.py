"""Files that are either whole or absent, written under a temporary name in the same folder, then renamed; which file is which; and
long cells of CSV files."""

import contextlib
import csv
import errno
import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

# A file that is being written is called .<stem>.writing-<8 hex digits><suffix>, so that the leftovers
# of a killed process are recognised without knowing what it wrote.
_RANDOM = "[0-9a-f]" * 8
_BEFORE = "[a-z0-9_]" * 8  # instead of "writing-…", up to version 0.1
_FULL = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)}


@contextlib.contextmanager
def atomic_path(path, *, synced=True, size=None):
    """Yields a temporary path beside `path`; renames it to `path` if the block succeeds, removes it if it does not.

    Args:
        path: A file, or a symbolic link to one; the file that the link points to is replaced, the link stays.
        synced: fsync before the rename, so that a power failure cannot leave an empty file; False when writing thousands of files.
        size: Bytes that will be written, as far as known; an error tells them.

    Raises:
        OSError: The file cannot be written; the message names it and says what to do. A full disk in the block is told likewise.

    The file's permissions are those of the file it replaces, or those that the umask gives a new one.
    """
    real, temporary = _temporary_for(path)
    try:
        try:
            yield temporary
        except OSError as error:
            if error.errno in _FULL and error.strerror:  # the system's words, not yet ours
                raise _not_written(path, error, real.parent, size) from error
            raise
        try:
            if real.exists():
                shutil.copymode(real, temporary)
            if synced:
                with open(temporary, "rb+") as file:
                    os.fsync(file.fileno())
            os.replace(temporary, real)
        except OSError as error:
            raise _not_written(path, error, real.parent, size) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _temporary_for(path):
    """(the file that `path` means, an empty new file beside it)."""
    path = Path(path)
    try:
        real = path.resolve()
        if real.exists() and not real.is_file():  # a rename would replace /dev/null itself
            raise OSError(f"{path} is a folder or a device. Give the name of a file.")
        real.parent.mkdir(parents=True, exist_ok=True)
        # Names have at most 255 bytes, and those of photos may be near that.
        stem = real.stem if len(os.fsencode(real.stem)) < 200 else ""
        temporary = real.with_name(f".{stem}.writing-{secrets.token_hex(4)}{real.suffix}")
        open(temporary, "x").close()  # unlike mkstemp's, with the mode that the umask says
        return real, temporary
    except OSError as error:
        if not error.strerror:
            raise
        raise _not_written(path, error, path.parent, None) from error
    except RuntimeError as error:  # before Python 3.13: links in a circle
        raise OSError(
            f"{path} cannot be written: its links lead in a circle. Give another name."
        ) from error


@contextlib.contextmanager
def appending(path: str | os.PathLike) -> Iterator[None]:
    """Names `path` in the error of a full disk; for files that grow line by line and are continued later.

    Args:
        path: The file that the block appends to.

    Raises:
        OSError: There was no space; the message says so and what to do. Other errors pass as they are.
    """
    try:
        yield
    except OSError as error:
        if not is_full_disk(error):
            raise
        raise not_written(path, error) from error


def is_full_disk(error: OSError) -> bool:
    """Whether the system says that there is no space left. False where the error has our words already."""
    return error.errno in _FULL and bool(error.strerror)


def not_written(path: str | os.PathLike, error: OSError) -> OSError:
    """The error that says which file could not be written, why, and what to do; of the same class, with the same errno.

    Args:
        path: The file, of which a part may have been written.
        error: What the system said.
    """
    return _not_written(path, error, Path(path).parent, None, replaces=False)


def _not_written(path, error, folder, size, replaces=True):
    """The same of a file that is replaced as a whole."""
    advice = "Choose a folder that you may write to."
    if error.errno in _FULL:
        advice = "Make room on the disk and start again."
        with contextlib.suppress(OSError):
            needed = "" if size is None else f"It needs {size / 1e6:,.1f} MB, and "
            advice += f" {needed}{shutil.disk_usage(folder).free / 1e6:,.1f} MB are free."
    kept = " The file that was there is unchanged." if replaces and Path(path).is_file() else ""
    new = type(error)(f"{path} could not be written: {error.strerror}.{kept} {advice}")
    new.errno = error.errno
    return new


def remove_leftovers(folder, names=("*",)):
    """Removes what killed processes left in `folder` of files that they were writing with `atomic_path`.

    names: of those files, glob patterns such as "last.h5" or "weights_*.h5"; all files by default. Nobody may be writing them now, see
    `mrcnn.locks`.
    """
    folder = Path(folder)
    patterns = (
        [f".*.writing-{_RANDOM}*"]
        if tuple(names) == ("*",)
        else [
            f".{name.stem}.{marked}{name.suffix}"
            for name in map(Path, names)
            for marked in (f"writing-{_RANDOM}", _BEFORE)
        ]
    )
    for pattern in patterns:
        for path in folder.glob(pattern):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def write_text(path, text):
    """Write `text` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path, data):
    """Writes `data` (bytes-like), atomically."""
    with atomic_path(path, size=memoryview(data).nbytes) as temporary:
        temporary.write_bytes(data)


def read_json_object(path: str | os.PathLike) -> dict:
    """Reads a file that holds one JSON object and that a person may have changed.

    Args:
        path: The file, UTF-8, with or without a byte order mark.

    Raises:
        ValueError: It holds something else; the message names the file, and the line where it can.
        OSError: It cannot be opened.
    """

    def once(pairs):
        found = {}
        for key, value in pairs:
            if key in found:
                raise _Unreadable(f"the key {json.dumps(key)[:60]} occurs twice in one object")
            found[key] = value
        return found

    def whole(digits):
        if len(digits) > 400:  # int() refuses 4301, and no double is as large as 10 ** 309
            raise _Unreadable(f"a number has {len(digits):,} digits: {digits[:12]}…")
        return int(digits)

    if Path(path).is_dir():
        raise ValueError(f"{path} is a folder; expected a JSON file.")
    try:
        content = json.loads(
            Path(path).read_bytes().decode("utf-8-sig"), object_pairs_hook=once, parse_int=whole
        )
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text: byte {error.start} is wrong. Save it as UTF-8."
        ) from error
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path} is no JSON: it cannot be read from line {error.lineno}, column {error.colno} on. Correct it "
            "there, or restore the file."
        ) from error
    except _Unreadable as error:
        raise ValueError(f"{path} cannot be read: {error}.") from error
    except RecursionError as error:
        raise ValueError(
            f"{path} cannot be read: its lists or objects are nested too deeply."
        ) from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} must hold a JSON object, {{…}}. It holds {json.dumps(content)[:60]}."
        )
    return content


class _Unreadable(ValueError):
    """What is wrong with JSON, without the name of the file."""


def digest_of(path):
    """What tells a file from another of the same name: its name and the start of its SHA-256."""
    path = Path(path)
    with open(path, "rb") as file:
        return f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


@contextlib.contextmanager
def long_cells():
    """Lets the csv module read cells of any length: a frayed mask exceeds its limit of 131,072 characters."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)
