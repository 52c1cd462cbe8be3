"""Errors and interrupts: a line that a person can act on instead of a traceback."""

import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fashion.cli.interrupts import leave, running
from fashion.cli.quiet import quiet_tensorflow
from fashion.cli.skipped_imports import skip_optional_imports

FAILED = 2  # exit status of a verb that ends with an expected error
CLOSED_PIPE = 141  # what shells report of a command whose reader has ended

Main = Callable[[Sequence[str] | None], Any]


def run_verb(main: Main, argv: Sequence[str] | None = None, verb: str | None = None) -> int:
    """Runs a verb and prints expected errors in one line.

    Args:
        main: The verb's `main`.
        argv: Arguments of the verb; None takes those of the process.
        verb: Its name; None for that of its module.

    Returns:
        The exit status: 0, `FAILED`, `CLOSED_PIPE`, or that of an interruption, see `interrupts`.
        Unexpected errors keep their traceback.
    """
    quiet_tensorflow()
    skip_optional_imports()
    # faiss and others log at INFO how they were loaded.
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for package in ("mrcnn", "fashion"):
        logging.getLogger(package).setLevel(logging.INFO)
    if verb is None:
        module = main.__module__.rpartition(".")[2]
        verb = Path(sys.argv[0]).stem if module == "__main__" else module
    with running(verb, sys.argv[1:] if argv is None else argv) as state:
        try:
            try:
                main(argv)
                sys.stdout.flush()  # as Python ends, nobody would catch a BrokenPipeError
            except SystemExit:  # --help
                sys.stdout.flush()
                raise
            return 0
        except SystemExit:
            raise
        except BrokenPipeError:
            return closed_pipe()
        except BaseException as error:
            # A library may turn the exception of a signal into another one.
            if isinstance(error, KeyboardInterrupt) or state.received is not None:
                print(state.line(), file=sys.stderr)
                return leave(state.status()) if argv is None else state.status()
            if not _is_expected(error):
                raise
            print(f"fashion {verb}: error: {_explained(error)}", file=sys.stderr)
            return FAILED


def closed_pipe() -> int:
    """Ends writing to a pipe whose reader has ended: `fashion settings | head`.

    Returns:
        The exit status.
    """
    # Python writes what it still holds when it ends, and would complain again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CLOSED_PIPE


def _explained(error: BaseException) -> BaseException:
    """The error, in words of ours where it has only those of the system."""
    # Not at the top: it imports NumPy, and signals should be handled before that.
    from fashion.cli.light_install import FULL_INSTALL, is_left_out
    from mrcnn.files import is_full_disk, not_written

    if isinstance(error, ModuleNotFoundError) and is_left_out(error.name):
        return ModuleNotFoundError(
            f"This needs {error.name}, which the light install leaves out. The full one brings it: "
            f"{FULL_INSTALL}"
        )
    if isinstance(error, OSError) and is_full_disk(error):
        return not_written(error.filename2 or error.filename or "A file", error)
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return OSError(_in_words(error, error.filename))
    return error


def _in_words(error: OSError, name: object) -> str:
    """What the system says of a file, without its numbers."""
    if isinstance(error, FileNotFoundError):
        return f"There is no file or folder {name}."
    if isinstance(error, PermissionError):
        return f"You have no permission to use {name}. Change its permissions, or name another."
    if isinstance(error, IsADirectoryError):
        return f"{name} is a folder. Expected a file."
    return f"{name} cannot be used: {error.strerror}."


def _is_expected(error: BaseException) -> bool:
    """Whether users can cause an error: of RuntimeErrors, those that are not of a backend."""
    if isinstance(error, RuntimeError):
        return type(error) is RuntimeError
    if isinstance(error, ModuleNotFoundError):
        from fashion.cli.light_install import is_left_out  # not at the top, as above
        from mrcnn.packages import PackageMissing

        return isinstance(error, PackageMissing) or is_left_out(error.name)
    return isinstance(error, (ValueError, OSError, FloatingPointError))
