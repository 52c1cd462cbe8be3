"""Quiet: messages of other libraries that a person at the command line cannot act on."""

import contextlib
import logging
from collections.abc import Iterator


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
