"""Quiet: messages of other libraries that a person at the command line cannot act on."""

import contextlib
import logging
import os
import re
import shutil
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from pathlib import Path

from mrcnn.import_path import LoadingFinder

# Lines of TensorFlow's C++ libraries while they are loaded. They are printed before its own log
# level counts.
_LOADING = re.compile(r"WARNING: All log messages before absl::InitializeLog|[IW]\d{4} [\d:.]+ ")
# Errors that are none: parts of TensorFlow that are registered twice, and the missing driver of a
# machine without a GPU.
_HARMLESS = re.compile(
    r"E\d{4} [\d:.]+ .*(Unable to register cu\w+ factory|computation placer already registered|"
    r"failed call to cuInit: .*(UNKNOWN ERROR \(303\)|NO_DEVICE|no CUDA-capable device))"
)
# What the driver of an NVIDIA GPU leaves on Linux, on boards (nvmap), and in WSL (dxg).
_NVIDIA = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/nvmap", "/dev/dxg", "/proc/driver/nvidia")
# TF_CPP_MIN_LOG_LEVEL.
_ALL, _ERRORS, _NOTHING = "0", "2", "3"
_real_stderr: list[int] = []  # while the standard error of the process is held back


def quiet_tensorflow() -> None:
    """Silences TensorFlow's start: lines about oneDNN, CUDA and absl.

    Without a GPU nothing is printed: errors reach Python as exceptions, and what TensorFlow calls
    errors there are a missing CUDA driver and slower kernels. With a GPU errors are printed: a
    driver that does not fit raises no exception. TF_CPP_MIN_LOG_LEVEL=0 shows all lines.
    """
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", _ERRORS)
    if level == _ERRORS and not has_nvidia_driver():
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = _NOTHING
    if level != _ALL:
        _QuietTensorFlow.register()


def has_nvidia_driver() -> bool:
    """Returns whether the machine may have an NVIDIA GPU, without loading its libraries.

    Returns:
        Whether there is a trace of its driver.
    """
    return any(Path(path).exists() for path in _NVIDIA) or shutil.which("nvidia-smi") is not None


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
                if not _LOADING.match(line) and not _HARMLESS.match(line):
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
