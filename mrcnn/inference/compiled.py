"""compiled: a function of a Keras model, compiled once for each shape of its arguments, on any backend."""

import contextlib
import functools
import logging

import keras


def compiled(function, model, *, xla):
    """`function` (tensors in, tensors out, reading the weights of `model`) compiled.

    xla: True compiles TensorFlow graphs with XLA; JAX always does. On other backends the function runs as it is.
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
def without_retracing_warnings():
    """TensorFlow warns of functions that it traces again and again; a training does so once for each of its stages."""
    log, silent = logging.getLogger("tensorflow"), _NoRetracing("")
    log.addFilter(silent)
    try:
        yield
    finally:
        log.removeFilter(silent)


@functools.cache
def _retraced_on_purpose():
    """Each canvas and each model is traced once, on purpose: no warning says so for the rest of the process."""
    logging.getLogger("tensorflow").addFilter(_NoRetracing("Predictor._"))


class _NoRetracing(logging.Filter):
    """Drops warnings of retracing a function whose name holds `of`."""

    def __init__(self, of):
        super().__init__()
        self.of = of

    def filter(self, record):
        message = record.getMessage()
        return "triggered tf.function retracing" not in message or self.of not in message


def _jax(function, model):
    import jax

    @jax.jit
    def run(values, *arguments):
        # Weights come in as arguments: read from the variables, they would be frozen into the program.
        with keras.StatelessScope(state_mapping=list(zip(model.variables, values, strict=True))):
            return function(*arguments)

    return lambda *arguments: run([v.value for v in model.variables], *arguments)


def runs_eagerly(xla):
    """Whether a function may as well run as it is, operation by operation: JAX would compile each of them."""
    return keras.backend.backend() == "tensorflow" and not xla
