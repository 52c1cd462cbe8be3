"""Interrupts: what Ctrl-C and SIGTERM do to a verb, at any moment, and what is printed then."""

import atexit
import contextlib
import dataclasses
import multiprocessing
import os
import shlex
import signal
import sys
import threading
import types
from collections.abc import Iterator, Sequence
from pathlib import Path

from fashion.cli.quiet import release_stderr

# Exit statuses that shells report of commands that a signal ended.
_FIRST_SIGNAL = 128
INTERRUPTED, TERMINATED = _FIRST_SIGNAL + signal.SIGINT, _FIRST_SIGNAL + signal.SIGTERM
_START_AFRESH = ("demo",)  # verbs that call resumable ones, but start a new run each time
_IMPORT_SYSTEM = "<frozen importlib._bootstrap"


class Terminated(KeyboardInterrupt):
    """SIGTERM was received."""


@dataclasses.dataclass
class Running:
    """The verb that runs in this process.

    Attributes:
        verb: Its name.
        argv: Its arguments.
        resume: Command that continues its unfinished work; None if nothing of it is kept.
        received: Number of the signal that was received last; None for none.
    """

    verb: str
    argv: Sequence[str]
    resume: str | None = None
    received: int | None = None

    def line(self) -> str:
        """Describes an interruption.

        Returns:
            A line that says what is kept and how to resume.
        """
        what = "terminated" if self.received == signal.SIGTERM else "interrupted"
        if self.resume is None:
            return f"fashion {self.verb}: {what}."
        return f"fashion {self.verb}: {what}; finished work is kept. To resume, run: {self.resume}"

    def status(self) -> int:
        """Tells the exit status of an interrupted verb.

        Returns:
            `TERMINATED` or `INTERRUPTED`.
        """
        return TERMINATED if self.received == signal.SIGTERM else INTERRUPTED


_running: list[Running] = []  # a verb may call another: `demo`


@contextlib.contextmanager
def running(verb: str, argv: Sequence[str]) -> Iterator[Running]:
    """Handles signals while a verb runs.

    Args:
        verb: Its name.
        argv: Its arguments.

    Yields:
        Its state.

    SIGINT and SIGTERM raise `KeyboardInterrupt` and `Terminated`. While modules are imported they
    end the process at once instead: libraries turn exceptions into others there, and nothing is
    computed that could be lost.
    """
    state = Running(verb, argv)
    _running.append(state)
    previous = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, _on_signal)
    try:
        yield state
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        _running.remove(state)


@contextlib.contextmanager
def resumable(command: str | None = None) -> Iterator[None]:
    """Says that an interruption from now on keeps finished work.

    Args:
        command: What resumes it; None for the command as it was typed, without --restart.

    Yields:
        Nothing. After an error the statement stays true; after the block it ends. Within another
        such block, and in verbs that start a new run each time, it changes nothing.
    """
    state = _running[-1] if _running else None
    if state is None or state.resume is not None or state.verb in _START_AFRESH:
        yield
        return
    state.resume = typed_command(state) if command is None else command
    yield
    state.resume = None


def leave(status: int) -> int:
    """Prepares the end of the process of a verb that is over.

    A signal that comes while Python and TensorFlow shut down, which takes a second, no longer
    changes the exit status. JAX computes and compiles in threads of C++. When Python ends, it waits
    for them, minutes for a step that is compiled, and some crash on what has been freed already. So
    an interrupted process in which JAX is loaded ends here.

    Args:
        status: Exit status.

    Returns:
        The same.
    """
    if status in (INTERRUPTED, TERMINATED) and "jax" in sys.modules:
        for child in multiprocessing.active_children():  # Python would have ended them, too
            child.terminate()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: os._exit(status))
        atexit.register(_ignore_signals)
    return status


def _ignore_signals() -> None:
    """Python removes its handlers before libraries shut down, but leaves signals ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def current_command(verb: str | None = None) -> str:
    """Writes the command line of the verb that runs.

    Args:
        verb: What it must be; None for any verb.

    Returns:
        As a shell takes it; "" if no verb runs, as in a notebook, or another one than `verb`, as
        where a study evaluates its runs.
    """
    if not _running or verb not in (None, _running[-1].verb):
        return ""
    return typed_command(_running[-1])


def typed_command(state: Running) -> str:
    """Writes the command line of a verb.

    Args:
        state: The verb.

    Returns:
        As a shell takes it, without --restart, in the way in which it was called.
    """
    script = Path(sys.argv[0])
    if script.name == f"{state.verb}.py":
        program = ["python", str(script)]
    elif script.name == "__main__.py" and script.parent.name == "fashion":
        program = ["python", "-m", "fashion", state.verb]
    else:
        program = ["fashion", state.verb]
    return shlex.join([*program, *(arg for arg in state.argv if arg != "--restart")])


def _on_signal(number: int, frame: types.FrameType | None) -> None:
    state = _running[-1]
    state.received = number
    if _is_importing(frame):
        release_stderr()
        print(state.line(), file=sys.stderr, flush=True)
        os._exit(state.status())
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _is_importing(frame: types.FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(_IMPORT_SYSTEM):
            return True
        frame = frame.f_back
    return False
