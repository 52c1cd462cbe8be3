"""Claims: which process works on which training, and who decides next.

A claim is a lock, see `mrcnn.locks`: that of a process that was killed is recognized, on this
computer at once, on another one when it has given no sign of life for five minutes.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from mrcnn.locks import FolderInUse, check_free, locked

_RETRY_S, _WAIT_S = 0.1, 1.0
_WHAT = "fashion search"


class Claims:
    """The claims of a search.

    Args:
        folder: Of the search; shared by all computers that work on it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "claims"

    @contextlib.contextmanager
    def deciding(self) -> Iterator[None]:
        """Lets one process at a time decide what it does next; the others wait.

        Yields:
            Nothing.
        """
        with contextlib.ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(locked(self.folder, _WHAT))
                    break
                except FolderInUse:
                    time.sleep(_RETRY_S)
            yield

    def take(self, name: str) -> contextlib.ExitStack | None:
        """Claims a training.

        Args:
            name: Of its run folder.

        Returns:
            What releases the claim when it is closed; None if another process holds it.
        """
        stack = contextlib.ExitStack()
        try:
            stack.enter_context(locked(self.folder / name, _WHAT))
        except FolderInUse:
            return None
        return stack

    def wait_for(self, names: Sequence[str]) -> None:
        """Waits until no other process works on some trainings.

        Args:
            names: Of their run folders.
        """
        while set(names).intersection(self.held()):
            time.sleep(_WAIT_S)

    def held(self) -> list[str]:
        """Lists the trainings that other processes work on.

        Returns:
            Names of run folders.
        """
        names = []
        for folder in sorted(self.folder.glob("*/")):
            try:
                check_free(folder)
            except FolderInUse:
                names.append(folder.name)
        return names
