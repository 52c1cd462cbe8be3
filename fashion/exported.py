"""ExportedModel: an exported file with its settings and labels, used as a `FashionModel` is.

This module imports without Keras, and so does what it runs with ONNX and LiteRT.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from fashion.config import FashionConfig
from fashion.labels.ontology import Ontology
from fashion.results import Result, TrainedModel
from mrcnn.inference.exported import ExportedPredictor
from mrcnn.inference.exported_files import read_export_metadata
from mrcnn.typing import Array, PathLike

# Settings that a file of any kind is used with; the others are inside it.
CHANGEABLE = ("DETECTION_MIN_CONFIDENCE", "ATTRIBUTE_THRESHOLD", "CONFIDENCE_THRESHOLD")


class ExportedModel(TrainedModel):
    """An exported detector with its settings and labels.

    Args:
        path: A .onnx or .tflite file, or the folder of a SavedModel, of `fashion export`.
        threads: Threads that compute one batch; None leaves it to the runtime.
        **settings: Values of `CHANGEABLE` that replace the stored ones.

    Raises:
        FileNotFoundError: There is nothing of that name.
        PackageMissing: The runtime is not installed; the message says how to get it.
        ValueError: The file is damaged, has no labels, or a setting is inside it.
    """

    def __init__(self, path: PathLike, *, threads: int | None = None, **settings: Any) -> None:
        self.metadata = metadata = read_export_metadata(path)
        _check_settings(path, settings)
        if not isinstance(metadata.get("labels"), dict):
            raise ValueError(
                f"{path} does not say which categories and attributes it predicts. Export the "
                "model with `fashion export`."
            )
        min_score = settings.get("DETECTION_MIN_CONFIDENCE")
        predictor = ExportedPredictor(
            path, min_score=min_score, threads=threads, config_class=FashionConfig
        )
        try:
            ontology = Ontology.from_dict(metadata["labels"])
            counts = metadata.get("attribute_counts")
            counts = None if counts is None else np.asarray(counts, np.int64)
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
            raise ValueError(f"{path} is damaged: its labels are invalid.") from error
        config = predictor.config
        assert isinstance(config, FashionConfig)
        for name, value in settings.items():
            setattr(config, name, value)
        config.validate()
        super().__init__(predictor, config, ontology, counts)

    def describe(
        self, images: Iterable[Array], boxes: Iterable[Array], class_ids: Iterable[Array]
    ) -> Iterator[Result]:
        """Refuses: an exported file describes what it detects only.

        Args:
            images: As of `FashionModel.describe`.
            boxes: As of `FashionModel.describe`.
            class_ids: As of `FashionModel.describe`.

        Returns:
            Nothing.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            "An exported model describes what it detects, and no given boxes. Leave --true-boxes "
            "out, or give the checkpoint that the model was exported from."
        )


def _check_settings(path: PathLike, settings: dict[str, Any]) -> None:
    for name, option in (("rescorer", "--rescore"), ("views", "--tta"), ("tiles", "--tiles")):
        if settings.get(name):
            raise ValueError(
                f"{path} is an exported model, which cannot be used with {option}. Leave it out, "
                "or give the checkpoint that the model was exported from."
            )
    for name in settings:
        if name not in CHANGEABLE:
            raise ValueError(
                f"{name} is fixed inside the exported model {path}; only {', '.join(CHANGEABLE)} "
                f"can be changed. Export the model again with --set {name}=VALUE."
            )
