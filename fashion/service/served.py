"""Served: what the workers of a service own: a model that predicts, and an index of garments."""

import dataclasses
from typing import Any

from fashion.results import Result, TrainedModel
from fashion.service.answers import Masks, detection_answer
from fashion.service.refusals import Refusal
from fashion.service.samples import ASTRONAUT
from mrcnn.data.image_io import read_image
from mrcnn.data.resize import check_placeable
from mrcnn.typing import Array

# The first compiles; the second is already as fast as all that follow.
_WARM_PHOTOS = 2


@dataclasses.dataclass
class ServedModel:
    """A model that predicts photos, and perhaps vectors to search by.

    Attributes:
        model: The model.
        name: Of the model, without a path.
        license: Of its weights; None if unknown.
        confidence: Score from which detections count if a request does not say.
        least: The lowest score that a request may ask for.
        embedder: `fashion.retrieval.embedding.GarmentEmbedder` of the same model; None if there is
            no index.
    """

    model: TrainedModel
    name: str
    license: str | None
    confidence: float
    least: float
    embedder: Any = None

    def predict(self, image: Array) -> tuple[Result, Array | None]:
        """Predicts a photo.

        Args:
            image: `(H, W, 3)` uint8 RGB.

        Returns:
            result: Of `TrainedModel.predict`.
            vectors: `(N, D)` float32 of the detections; None without an embedder.

        Raises:
            Refusal: No canvas of the model holds the photo.
        """
        try:
            check_placeable(image.shape[:2], self.model.config, "the photo")
        except ValueError as error:
            raise Refusal(422, "The photo is too long and narrow for the model.") from error
        if self.embedder is not None:
            return self.embedder.predict_with_vectors(image)
        (result,) = self.model.predict([image])
        return result, None

    def warm_up(self) -> None:
        """Compiles and predicts a photo, so that the first client does not wait for that."""
        self.model.predictor.always_compile()
        image = read_image(ASTRONAUT)
        for _ in range(_WARM_PHOTOS):
            self.predict(image)

    def answer(
        self,
        result: Result,
        *,
        confidence: float | None = None,
        attribute_confidence: float | None = None,
        masks: Masks = "rle",
    ) -> dict[str, Any]:
        """Describes the detections of a photo.

        Args:
            result: Of `predict`.
            confidence: Minimum score of a detection; None for that of the model.
            attribute_confidence: Minimum score of an attribute; None for that of the model.
            masks: As of `detection_answer`.

        Returns:
            As of `detection_answer`.
        """
        config = self.model.config
        least = config.ATTRIBUTE_THRESHOLD if attribute_confidence is None else attribute_confidence
        return detection_answer(
            result,
            self.model.ontology,
            confidence=self.confidence if confidence is None else confidence,
            attribute_confidence=least,
            masks=masks,
        )

    def about(self) -> dict[str, Any]:
        """Describes the model for the page.

        Returns:
            JSON-able.
        """
        config = self.model.config
        convention = getattr(self.model.predictor, "convention", None)
        return {
            "source": self.name,
            "license": self.license,
            "labels": self.model.ontology.to_dict(),
            "image_hw": [int(edge) for edge in config.image_hw],
            "convention": getattr(convention, "name", "aligned"),
            "min_score": self.least,
            "config": {
                "CONFIDENCE_THRESHOLD": self.confidence,
                "ATTRIBUTE_THRESHOLD": float(config.ATTRIBUTE_THRESHOLD),
            },
        }
