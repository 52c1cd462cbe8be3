"""Many independent tasks on several processes, their results in order, few in memory at a time, and no process left behind."""

import collections

from mrcnn.data.loading.worker_processes import BrokenProcessPool, WorkerProcesses

_AHEAD = 8  # tasks a process that are handed out before the first result is taken


def in_order(function, tasks, workers):
    """Yield function(task) of every task, in the order of `tasks`; what a task raises is raised in its turn.

    workers: number of processes; 1 works in this one. With more, `function`, tasks and results are pickled, `function` once a process.
    Raises OSError if a process was killed.
    """
    if workers == 1:
        yield from map(function, tasks)
        return
    processes, pending = WorkerProcesses(function, workers), collections.deque()
    try:
        for task in tasks:
            pending.append(processes.submit(task))
            if len(pending) > _AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool as error:
        raise OSError(
            f"One of the {workers} worker processes was killed, most often for want of memory. Run it again with fewer "
            "--workers: what was finished is kept."
        ) from error
    finally:
        processes.close(wait=True)
