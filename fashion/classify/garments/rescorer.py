"""Rescorer: a classifier of garments that gives each detection a new score, by what it sees in a crop of the photo."""

from pathlib import Path

import keras
import numpy as np
from keras import ops

from fashion.classify.garments.crops import cut_crops
from fashion.labels.ontology import Ontology
from mrcnn.config import Config
from mrcnn.data.resize import normalise
from mrcnn.inference.compiled import compiled
from mrcnn.modeling.build import BACKBONES
from mrcnn.modeling.devices import channels_last
from mrcnn.weights.layer_files import load_weights, read_metadata, save_weights

AT_ONCE = 16  # crops that the network sees in one step
DROPOUT = 0.2
LEAST = 1e-6  # probability below which nothing becomes less probable


@channels_last()
def build_classifier(backbone, num_classes):
    """A backbone with a layer of logits on the mean of its last features: crops (B, S, S, 3) -> (B, num_classes), 0 is no garment.

    Raises ValueError for an unknown backbone.
    """
    if backbone not in BACKBONES:
        raise ValueError(f"A backbone is one of {', '.join(sorted(BACKBONES))}. Got {backbone!r}.")
    features = BACKBONES[backbone](backbone, True, 3)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(features.outputs[-1])
    x = keras.layers.LayerNormalization(name="garment_norm")(
        x
    )  # some backbones' features are hundreds, others' one
    x = keras.layers.Dropout(DROPOUT, name="dropout")(x)
    return keras.Model(
        features.input, keras.layers.Dense(num_classes, name="garment_logits")(x), name="garments"
    )


def pixels_of(backbone):
    """(mean, std) of a backbone's input, (3,) float32 each, RGB."""
    config = Config.from_dict({"BACKBONE": backbone})
    return config.MEAN_PIXEL, config.PIXEL_STD


def new_scores(scores, probabilities, weight):
    """score^(1 - weight) * probability^weight: the detector's score, the classifier's probability of the same class, or something between.

    scores, probabilities: (N,) 0..1; weight: 0..1. Returns: (N,) float32.
    """
    scores, probabilities = (
        np.maximum(np.asarray(values, np.float64), LEAST) for values in (scores, probabilities)
    )
    return (scores ** (1 - weight) * probabilities**weight).astype(np.float32)


class Rescorer:
    """network: of `build_classifier`; backbone: its name; size: of a crop, pixels; ontology: the labels it was trained for
    weight: how much the classifier counts, see `new_scores`; xla: compile with XLA; about: JSON-able, kept in its file: "detector", the
    digest of the weights whose detections it learned from, and "trained_on", the ImageIds of its photos
    """

    def __init__(self, network, backbone, size, ontology, weight=0.5, *, xla=False, about=None):
        self.network, self.backbone, self.size, self.ontology, self.weight = (
            network,
            backbone,
            size,
            ontology,
            weight,
        )
        self.about, self._pixels = about or {}, pixels_of(backbone)
        self._step = compiled(self._said, network, xla=xla)

    def probabilities(self, photo, boxes):
        """What the classifier says of boxes (N, 4) yxyx of a photo (h, w, 3) uint8: (N, K) float32, column 0 is no garment."""
        crops = normalise(cut_crops(photo, boxes, self.size), *self._pixels)
        parts = [np.zeros((0, self.ontology.num_classes), np.float32)]
        for start in range(0, len(crops), AT_ONCE):
            part = crops[start : start + AT_ONCE]
            padded = np.pad(
                part, [(0, AT_ONCE - len(part)), (0, 0), (0, 0), (0, 0)]
            )  # one shape, so one compilation
            parts.append(
                ops.convert_to_numpy(self._step(ops.convert_to_tensor(padded)))[: len(part)]
            )
        return np.concatenate(parts)

    def certainties(self, photo, boxes, class_ids):
        """(N,) float32: the probability of each box's own class. class_ids: (N,), of the detector; the rest as `probabilities`"""
        return self.probabilities(photo, boxes)[np.arange(len(class_ids)), class_ids]

    def __call__(self, photo, result, least=0.0):
        """`result`, a dict of `FashionModel.predict` for `photo`, with new scores, best first, without those below `least`."""
        certainties = self.certainties(photo, result["boxes"], result["class_ids"])
        scores = new_scores(result["scores"], certainties, self.weight)
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] >= least]
        return {
            name: value if name in ("image_hw", "convention") else value[order]
            for name, value in (result | {"scores": scores}).items()
        }

    def least_before(self, least):
        """The score below which no detection can have a new one of `least`."""
        return least ** (1 / (1 - self.weight)) if self.weight < 1 else 0.0

    def save(self, path):
        """Write all of it into one .h5 file, from which `load_rescorer` reads it."""
        save_weights(
            self.network,
            path,
            metadata={
                "ontology": self.ontology.to_dict(),
                "rescorer": {
                    "backbone": self.backbone,
                    "size": self.size,
                    "weight": self.weight,
                    **self.about,
                },
            },
        )

    def _said(self, crops):
        return ops.softmax(ops.cast(self.network(crops, training=False), "float32"), axis=-1)


def file_of(path):
    """The file that `path` means: itself, or rescorer.h5 of a folder that fashion/rescore.py wrote. Raises FileNotFoundError."""
    path = Path(path)
    path = path / "rescorer.h5" if path.is_dir() else path
    if not path.exists():
        raise FileNotFoundError(
            f"There is no {path}. Give rescorer.h5 of fashion/rescore.py, or the folder that it is in."
        )
    return path


def load_rescorer(path, ontology, xla=False):
    """The Rescorer of a file or folder for a model with these labels. Raises FileNotFoundError, or ValueError if it is no such file or
    was trained for other labels. xla: compile with XLA"""
    path = file_of(path)
    metadata = read_metadata(path)
    if "rescorer" not in metadata:
        raise ValueError(
            f"{path} is no classifier that scores detections again. Give rescorer.h5 of fashion/rescore.py."
        )
    try:
        labels, about = Ontology.from_dict(metadata["ontology"]), dict(metadata["rescorer"])
        backbone, size, weight = (about.pop(name) for name in ("backbone", "size", "weight"))
        sound = (
            isinstance(backbone, str)
            and type(size) is int
            and 0 < size < 10_000
            and 0 <= float(weight) <= 1
        )
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
        sound = False
    if not sound:
        raise ValueError(
            f"{path} is damaged: what it says about its classifier makes no sense. Fetch it again, or train it again with "
            "fashion/rescore.py."
        )
    if (labels.category_ids, labels.category_names) != (
        ontology.category_ids,
        ontology.category_names,
    ):
        theirs, ours = (
            f"{len(some.category_ids)} of them, the first {some.category_names[0]!r}"
            for some in (labels, ontology)
        )
        raise ValueError(
            f"{path} was trained for other categories ({theirs}) than the model ({ours}). Train one for this model with "
            "fashion/rescore.py."
        )
    network = build_classifier(backbone, labels.num_classes)
    lacking = load_weights(network, path).only_in_model
    if lacking:
        raise ValueError(
            f"{path} has no weights for {', '.join(lacking[:4])}{' …' if len(lacking) > 4 else ''}, which would be left to "
            "chance. Fetch it again, or train it again with fashion/rescore.py."
        )
    return Rescorer(network, backbone, size, labels, weight, xla=xla, about=about)
