"""device_scope: where a model is built that trains on several GPUs at once, each with its share of every batch."""
import contextlib

import keras


def device_scope(config):
    """A context to build the model of `config` in, and its optimiser: GPU_COUNT devices hold the same weights and add up their gradients.

    TensorFlow: tf.distribute's mirrored strategy. JAX: Keras' data parallelism, in force for the rest of the process. Machines without a
    GPU split their batches over as many CPU devices, which only tests want. Raises ValueError if there are fewer devices.
    """
    if config.GPU_COUNT == 1:
        return contextlib.nullcontext()
    if keras.backend.backend() == "tensorflow":
        return _mirrored(config.GPU_COUNT)
    devices = _enough(keras.distribution.list_devices(), config.GPU_COUNT)
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    return contextlib.nullcontext()


def replicas(config):
    """How many devices compute a loss and gradients of their own, to be added up: on JAX one program computes those of the whole batch."""
    return config.GPU_COUNT if keras.backend.backend() == "tensorflow" else 1


def _mirrored(count):
    import tensorflow as tf

    if tf.distribute.has_strategy():            # the caller's own
        return contextlib.nullcontext()
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in _enough(found, count)]).scope()


def _enough(devices, count):
    if len(devices) < count:
        raise ValueError(f"GPU_COUNT is {count}, but this machine shows {len(devices)} device(s). Set GPU_COUNT to {len(devices)}, and "
                         "IMAGES_PER_GPU higher if one holds more photos.")
    return devices[:count]
