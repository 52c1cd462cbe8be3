"""Files that are either whole or absent, written under a temporary name in the same folder, then renamed; which file is which; and
long cells of CSV files."""
import contextlib
import csv
import hashlib
import os
import sys
import tempfile
from pathlib import Path

RANDOM = "[a-z0-9_]" * 8        # what tempfile.mkstemp puts into a name


@contextlib.contextmanager
def atomic_path(path, *, synced=True):
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds, remove it if it does not.

    synced: its content is on the disk before it has the name, as a power cut may else leave the name alone; False is for thousands of files
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, 0o644)
        if synced:
            with open(name, "rb+") as file:
                os.fsync(file.fileno())
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def remove_leftovers(folder, names):
    """Remove what killed processes left in `folder` of files that they were writing with `atomic_path`.

    names: of those files, glob patterns such as "last.h5" or "weights_*.h5"; nobody may be writing them now.
    """
    for name in map(Path, names):
        for path in Path(folder).glob(f".{name.stem}.{RANDOM}{name.suffix}"):
            path.unlink(missing_ok=True)


def write_text(path, text):
    """Write `text` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def digest_of(path):
    """What tells a file from another of the same name: its name and the start of its SHA-256."""
    path = Path(path)
    with open(path, "rb") as file:
        return f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


@contextlib.contextmanager
def long_cells():
    """Lets the csv module read cells of any length: a frayed mask exceeds its limit of 131,072 characters."""
    before = csv.field_size_limit(min(sys.maxsize, 2 ** 31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)
