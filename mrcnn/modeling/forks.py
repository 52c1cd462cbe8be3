"""check_process: no network runs in a process that was forked from one that ran networks already.

TensorFlow's and JAX's threads stay in the process that started them. In a forked one every
computation waits for them, for ever.
"""

import os

# The process that was the first to build a network.
_began: list[int] = []


class ForkedProcessError(RuntimeError):
    """A network is asked to run in a process that was forked after networks ran."""


def check_process() -> None:
    """Remembers the process that builds the first network; raises in any that is forked from it.

    Raises:
        ForkedProcessError: This process is not the one that built the first network.
    """
    if not _began:
        _began.append(os.getpid())
    if os.getpid() != _began[0]:
        raise ForkedProcessError(
            "This process was forked from one in which a network was built, and the threads that "
            "compute are not copied: it would wait for ever. Start processes with "
            'multiprocessing.get_context("spawn") and build the model in each of them; with a web '
            "server such as gunicorn build it in the worker, without --preload."
        )
