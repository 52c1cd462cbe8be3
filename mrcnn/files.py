"""Files that are either complete or absent.

They are written under a temporary name in the same folder, then renamed.
"""

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from mrcnn.typing import PathLike

# A file being written is called .<stem>.writing-<8 hex digits><suffix>, so that leftovers of a
# killed process are recognised without knowing what it wrote.
_RANDOM = "[0-9a-f]" * 8
_BEFORE = "[a-z0-9_]" * 8  # instead of "writing-…", up to version 0.1
_FULL = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)}


@contextlib.contextmanager
def atomic_path(path: PathLike, *, synced: bool = True, size: int | None = None) -> Iterator[Path]:
    """Replaces a file by what the block writes, if the block succeeds.

    The permissions are those of the replaced file, or those that the umask gives a new one.

    Args:
        path: A file, or a symbolic link to one: then the file it points to is replaced.
        synced: fsync before the rename, so that a power failure cannot leave an empty file. False
            for thousands of files: it takes milliseconds for each.
        size: Bytes that will be written, for the error of a full disk; None if not known.

    Yields:
        A temporary path in the same folder, to be written to.

    Raises:
        OSError: The file cannot be written, or the disk is full. The message names the file and
            says what to do.
    """
    real, temporary = _temporary_for(path)
    try:
        try:
            yield temporary
        except OSError as error:
            if error.errno in _FULL and error.strerror:  # the system's message, not yet ours
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


def _temporary_for(path: PathLike) -> tuple[Path, Path]:
    """Returns the file that `path` means, and an empty new file next to it."""
    path = Path(path)
    try:
        real = path.resolve()
        if real.is_symlink():  # from Python 3.13 on, which leaves links in a circle as they are
            raise RuntimeError("links in a circle")
        if real.exists() and not real.is_file():  # a rename would replace /dev/null itself
            raise OSError(f"{path} is a folder or a device. Give the name of a file.")
        real.parent.mkdir(parents=True, exist_ok=True)
        # Names have at most 255 bytes, and those of images may be near that.
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
def appending(path: PathLike) -> Iterator[None]:
    """Names a file in the error of a full disk; for files that grow and are continued later.

    Args:
        path: The file that the block appends to.

    Yields:
        Nothing.

    Raises:
        OSError: There was no space; the message says what to do. Other errors pass unchanged.
    """
    try:
        yield
    except OSError as error:
        if not is_full_disk(error):
            raise
        raise not_written(path, error) from error


def is_full_disk(error: OSError) -> bool:
    """Whether the system reports that there is no space left.

    Args:
        error: From the system; one that `not_written` made is not recognised again.

    Returns:
        True for a full disk, an exceeded quota and a file beyond the limit of the file system.
    """
    return error.errno in _FULL and bool(error.strerror)


def not_written(path: PathLike, error: OSError) -> OSError:
    """Makes the error that says which file could not be written, why, and what to do.

    Args:
        path: The file, of which a part may have been written.
        error: The system's error.

    Returns:
        An error of the same class, with the same errno.
    """
    return _not_written(path, error, Path(path).parent, None, replaces=False)


def _not_written(
    path: PathLike, error: OSError, folder: Path, size: int | None, replaces: bool = True
) -> OSError:
    """The same for a file that is replaced as a whole."""
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


def remove_leftovers(folder: PathLike, names: Sequence[str] = ("*",)) -> None:
    """Removes temporary files of `atomic_path` that killed processes left.

    No other process may be writing into the folder, see `mrcnn.locks`.

    Args:
        folder: Not searched recursively.
        names: Glob patterns of the files that were being written, such as "weights_*.h5".
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


def write_text(path: PathLike, text: str) -> None:
    """Replaces a file by a text in UTF-8, atomically.

    Args:
        path: The file.
        text: Its new content.

    Raises:
        OSError: It cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: PathLike, data: bytes | memoryview) -> None:
    """Replaces a file by bytes, atomically.

    Args:
        path: The file.
        data: Its new content.

    Raises:
        OSError: It cannot be written.
    """
    with atomic_path(path, size=memoryview(data).nbytes) as temporary:
        temporary.write_bytes(data)


def digest_of(path: PathLike) -> str:
    """Identifies a file by name and content.

    Args:
        path: The file.

    Returns:
        Its name and the first 16 digits of its SHA-256.
    """
    path = Path(path)
    with open(path, "rb") as file:
        return f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
