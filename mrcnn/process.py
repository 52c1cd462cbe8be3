"""Processes: settings that decide how fast TensorFlow computes on a CPU, and who may run networks.

The settings take effect only if made early: oneDNN before TensorFlow is imported, the allocator
before its threads start. An application makes both as it starts; a script that wants them begins
with

    from mrcnn.process import prefer_fast_kernels
    prefer_fast_kernels()
"""

import ctypes
import functools
import os
import platform
import sys

# Parameters of mallopt, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
MALLOC_VARIABLES = (
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_MMAP_MAX_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_ARENA_MAX",
)
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"

# The process that was the first to build a network.
_began: list[int] = []


def prefer_fast_kernels() -> None:
    """Lets TensorFlow use oneDNN and keep its memory, unless the environment says otherwise."""
    prefer_onednn()
    keep_large_blocks()


def prefer_onednn() -> bool:
    """Switches TensorFlow's oneDNN kernels on, unless `TF_ENABLE_ONEDNN_OPTS` is set.

    TensorFlow does so by itself on CPUs with AVX-512 VNNI only. Without it, a training step still
    takes 1.25 times as long with TensorFlow's own kernels (ResNet-50, an AMD EPYC with AVX2).

    Returns:
        Whether the setting was made: not on another architecture than x86-64, nor once TensorFlow
        is imported.
    """
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    if not x86 or ONEDNN in os.environ or "tensorflow" in sys.modules:
        return False
    os.environ[ONEDNN] = "1"
    return True


@functools.cache
def keep_large_blocks() -> bool:
    """Makes this process keep freed memory for the next large arrays.

    glibc maps each block above 32 MB separately and returns it when it is freed. A training step
    frees gigabytes of such blocks, and the kernel clears every page again: a step took 2.6 times as
    long without oneDNN, 1.08 times with it (AMD EPYC 9005, two cores). The price: the process holds
    its peak memory until it ends.

    Returns:
        Whether it was done: only with glibc, and not if a MALLOC_ variable is set.
    """
    if not sys.platform.startswith("linux"):
        return False
    if any(name in os.environ for name in MALLOC_VARIABLES):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    largest = 2**31 - 1
    results = [mallopt(M_MMAP_MAX, 0), mallopt(M_TRIM_THRESHOLD, largest), mallopt(M_ARENA_MAX, 1)]
    return all(result == 1 for result in results)


class ForkedProcessError(RuntimeError):
    """A network is asked to run in a process that was forked after networks ran.

    TensorFlow's and JAX's threads stay in the process that started them. In a forked one every
    computation would wait for them for ever.
    """


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
