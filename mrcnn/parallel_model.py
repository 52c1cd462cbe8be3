"""The front door for `from mrcnn.parallel_model import ParallelModel`, which was removed."""

from typing import NoReturn


class ParallelModel:
    """Removed: `Config.GPU_COUNT` is enough, see `mrcnn.modeling.devices`.

    Args:
        keras_model: Accepted.
        gpu_count: Accepted.
    """

    def __init__(self, keras_model: object, gpu_count: int) -> NoReturn:
        raise NotImplementedError(
            "ParallelModel was removed: models need no wrapper for several GPUs. Set GPU_COUNT in "
            "your Config, and MaskRCNN trains on that many, with IMAGES_PER_GPU images on each."
        )
