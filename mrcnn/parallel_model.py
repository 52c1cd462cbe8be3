"""The front door for `from mrcnn.parallel_model import ParallelModel`: gone, since a model needs no wrapper for several GPUs."""


class ParallelModel:
    """Gone: `Config.GPU_COUNT` says on how many GPUs a model trains, and `MaskRCNN` builds it for them, see `mrcnn.modeling.devices`."""

    def __init__(self, keras_model, gpu_count):
        raise NotImplementedError(
            "ParallelModel is gone: no model is wrapped for several GPUs. Set GPU_COUNT in your Config, and MaskRCNN "
            "trains on so many, IMAGES_PER_GPU photos on each."
        )
