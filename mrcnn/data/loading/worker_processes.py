"""WorkerProcesses: runs one function on many tasks in processes that end with this one."""

import concurrent.futures
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import cv2

__all__ = ["BrokenProcessPool", "WorkerProcesses"]

_MAX_PROCESSES = 61 if sys.platform == "win32" else 10**6  # Windows waits for 61 at most
_starting = threading.Lock()  # one for all: `_HiddenMain` changes a module while it is held
# In a worker: the function, or the exception that unpickling it raised.
_function: Any = None


class WorkerProcesses:
    """Runs a function in worker processes, which are started as tasks arrive.

    Processes are spawned, not forked, on every system: a fork inherits locks of threads that it
    does not have, for instance TensorFlow's.

    Args:
        function: Anything that can be pickled. Sent once to each process; tasks and results are
            sent each time.
        count: Number of processes at most.
    """

    def __init__(self, function: Callable[[Any], Any], count: int) -> None:
        self._pickled = pickle.dumps(function)
        self._count = min(count, _MAX_PROCESSES)
        self._pool: concurrent.futures.ProcessPoolExecutor | None = None
        self._closed = False

    def submit(self, task: Any) -> "Future[Any]":
        """Starts a task.

        Args:
            task: Argument of the function; is pickled.

        Returns:
            A Future of the result. It raises BrokenProcessPool if a process was killed, and
            CancelledError if the processes were ended before the task began.

        Raises:
            RuntimeError: After `close`.
        """
        # Submitting starts a process if there are too few.
        with _starting, _HiddenMain(b"__main__" not in self._pickled):
            if self._closed:
                raise RuntimeError(
                    "These processes are closed and take no task. Call open() first."
                )
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = concurrent.futures.ProcessPoolExecutor(
                    self._count, context, _begin, (self._pickled,)
                )
            return self._pool.submit(_work, task)

    def close(self, wait: bool = False) -> None:
        """Ends the processes, busy ones after their task; no task is accepted until `open`.

        Args:
            wait: Until the processes have ended.
        """
        self._end(wait, closed=True)

    def open(self) -> None:
        """Accepts tasks again."""
        self._closed = False

    def restart(self) -> None:
        """Ends the processes, busy ones after their task; the next task starts others."""
        self._end(wait=False, closed=self._closed)

    def _end(self, wait: bool, closed: bool) -> None:
        with _starting:
            pool, self._pool, self._closed = self._pool, None, closed
        if pool is not None:
            pool.shutdown(wait=wait, cancel_futures=True)


class _HiddenMain:
    """Keeps new processes from importing the running script, which may import TensorFlow."""

    def __init__(self, active: bool) -> None:
        self._main, self._active = sys.modules["__main__"], active
        self._hidden: dict[str, Any] = {}

    def __enter__(self) -> None:
        for name in ("__file__", "__spec__") if self._active else ():
            if name in vars(self._main):
                self._hidden[name] = vars(self._main)[name]
                setattr(self._main, name, None)

    def __exit__(self, *error: object) -> None:
        vars(self._main).update(self._hidden)


def _begin(pickled: bytes) -> None:
    global _function
    try:
        _function = pickle.loads(pickled)
    except Exception as error:  # raised here, it would end the process without a message
        _function = error
    cv2.setNumThreads(1)  # the processes share the cores already
    # Ctrl-C reaches the parent as well, which ends its processes in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # only workers come here
    parent.join()
    os._exit(1)  # the parent was killed, and nobody else would end this process


def _work(task: Any) -> Any:
    if isinstance(_function, Exception):
        raise _function
    return _function(task)
