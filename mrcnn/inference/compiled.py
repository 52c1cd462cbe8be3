"""compiled: a function of a Keras model, compiled once for each shape of its arguments."""

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator

import keras


def compiled(function: Callable, model: keras.Model, *, xla: bool) -> Callable:
    """Compiles a function.

    Args:
        function: Tensors in, tensors out; reads the weights of `model`.
        model: Whose weights may change between calls.
        xla: Whether TensorFlow graphs are compiled with XLA; JAX always does.

    Returns:
        The compiled function; on backends other than TensorFlow and JAX the function as it is.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        _retraced_on_purpose()
        return tf.function(function, jit_compile=xla, reduce_retracing=False)
    if backend == "jax":
        return _jax(function, model)
    return function


@contextlib.contextmanager
def without_retracing_warnings() -> Iterator[None]:
    """Silences TensorFlow's warnings of functions that are traced often.

    A training traces its step once for each of its stages.

    Yields:
        Nothing.
    """
    log, silent = logging.getLogger("tensorflow"), _NoRetracing("")
    log.addFilter(silent)
    try:
        yield
    finally:
        log.removeFilter(silent)


@functools.cache
def _retraced_on_purpose():
    # Each canvas and each model is traced once, on purpose.
    logging.getLogger("tensorflow").addFilter(_NoRetracing("Predictor._"))


class _NoRetracing(logging.Filter):
    """Drops warnings of retracing a function whose name contains `of`."""

    def __init__(self, of: str) -> None:
        super().__init__()
        self.of = of

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        return "triggered tf.function retracing" not in message or self.of not in message


def _jax(function, model):
    import jax

    @jax.jit
    def run(values, *arguments):
        # Weights are arguments: read from the variables, they would be constants of the program.
        mapping = list(zip(model.variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return function(*arguments)

    return lambda *arguments: run([v.value for v in model.variables], *arguments)


def runs_eagerly(xla: bool) -> bool:
    """Whether a function may as well run as it is, operation by operation.

    Args:
        xla: As of `compiled`.

    Returns:
        False on JAX, which would compile every single operation.
    """
    return keras.backend.backend() == "tensorflow" and not xla
