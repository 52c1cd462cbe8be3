"""GarmentEmbedder: a model that gives each detection a vector to search by."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from fashion.exported import ExportedModel
from fashion.loading import load_model
from fashion.results import Result, TrainedModel
from fashion.retrieval.colors import HISTOGRAM_SIZE, histogram, some_pixels
from fashion.retrieval.model_identity import EMBEDDINGS, check_embeddings
from fashion.retrieval.vectors import GarmentParts, VectorSpace
from mrcnn.inference.exported_files import format_of
from mrcnn.inference.pasting import paste_window
from mrcnn.ops.pixel_convention import CORNERS, convention_named
from mrcnn.typing import Array, PathLike

__all__ = [
    "GarmentEmbedder",
    "load_embedding_model",
    "mask_pixels",
    "mask_window",
]


class GarmentEmbedder:
    """Predicts garments and their vectors.

    Args:
        model: Of `load_embedding_model`; its results have "embeddings".
        meta: Of the index that is searched, `GarmentIndex.meta`; None for vectors of a model alone,
            whose box features are not centred.

    Raises:
        ValueError: The model has other labels than the index, or the meta data are damaged.
    """

    def __init__(self, model: TrainedModel, meta: Mapping[str, Any] | None = None) -> None:
        self.model, self.meta = model, meta
        self._space: VectorSpace | None = None
        if meta is None:
            return
        labels = model.ontology.to_dict()
        for kind in ("categories", "attributes"):
            # The labels of an index have been through JSON, which has no tuples.
            known = [tuple(row) for row in meta["labels"][kind]]
            if known != [tuple(row) for row in labels[kind]]:
                raise ValueError(
                    f"The model predicts other {kind} than the index holds. Use the model that "
                    f"made the index, {meta['model']['name']}."
                )
        self._space = VectorSpace.from_meta(meta["vector"])

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
        parts = self.parts(image, result)
        space = self._space
        if space is None:
            space = VectorSpace(np.zeros(parts.features.shape[1], np.float32))
        return space.combine(parts)

    def parts(self, image: Array, result: Result) -> GarmentParts:
        """Computes what the vectors of detections are made of.

        Args:
            image: As of `describe`.
            result: As of `describe`.

        Returns:
            The parts of all detections.

        Raises:
            ValueError: The result has no "embeddings".
        """
        if EMBEDDINGS not in result:
            raise ValueError(
                "The results of this model have no embeddings. Load it with "
                "`load_embedding_model`, or export it with `fashion export --embeddings`."
            )
        count = len(result["scores"])
        colors = np.zeros((count, HISTOGRAM_SIZE), np.float32)
        for i in range(count):
            colors[i] = histogram(some_pixels(mask_pixels(image, result, i)))
        return GarmentParts(
            np.asarray(result[EMBEDDINGS], np.float32),
            np.asarray(result["attribute_scores"], np.float32),
            colors,
        )

    def stream(self, images: Iterable[Array]) -> Iterator[Result]:
        """Predicts one image after the other.

        Args:
            images: Each `(H, W, 3)` uint8 RGB.

        Returns:
            Results of `TrainedModel.stream`, with "embeddings".
        """
        return self.model.stream(images)

    def predict_with_vectors(self, image: Array) -> tuple[Result, Array]:
        """Predicts an image, and computes the vectors of its detections.

        Args:
            image: `(H, W, 3)` uint8 RGB.

        Returns:
            result: Equal to that of `TrainedModel.predict`.
            vectors: `(n, D)` float32 of length 1, a row for each detection.
        """
        (result,) = self.model.predict([image])
        vectors = self.describe(image, result)
        del result[EMBEDDINGS]
        return result, vectors


def mask_pixels(image: Array, result: Result, i: int) -> Array:
    """Collects the pixels that a mask covers.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        result: Of a model for this image.
        i: Number of the detection.

    Returns:
        `(N, 3)` uint8; those of the box if the mask covers none.
    """
    window, top, left = mask_window(result, i)
    part = image[top : top + window.shape[0], left : left + window.shape[1]]
    if window.any():
        return part[window]
    y1, x1, y2, x2 = (max(int(edge), 0) for edge in result["rois"][i])
    return image[y1:y2, x1:x2].reshape(-1, 3)


def mask_window(result: Result, i: int) -> tuple[Array, int, int]:
    """Pastes a mask into the part of the image that its box reaches.

    Args:
        result: Of a model.
        i: Number of the detection.

    Returns:
        The window, top and left, as of `mrcnn.inference.pasting.paste_window`.
    """
    convention = convention_named(result.get("convention", "aligned"))
    # Matterport pastes into boxes of whole pixels.
    box = result["rois" if convention is CORNERS else "boxes"][i]
    mask = result["mask_probabilities"][i]
    return paste_window(mask, box, result["image_hw"], 0.5, convention)


def load_embedding_model(path: PathLike, **settings: Any) -> TrainedModel:
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
    if format_of(path):
        check_embeddings(path)
        return ExportedModel(path, **settings)
    from fashion.retrieval.head import EmbeddingHead  # here, since exported files need no Keras

    def head() -> EmbeddingHead:
        return EmbeddingHead(name="embedding")

    return load_model(path, extra_heads=[head], **settings)
