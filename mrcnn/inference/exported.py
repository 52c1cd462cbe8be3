"""ExportedPredictor: an exported file in its own runtime, used as a `Predictor` is.

With ONNX and LiteRT neither Keras nor TensorFlow is imported.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.data.placement import Placement
from mrcnn.inference.batching import BatchPredictor
from mrcnn.inference.exported_files import read_export_metadata
from mrcnn.inference.preprocessing import place
from mrcnn.inference.runtimes import open_runtime
from mrcnn.ops.pixel_convention import PixelConvention, convention_named
from mrcnn.typing import Array, PathLike

__all__ = ["ExportedPredictor", "config_of_export"]


class ExportedPredictor(BatchPredictor):
    """Runs an exported file on original images.

    The file computes what a `Predictor` computes, final scores included. Images are preprocessed
    and results moved back to the original image by the same code.

    Args:
        path: A .onnx or .tflite file, or the folder of a SavedModel, of `mrcnn.export`.
        min_score: Minimum confidence score of a detection; None for the least that the file gives.
        threads: Threads that compute one batch; None leaves it to the runtime.
        config_class: Class of the settings.

    Attributes:
        metadata: Of the file, see `mrcnn.export.metadata`.
        config: Says how images are preprocessed.

    Raises:
        FileNotFoundError: There is nothing of that name.
        PackageMissing: The runtime is not installed; the message says how to get it.
        ValueError: The file is damaged, no detector, or gives no scores as low as `min_score`.
    """

    def __init__(
        self,
        path: PathLike,
        *,
        min_score: float | None = None,
        threads: int | None = None,
        config_class: type[Config] = Config,
    ) -> None:
        self.metadata = read_export_metadata(path)
        if self.metadata.get("task") != "detection":
            raise ValueError(
                f"{path} is a network for {self.metadata.get('task')}, and no detector. Run it in "
                "its runtime; its metadata say what it takes."
            )
        least = float(self.metadata["min_score"])
        if min_score is not None and min_score < least:
            raise ValueError(
                f"{path} gives detections with a score of {least:g} or more, and {min_score:g} was "
                "asked for. Ask for more, or export it again with a lower least score."
            )
        self.min_score = least if min_score is None else min_score
        self.config = config_of_export(self.metadata, config_class)
        self._convention = convention_named(self.metadata["convention"])
        self._batch = self.metadata["batch"]
        self._run = open_runtime(path, threads)

    @property
    def convention(self) -> PixelConvention:
        """The pixel convention of the exported weights."""
        return self._convention

    def detect_molded(self, images: Array, windows: Array) -> dict[str, Array]:
        """Detects in network inputs.

        Args:
            images: `(b, H, W, 3)` uint8, not normalised; b is at most BATCH_SIZE.
            windows: `(b, 4)` yxyx, where the original images lie in them.

        Returns:
            As of `BatchPredictor.detect_molded`.
        """
        count = len(images)
        images, windows = np.asarray(images, np.uint8), np.asarray(windows, np.float32)
        missing = (self._batch or count) - count
        if missing:  # the file takes batches of one size
            images = np.pad(images, [(0, missing), (0, 0), (0, 0), (0, 0)])
            windows = np.pad(windows, [(0, missing), (0, 0)])
        found = self._run({"images": images, "windows": windows})
        found = {name: column[:count] for name, column in found.items()}
        rows = np.arange(found["scores"].shape[1])
        is_row = rows < found.pop("count")[:, None]
        return found | {"valid": is_row & (found["scores"] >= self.min_score)}

    def _canvas(self, photo: Any, name: str) -> tuple[Array, Placement]:
        return place(photo, self.config, self.convention, name)


def config_of_export(metadata: Mapping[str, Any], kind: type[Config] = Config) -> Config:
    """Makes the settings that images are preprocessed with for an exported file.

    Args:
        metadata: Of the file.
        kind: Class of the settings.

    Returns:
        The settings. BATCH_SIZE is what the file takes.

    Raises:
        ValueError: The metadata are damaged.
    """
    try:
        values = dict(metadata["config"])
        batch, image_hw = metadata["batch"], metadata["image_hw"]
        values |= {"IMAGES_PER_GPU": batch or values["IMAGES_PER_GPU"], "GPU_COUNT": 1}
        config = kind.from_dict(values)
        # The canvas of the file, which may have a size that no resize mode would choose.
        config.IMAGE_SHAPE = np.array([*map(int, image_hw), config.IMAGE_CHANNEL_COUNT])
    except (KeyError, TypeError, AttributeError) as error:
        gap = f"they lack {error}" if isinstance(error, KeyError) else "their types are wrong"
        raise ValueError(
            f"The metadata of the exported file are damaged: {gap}. Copy or export it again."
        ) from error
    return config
