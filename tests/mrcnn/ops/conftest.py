"""Every op runs eagerly, in a graph, and compiled by XLA, on the backend that Keras is set to."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

# XLA compiles the graph that TensorFlow would run as it is.
COMPILED = [
    pytest.param("graph", marks=pytest.mark.full),
    pytest.param("xla", marks=pytest.mark.slow),
]


@pytest.fixture(params=["eager", *COMPILED])
def run(request):
    """run(op, *arrays, **settings) -> NumPy results; floats as float32, a tuple as many tensors."""
    backend = keras.backend.backend()
    if (backend, request.param) == ("jax", "graph"):
        pytest.skip("JAX has no graph mode of its own")

    def run(op, *arrays, **settings):
        function = functools.partial(op, **settings)
        if request.param != "eager":
            function = _compile(function, backend, request.param == "xla")
        return keras.tree.map_structure(
            ops.convert_to_numpy, function(*(_tensor(a) for a in arrays))
        )

    return run


def _compile(function, backend, xla):
    if backend == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function, jit_compile=xla)


def _tensor(array):
    if isinstance(array, tuple):
        return tuple(_tensor(a) for a in array)
    array = np.asarray(array)
    return ops.convert_to_tensor(array.astype(np.float32) if array.dtype == np.float64 else array)
