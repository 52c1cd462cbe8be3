"""TrainedModel: what predicts garments, whether Keras or an exported file computes.

This module imports without Keras.
"""

import collections
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fashion.config import FashionConfig
from fashion.labels.ontology import Ontology
from mrcnn.json_files import read_json_object
from mrcnn.typing import Array, PathLike

if TYPE_CHECKING:
    from fashion.classify.garments.rescorer import Rescorer

# Detections of an image by name, see `mrcnn.inference.batching.BatchPredictor`.
Result = dict[str, Any]


class TrainedModel:
    """What predicts garments: one model, or an ensemble of several.

    Args:
        predictor: Detects: a `BatchPredictor`, or an `EnsemblePredictor`.
        config: Settings.
        ontology: Label list.
        counts: `(K, 1 + T)` int of the training data; None if unknown.
        rescorer: Gives detections new scores; None keeps the predictor's.
    """

    def __init__(
        self,
        predictor: Any,
        config: FashionConfig,
        ontology: Ontology,
        counts: Array | None = None,
        rescorer: "Rescorer | None" = None,
    ) -> None:
        self.predictor, self.config, self.ontology = predictor, config, ontology
        self.counts, self.rescorer = counts, rescorer

    def predict(self, images: Iterable[Array]) -> list[Result]:
        """Detects garments and their attributes.

        Args:
            images: Each `(h, w, 3)` uint8 RGB.

        Returns:
            A result for each image, see `mrcnn.inference.predict.Predictor`, with
            "attribute_scores" `(N, T)` float32, and "attributes", the ids of those that score
            ATTRIBUTE_THRESHOLD or more, ascending, for each detection; none for categories that
            carry no attributes. With ATTRIBUTE_SEEN_PAIRS an attribute that no object of the
            category had in training scores 0.
        """
        return list(self.stream(images))

    def stream(self, images: Iterable[Array]) -> Iterator[Result]:
        """Detects garments in one image after the other.

        Args:
            images: Each `(h, w, 3)` uint8 RGB. One of them at a time is held at its full size,
                with a rescorer BATCH_SIZE of them.

        Returns:
            Results as of `predict`.
        """
        if self.rescorer is None:
            results = self.predictor.stream(images)
        else:
            results = self._rescored(images, self.rescorer)
        return map(self._with_attributes, results)

    def describe(
        self, images: Iterable[Array], boxes: Iterable[Array], class_ids: Iterable[Array]
    ) -> Iterator[Result]:
        """Describes given boxes as if they had been detected.

        Args:
            images: Each `(h, w, 3)` uint8 RGB.
            boxes: `(N, 4)` yxyx for each image, in its pixels.
            class_ids: `(N,)` int for each image, from 1; see `Predictor.describe`.

        Returns:
            Results as of `predict`.
        """
        return map(self._with_attributes, self.predictor.describe(images, boxes, class_ids))

    def _rescored(self, images: Iterable[Array], rescorer: "Rescorer") -> Iterator[Result]:
        held: collections.deque[Array] = collections.deque()

        def holding():
            for image in images:
                held.append(image)
                yield image
                del image

        for result in self.predictor.stream(holding()):
            yield rescorer(held.popleft(), result, self.config.DETECTION_MIN_CONFIDENCE)

    def _with_attributes(self, result: Result) -> Result:
        none = np.zeros((len(result["scores"]), 0), np.float32)
        scores = result.setdefault("attribute_scores", none)
        if self.config.ATTRIBUTE_SEEN_PAIRS and self.counts is not None and scores.size:
            seen = self.counts[result["class_ids"] - 1, 1:] > 0
            scores = result["attribute_scores"] = scores * seen
        result["attributes"] = [
            self._attribute_ids(c, s) for c, s in zip(result["class_ids"], scores, strict=True)
        ]
        return result

    def _attribute_ids(self, class_id: int, scores: Array) -> list[int]:
        if not self.ontology.carries_attributes(self.ontology.category_id_of(int(class_id))):
            return []
        return self.ontology.ids_of(scores >= self.config.ATTRIBUTE_THRESHOLD)


def settings_beside(path: PathLike) -> dict[str, Any]:
    """Reads the settings that were chosen after the training of a checkpoint.

    Args:
        path: The checkpoint, model.h5.

    Returns:
        Settings by name, from model.settings.json; {} if there is no such file.

    Raises:
        ValueError: The file is not a JSON object, or names an unknown setting.
    """
    file = Path(path).with_suffix(".settings.json")
    if not file.exists():
        return {}
    found = read_json_object(file)
    for name in found:
        if not name.isupper() or not hasattr(FashionConfig, name):
            raise ValueError(
                f"{file} names {name!r}, which is not a setting of a model. Correct or remove it."
            )
    return found


def setting_of(stored: Mapping[str, Any], name: str) -> Any:
    """Reads one setting of a file.

    Args:
        stored: Settings by name.
        name: Of the setting.

    Returns:
        Its value, checked; that of all models if the file lacks it.
    """
    config = FashionConfig.from_dict({name: stored[name]} if name in stored else {})
    return getattr(config, name)
