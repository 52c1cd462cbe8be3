"""Worker processes: many independent tasks, results in order, few in memory at a time."""

import collections
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mrcnn.data.loading.worker_processes import BrokenProcessPool, WorkerProcesses

_AHEAD = 8  # tasks for each process that are submitted before the first result is taken


def in_order(function: Callable[[Any], Any], tasks: Iterable[Any], workers: int) -> Iterator[Any]:
    """Computes `function(task)` of every task; leaves no process behind.

    Args:
        function: Pickled once for each process.
        tasks: Pickled one by one, as their results are.
        workers: Number of processes; 1 works in this one.

    Yields:
        Results in the order of `tasks`; what a task raises is raised in its turn.

    Raises:
        OSError: If a process was killed.
    """
    if workers == 1:
        yield from map(function, tasks)
        return
    processes = WorkerProcesses(function, workers)
    pending: collections.deque = collections.deque()
    try:
        for task in tasks:
            pending.append(processes.submit(task))
            if len(pending) > _AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool as error:
        raise OSError(
            f"One of the {workers} worker processes was killed, most often for lack of memory. "
            "Run it again with fewer --workers: what was finished is kept."
        ) from error
    finally:
        processes.close(wait=True)
