"""Many independent tasks on several processes, their results in order, few in memory at a time, and no process left behind."""
import collections
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

_AHEAD = 8      # tasks a process that are handed out before the first result is taken

_function = None    # in a worker process: what it does with each task


def in_order(function, tasks, workers):
    """Yield function(task) of every task, in the order of `tasks`; what a task raises is raised in its turn.

    workers: number of processes; 1 works in this one. With more, `function`, tasks and results are pickled, `function` once a process.
    Raises OSError if a process was killed.
    """
    if workers == 1:
        yield from map(function, tasks)
        return
    # Started anew and not forked: a fork inherits the locks of threads that it does not have.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin, (function,))
    pending = collections.deque()
    try:
        for task in tasks:
            pending.append(pool.submit(_work, task))
            if len(pending) > _AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool as error:
        raise OSError(f"One of the {workers} worker processes was killed, most often for want of memory. Run it again with fewer "
                      "--workers: what was finished is kept.") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(function):
    global _function
    _function = function
    signal.signal(signal.SIGINT, signal.SIG_IGN)    # Ctrl-C reaches the parent as well, which ends its workers in good order
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)     # the parent was killed, and nobody else would end this process


def _work(task):
    return _function(task)
