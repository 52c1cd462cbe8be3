"""Processes: one function at work on many tasks in several processes, none of which outlives this one."""

import concurrent.futures
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from concurrent.futures.process import BrokenProcessPool

import cv2

__all__ = ["BrokenProcessPool", "Processes"]

_MOST = 61 if sys.platform == "win32" else 10**6  # that Windows waits for at once
_starting = threading.Lock()  # one for all: the running script is hidden while it is held
_function = None  # of a worker process, or the exception that came of reading it


class Processes:
    """`submit(task)` is a Future of function(task); processes are started as tasks come, at most `count`, and end with `close`.

    function: anything that pickles; it is sent once a process, tasks and results each time. Raises whatever pickling it raises. A Future
    raises BrokenProcessPool if a process was killed, and CancelledError if its task had not begun when they were ended. Started anew rather
    than forked, on every system alike: a fork inherits the locks of threads that it does not have, TensorFlow's for instance.
    """

    def __init__(self, function, count):
        self._sent = pickle.dumps(function)
        self._count, self._pool, self._closed = min(count, _MOST), None, False

    def submit(self, task):
        """A Future. Raises RuntimeError after `close`."""
        with (
            _starting,
            _HiddenMain(b"__main__" not in self._sent),
        ):  # submitting starts a process if there are too few
            if self._closed:
                raise RuntimeError(
                    "These processes are closed and take no task. Call open() first."
                )
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = concurrent.futures.ProcessPoolExecutor(
                    self._count, context, _begin, (self._sent,)
                )
            return self._pool.submit(_work, task)

    def close(self, wait=False):
        """End the processes, those at work after their task, and take no other until `open`; wait: until they have ended."""
        self._end(wait, closed=True)

    def open(self):
        """Take tasks again."""
        self._closed = False

    def restart(self):
        """End the processes, those at work after their task; the next one starts others."""
        self._end(wait=False, closed=self._closed)

    def _end(self, wait, closed):
        with _starting:
            pool, self._pool, self._closed = self._pool, None, closed
        if pool is not None:
            pool.shutdown(wait=wait, cancel_futures=True)


class _HiddenMain:
    """While it lasts, new processes do not import the script that is running: it may import TensorFlow, which they have no use for."""

    def __init__(self, wanted):
        self._main, self._wanted, self._hidden = sys.modules["__main__"], wanted, {}

    def __enter__(self):
        for name in ("__file__", "__spec__") if self._wanted else ():
            if name in vars(self._main):
                self._hidden[name] = vars(self._main)[name]
                setattr(self._main, name, None)

    def __exit__(self, *error):
        vars(self._main).update(self._hidden)


def _begin(sent):
    global _function
    try:
        _function = pickle.loads(sent)
    except Exception as error:  # raised here it would end the process, and nobody would hear why
        _function = error
    cv2.setNumThreads(1)  # the processes share the cores already
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the parent as well, which ends its processes in good order
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)  # the parent was killed, and nobody else would end this process


def _work(task):
    if isinstance(_function, Exception):
        raise _function
    return _function(task)
