"""Where networks run: on one device or several, channels last."""

import contextlib
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager

import keras

from mrcnn.config import Config

log = logging.getLogger(__name__)


def device_scope(config: Config) -> AbstractContextManager:
    """Makes the context in which a multi-GPU model and its optimiser must be built.

    GPU_COUNT devices hold the same weights and add up their gradients. TensorFlow: the mirrored
    strategy of tf.distribute. JAX: Keras' data parallelism, in force for the rest of the process.
    Machines without a GPU split their batches over as many CPU devices, which only tests want. With
    fewer devices than GPU_COUNT one takes the whole batch, and a warning says so.

    Args:
        config: Whose GPU_COUNT and BATCH_SIZE are read.

    Returns:
        The context.
    """
    if config.GPU_COUNT == 1:
        return contextlib.nullcontext()
    devices = _devices()
    if len(devices) < config.GPU_COUNT:
        log.warning(
            "GPU_COUNT is %d, and this machine shows %d device(s): one of them takes the whole "
            "batch of %d photos. If they do not fit into its memory, set GPU_COUNT to 1 and "
            "IMAGES_PER_GPU lower.",
            config.GPU_COUNT,
            len(devices),
            config.BATCH_SIZE,
        )
        return contextlib.nullcontext()
    devices = devices[: config.GPU_COUNT]
    if keras.backend.backend() == "tensorflow":
        return _mirrored(devices)
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    return contextlib.nullcontext()


@contextlib.contextmanager
def channels_last() -> Iterator[None]:
    """Layers are made for `(B, H, W, C)`, whatever the keras.json of another project says.

    A context, or a decorator.

    Yields:
        Nothing.
    """
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        keras.config.set_image_data_format(before)


def devices_of(model: keras.Model) -> AbstractContextManager:
    """Makes the context in which to create what belongs to a model, for instance its optimiser.

    Args:
        model: May lie on several devices.

    Returns:
        The context.
    """
    strategy = getattr(model, "distribute_strategy", None)  # TensorFlow's
    return strategy.scope() if strategy else contextlib.nullcontext()


def replicas(config: Config) -> int:
    """Counts the devices that compute a loss and gradients each, to be added up.

    Args:
        config: Whose GPU_COUNT is read.

    Returns:
        1 on JAX, where one program computes those of the whole batch.
    """
    if config.GPU_COUNT == 1 or keras.backend.backend() != "tensorflow":
        return 1
    return config.GPU_COUNT if len(_devices()) >= config.GPU_COUNT else 1


def use_xla(config: Config) -> bool:
    """Whether to compile with XLA.

    Args:
        config: JIT_COMPILE decides. "auto" compiles on one accelerator only: plain graphs train
            faster on a CPU (R50 at 512 pixels: 8.3 s against 13.8 s a step), and several GPUs
            cannot share one XLA program in TensorFlow.

    Returns:
        For `jit_compile` of `keras.Model.compile`.
    """
    if config.JIT_COMPILE != "auto":
        return bool(config.JIT_COMPILE)
    if keras.backend.backend() == "tensorflow":
        return config.GPU_COUNT == 1 and has_gpu()
    return keras.backend.backend() == "jax"


def has_gpu() -> bool:
    """Returns whether this machine shows a GPU, or a TPU, to the backend.

    Returns:
        False where networks run on the CPU.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    return any(not str(name).lower().startswith("cpu") for name in _devices())


def _devices():
    if keras.backend.backend() != "tensorflow":
        return keras.distribution.list_devices()
    import tensorflow as tf

    if tf.distribute.has_strategy():  # the caller's own
        return list(range(tf.distribute.get_strategy().num_replicas_in_sync))
    return [
        device.name
        for device in tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    ]


def _mirrored(devices):
    import tensorflow as tf

    if tf.distribute.has_strategy():
        return contextlib.nullcontext()
    return tf.distribute.MirroredStrategy(devices).scope()
