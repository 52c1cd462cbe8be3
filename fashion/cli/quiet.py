"""Quiet: messages of other libraries that a person at the command line cannot act on."""

import contextlib
import logging
import os
import re
import sys
import tempfile
import types
from collections.abc import Callable, Iterator

from mrcnn.import_path import LoadingFinder

# Lines of TensorFlow's C++ libraries while they are loaded. They are printed before its own log
# level counts.
_LOADING = re.compile(r"WARNING: All log messages before absl::InitializeLog|[IWE]\d{4} [\d:.]+ ")
_real_stderr: list[int] = []  # while the standard error of the process is held back


def quiet_tensorflow() -> None:
    """Silences TensorFlow's start: lines about oneDNN, CUDA and absl on every machine.

    Its errors reach Python as exceptions. TF_CPP_MIN_LOG_LEVEL=0 shows the lines again.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "0":
        _QuietTensorFlow.register()


def release_stderr() -> None:
    """Ends the silence, for what must be printed while TensorFlow is loaded."""
    if _real_stderr:
        os.dup2(_real_stderr[-1], 2)


class _QuietTensorFlow(LoadingFinder):
    """Finds TensorFlow as Python would, and filters standard error while it is loaded."""

    module = "tensorflow"

    def load(self, load: Callable[[types.ModuleType], None], module: types.ModuleType) -> None:
        _load_quietly(load, module)


def _load_quietly(load: Callable[[types.ModuleType], None], module: types.ModuleType) -> None:
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held_back:
        _real_stderr.append(os.dup(2))
        os.dup2(held_back.fileno(), 2)
        try:
            load(module)
        finally:
            release_stderr()
            os.close(_real_stderr.pop())
            held_back.seek(0)
            for line in held_back.read().decode(errors="replace").splitlines(keepends=True):
                if not _LOADING.match(line):
                    sys.stderr.write(line)


@contextlib.contextmanager
def without_retracing_warnings() -> Iterator[None]:
    """Hides TensorFlow's warnings about retraced functions while the block runs.

    Every stage of a training compiles a training step. That is meant, and TensorFlow takes it for
    one function that is traced too often.

    Yields:
        Nothing.
    """
    logger = logging.getLogger("tensorflow")
    logger.addFilter(_is_no_retracing)
    try:
        yield
    finally:
        logger.removeFilter(_is_no_retracing)


def _is_no_retracing(record: logging.LogRecord) -> bool:
    return "triggered tf.function retracing" not in record.getMessage()
