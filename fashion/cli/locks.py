"""Locks on folders of output: one command at a time writes there."""

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from mrcnn.files import remove_leftovers
from mrcnn.locks import LOCK_NAME, FolderInUse, locked


@contextlib.contextmanager
def working_in(folder: str | os.PathLike, verb: str, *, below: bool = False) -> Iterator[None]:
    """Keeps other commands out of a folder, and removes half-written files of killed ones.

    Args:
        folder: Created if it does not exist; removed again if it was created and stayed empty.
        verb: The command that works there, for instance "predict". The error message of other
            commands names it.
        below: Whether subfolders belong to this command too. Their half-written files are removed
            as well, except where another command works in one of them.

    Yields:
        Nothing.

    Raises:
        mrcnn.locks.FolderInUse: Another command works in the folder.
        OSError: The folder cannot be written to.
    """
    folder = Path(folder)
    existed = folder.exists()
    try:
        with locked(folder, f"fashion {verb}"):  # cleans the folder itself
            if below:
                _clean_subfolders(folder, verb)
            yield
    finally:
        if not existed:
            with contextlib.suppress(OSError):  # not empty
                folder.rmdir()


def _clean_subfolders(folder: Path, verb: str) -> None:
    for inside in [path for path in folder.rglob("*") if path.is_dir()]:
        with contextlib.suppress(FolderInUse):
            if (inside / LOCK_NAME).exists():
                # The lock of a killed command: taking it over removes it.
                with locked(inside, f"fashion {verb}"):
                    pass
            remove_leftovers(inside)


def start_over(folder: Path, names: Iterable[str]) -> None:
    """Removes what an interrupted command would resume from.

    Args:
        folder: Its output folder, which is locked.
        names: Files and folders of runs in it; missing ones are passed over.
    """
    for name in names:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
