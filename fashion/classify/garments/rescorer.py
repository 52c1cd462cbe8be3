"""Rescorer: gives each detection a new score, by the class that a crop of the image shows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from fashion.classify.garments.crops import cut_crops
from fashion.formats.model_files import rescorer_in
from fashion.labels.ontology import Ontology
from mrcnn.config import Config
from mrcnn.data.resize import normalise
from mrcnn.inference.compiled import compiled
from mrcnn.modeling.build import BACKBONES
from mrcnn.modeling.devices import channels_last
from mrcnn.typing import Array, PathLike, Tensor
from mrcnn.weights.h5_files import read_metadata
from mrcnn.weights.layer_files import load_weights, save_weights

AT_ONCE = 16  # crops in one step of the network
DROPOUT = 0.2
LEAST = 1e-6  # least probability: a product of scores stays above 0


@channels_last()
def build_classifier(backbone: str, num_classes: int) -> keras.Model:
    """Builds a classifier of crops on a backbone of the detector.

    Args:
        backbone: A key of `BACKBONES`.
        num_classes: Classes, of which 0 means no garment.

    Returns:
        Crops `(B, S, S, 3)` -> logits `(B, num_classes)`.

    Raises:
        ValueError: The backbone is unknown.
    """
    if backbone not in BACKBONES:
        raise ValueError(f"A backbone is one of {', '.join(sorted(BACKBONES))}. Got {backbone!r}.")
    features = BACKBONES[backbone](backbone, True, 3)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(features.outputs[-1])
    # The features of some backbones are in the hundreds, those of others about one.
    x = keras.layers.LayerNormalization(name="garment_norm")(x)
    x = keras.layers.Dropout(DROPOUT, name="dropout")(x)
    x = keras.layers.Dense(num_classes, name="garment_logits")(x)
    return keras.Model(features.input, x, name="garments")


def pixels_of(backbone: str) -> tuple[Array, Array]:
    """Looks up how a backbone wants its input normalised.

    Args:
        backbone: A key of `BACKBONES`.

    Returns:
        mean: `(3,)` float32, RGB.
        std: `(3,)` float32, RGB.
    """
    config = Config.from_dict({"BACKBONE": backbone})
    return config.MEAN_PIXEL, config.PIXEL_STD


def new_scores(scores: Array, probabilities: Array, weight: float) -> Array:
    """Combines the scores of a detector and a classifier: score^(1 - weight) * probability^weight.

    Args:
        scores: `(N,)` in [0, 1], of the detector.
        probabilities: `(N,)` in [0, 1], of the same classes by the classifier.
        weight: Weight of the classifier in [0, 1].

    Returns:
        `(N,)` float32.
    """
    scores, probabilities = (
        np.maximum(np.asarray(values, np.float64), LEAST) for values in (scores, probabilities)
    )
    return (scores ** (1 - weight) * probabilities**weight).astype(np.float32)


class Rescorer:
    """Scores detections again.

    Args:
        network: Network of `build_classifier`.
        backbone: Name of its backbone.
        size: Side of a crop in pixels.
        ontology: Labels that it was trained for.
        weight: Weight of the classifier, see `new_scores`.
        xla: Whether to compile with XLA.
        about: JSON-able, kept in its file: "detector", the digest of the weights whose detections
            it was trained on, and "trained_on", the ImageIds of its images.
    """

    def __init__(
        self,
        network: keras.Model,
        backbone: str,
        size: int,
        ontology: Ontology,
        weight: float = 0.5,
        *,
        xla: bool = False,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.network, self.backbone, self.size = network, backbone, size
        self.ontology, self.weight = ontology, weight
        self.about = about or {}
        self._pixels = pixels_of(backbone)
        self._step = compiled(self._predict, network, xla=xla)

    def probabilities(self, image: Array, boxes: Array) -> Array:
        """Classifies boxes.

        Args:
            image: `(h, w, 3)` uint8.
            boxes: `(N, 4)` yxyx, pixels of `image`.

        Returns:
            `(N, K)` float32; column 0 means no garment.
        """
        crops = normalise(cut_crops(image, boxes, self.size), *self._pixels)
        parts = [np.zeros((0, self.ontology.num_classes), np.float32)]
        for start in range(0, len(crops), AT_ONCE):
            part = crops[start : start + AT_ONCE]
            # One shape, so one compilation.
            padded = np.pad(part, [(0, AT_ONCE - len(part)), (0, 0), (0, 0), (0, 0)])
            predicted = ops.convert_to_numpy(self._step(ops.convert_to_tensor(padded)))
            parts.append(predicted[: len(part)])
        return np.concatenate(parts)

    def probabilities_of(self, image: Array, boxes: Array, class_ids: Array) -> Array:
        """Computes the probability of the detector's class for each box.

        Args:
            image: `(h, w, 3)` uint8.
            boxes: `(N, 4)` yxyx, pixels of `image`.
            class_ids: `(N,)` int, predicted by the detector.

        Returns:
            `(N,)` float32.
        """
        return self.probabilities(image, boxes)[np.arange(len(class_ids)), class_ids]

    def __call__(
        self, image: Array, result: Mapping[str, Any], min_score: float = 0.0
    ) -> dict[str, Any]:
        """Gives the detections of an image new scores.

        Args:
            image: `(h, w, 3)` uint8.
            result: Result of `FashionModel.predict` for it.
            min_score: Detections below this new score are dropped.

        Returns:
            The result with new scores, the highest first.
        """
        probabilities = self.probabilities_of(image, result["boxes"], result["class_ids"])
        scores = new_scores(result["scores"], probabilities, self.weight)
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] >= min_score]
        return {
            name: value if name in ("image_hw", "convention") else value[order]
            for name, value in {**result, "scores": scores}.items()
        }

    def min_score_before(self, min_score: float) -> float:
        """Computes the lowest score of a detector that can become a given new score.

        Args:
            min_score: New score.

        Returns:
            Score before, of a detection whose class has the probability 1.
        """
        return min_score ** (1 / (1 - self.weight)) if self.weight < 1 else 0.0

    def save(self, path: PathLike) -> None:
        """Writes weights and metadata into one file for `load_rescorer`.

        Args:
            path: The .h5 file.
        """
        own = {"backbone": self.backbone, "size": self.size, "weight": self.weight}
        metadata = {"ontology": self.ontology.to_dict(), "rescorer": {**own, **self.about}}
        save_weights(self.network, path, metadata=metadata)

    def _predict(self, crops):
        logits = ops.cast(self.network(crops, training=False), "float32")
        return probability_outputs(logits)["probabilities"]


def is_rescorer(path: PathLike) -> bool:
    """Returns whether a weight file is that of a rescorer.

    Args:
        path: A .h5 file.

    Returns:
        Whether its metadata say so.
    """
    return "rescorer" in read_metadata(path)


def probability_outputs(logits: Tensor) -> dict[str, Tensor]:
    """Computes the probability of each class.

    Args:
        logits: `(B, K)` float32.

    Returns:
        "probabilities" `(B, K)` float32; class 0 means no garment.
    """
    return {"probabilities": ops.softmax(logits, axis=-1)}


def load_rescorer(path: PathLike, ontology: Ontology | None, xla: bool = False) -> Rescorer:
    """Loads a rescorer for a model.

    Args:
        path: Its file or folder, see `rescorer_in`.
        ontology: Labels of the model; None for a classifier that is used by its own labels.
        xla: Whether to compile with XLA.

    Returns:
        The rescorer.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is another kind of file, is damaged, or was trained for other categories.
    """
    path = rescorer_in(path)
    labels, about = _read_about(path)
    backbone, size, weight = (about.pop(name) for name in ("backbone", "size", "weight"))
    if ontology is not None:
        _check_same_categories(path, labels, ontology)
    network = build_classifier(backbone, labels.num_classes)
    lacking = load_weights(network, path).only_in_model
    if lacking:
        more = " …" if len(lacking) > 4 else ""
        raise ValueError(
            f"{path} has no weights for {', '.join(lacking[:4])}{more}, which would be left to "
            "chance. Download it again, or train it again with `fashion rescore`."
        )
    return Rescorer(network, backbone, size, labels, weight, xla=xla, about=about)


def _read_about(path: Path) -> tuple[Ontology, dict[str, Any]]:
    """Reads and checks the metadata of a rescorer."""
    metadata = read_metadata(path)
    if "rescorer" not in metadata:
        raise ValueError(
            f"{path} is not a re-scoring classifier. Give rescorer.h5 of `fashion rescore`."
        )
    try:
        labels, about = Ontology.from_dict(metadata["ontology"]), dict(metadata["rescorer"])
        backbone, size, weight = (about[name] for name in ("backbone", "size", "weight"))
        is_size = type(size) is int and 0 < size < 10_000
        is_valid = isinstance(backbone, str) and is_size and 0 <= float(weight) <= 1
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
        is_valid = False
    if not is_valid:
        raise ValueError(
            f"{path} is damaged: the description of its classifier is invalid. Download it "
            "again, or train it again with `fashion rescore`."
        )
    return labels, about


def _check_same_categories(path: Path, labels: Ontology, ontology: Ontology) -> None:
    if (labels.category_ids, labels.category_names) != (
        ontology.category_ids,
        ontology.category_names,
    ):
        theirs, ours = (
            f"{len(some.category_ids)} of them, the first {some.category_names[0]!r}"
            for some in (labels, ontology)
        )
        raise ValueError(
            f"{path} was trained for other categories ({theirs}) than the model ({ours}). Train "
            "one for this model with `fashion rescore`."
        )
