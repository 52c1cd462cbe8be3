"""GarmentEmbedder: a model that gives each detection a vector to search by."""

from collections.abc import Mapping
from typing import Any

from fashion.results import Result, TrainedModel
from mrcnn.typing import Array


class GarmentEmbedder:
    """Predicts garments and their vectors.

    Args:
        model: Of `load_embedding_model`; its results have "embeddings".
        meta: Of the index that is searched, `GarmentIndex.meta`; None for vectors of a model alone,
            whose box features are not centred.

    Raises:
        ValueError: The model has other labels than the index.
    """

    def __init__(self, model: TrainedModel, meta: Mapping[str, Any] | None = None) -> None:
        self.model, self.meta = model, meta

    def describe(self, image: Array, result: Result) -> Array:
        """Computes the vectors of detections.

        Args:
            image: `(H, W, 3)` uint8 RGB.
            result: Of the model for this image, with "embeddings".

        Returns:
            `(n, D)` float32 of length 1, a row for each detection.

        Raises:
            ValueError: The result has no "embeddings".
        """
        raise NotImplementedError

    def predict_with_vectors(self, image: Array) -> tuple[Result, Array]:
        """Predicts an image, and computes the vectors of its detections.

        Args:
            image: `(H, W, 3)` uint8 RGB.

        Returns:
            result: Equal to that of `TrainedModel.predict`.
            vectors: `(n, D)` float32 of length 1, a row for each detection.
        """
        raise NotImplementedError


def load_embedding_model(path: str, **settings: Any) -> TrainedModel:
    """Loads a model whose results have "embeddings".

    Args:
        path: Checkpoint, run folder, or exported model.
        **settings: As of `fashion.loading.load_model`.

    Returns:
        The model.

    Raises:
        FileNotFoundError: There is none.
        PackageMissing: A package is not installed; the message says how to get it.
        ValueError: It is damaged, or was exported without --embeddings.
    """
    raise NotImplementedError
