"""Errors and interrupts: a line that a person can act on instead of a traceback."""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mrcnn.files import is_full_disk, not_written

# Exit statuses of `fashion`. 130 is what shells report of a command that Ctrl-C ended.
FAILED = 2
INTERRUPTED = 130

Main = Callable[[Sequence[str] | None], Any]


class NothingKept(KeyboardInterrupt):
    """An interrupt of a command that keeps no unfinished work."""


@contextlib.contextmanager
def keeping_nothing() -> Iterator[None]:
    """Says of an interrupt of the block that it keeps nothing, see `run_verb`.

    Yields:
        Nothing.

    Raises:
        NothingKept: The block was interrupted.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise NothingKept from interrupt


def run_verb(main: Main, argv: Sequence[str] | None = None) -> int:
    """Runs a verb and prints expected errors in one line.

    Args:
        main: The verb's `main`.
        argv: Arguments of the verb; None takes those of the process.

    Returns:
        The exit status: 0, `FAILED` or `INTERRUPTED`. Unexpected errors keep their traceback.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        main(argv)
        return 0
    except (ValueError, OSError, FloatingPointError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and type(error) is not RuntimeError:
            raise  # of a backend, such as an out-of-memory error; ours are plain RuntimeErrors
        if isinstance(error, OSError) and is_full_disk(error):
            error = not_written(error.filename2 or error.filename or "A file", error)
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt as interrupt:
        kept = not isinstance(interrupt, NothingKept)
        print("stopped; what was finished is kept" if kept else "stopped", file=sys.stderr)
        return INTERRUPTED
