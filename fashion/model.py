"""FashionModel: a detector with an attribute head, its settings and its label list, saved and loaded as one file."""

import collections
import copy
import logging
from pathlib import Path

import numpy as np

from fashion.attributes.build import attribute_head
from fashion.classify.garments.rescorer import load_rescorer
from fashion.config import BEFORE, FashionConfig
from fashion.labels.ontology import Ontology
from mrcnn.files import digest_of
from mrcnn.inference.predict import Predictor
from mrcnn.modeling.build import build_detector
from mrcnn.modeling.devices import use_xla
from mrcnn.weights.layer_files import read_metadata

log = logging.getLogger(__name__)


class FashionModel:
    """`detector` (a Keras model), `config` and `ontology`, which belong together.

    counts: (K, 1 + T) int, of the training data, see `IMaterialistDataset.attribute_counts`; None: not known
    rescorer: a `Rescorer` that gives detections their scores, of which those of DETECTION_MIN_CONFIDENCE stay; None: the detector's scores
    """

    def __init__(self, config, ontology, counts=None, rescorer=None):
        self.config, self.ontology, self.rescorer = config, ontology, rescorer
        self.counts = None if counts is None else np.asarray(counts, np.int64)
        if config.ATTRIBUTE_SEEN_PAIRS and self.counts is None:
            raise ValueError(
                "ATTRIBUTE_SEEN_PAIRS needs the counts of the training data, which checkpoints from before it existed do not "
                "have. Set it to False."
            )
        heads = (
            [lambda: attribute_head(config, ontology, self.counts)]
            if ontology.num_attributes
            else []
        )
        if rescorer is not None:
            config = copy.copy(config)
            config.DETECTION_MIN_CONFIDENCE = rescorer.min_score_before(
                config.DETECTION_MIN_CONFIDENCE
            )
        self.detector = build_detector(config, heads)
        self._predictor = Predictor(self.detector, config, xla=use_xla(config))

    def predict(self, photos):
        """photos: list of (h, w, 3) uint8 RGB -> list of the result dicts of `mrcnn.inference.predict.Predictor`.

        Each has in addition "attribute_scores" (N, T) float32 and "attributes": for each detection the ascending real ids of
        the attributes that score ATTRIBUTE_THRESHOLD or more, none for categories that carry no attributes. With ATTRIBUTE_SEEN_PAIRS
        an attribute that no object of the category had in training scores 0.
        """
        return list(self.stream(photos))

    def stream(self, photos):
        """The same, one result after the other, for any iterable of photos; never holds more than one photo at its full size, with a
        rescorer BATCH_SIZE of them."""
        return map(
            self._with_attributes,
            self._predictor.stream(photos) if self.rescorer is None else self._rescored(photos),
        )

    def describe(self, photos, boxes, class_ids):
        """The same of boxes that are given, as if just these had been detected: what the attribute head says if the boxes are right.

        photos: iterable of photos; boxes: for each (N, 4) yxyx, photo pixels; class_ids: for each (N,), 1..K-1; see `Predictor.describe`
        """
        return map(self._with_attributes, self._predictor.describe(photos, boxes, class_ids))

    def metadata(self):
        """What a checkpoint must hold to be loaded without anything else; JSON-able."""
        counts = {} if self.counts is None else {"attribute_counts": self.counts.tolist()}
        return {"config": self.config.to_dict(), "ontology": self.ontology.to_dict()} | counts

    def _rescored(self, photos):
        held = collections.deque()

        def holding():
            for photo in photos:
                held.append(photo)
                yield photo
                del photo

        for result in self._predictor.stream(holding()):
            yield self.rescorer(held.popleft(), result, self.config.DETECTION_MIN_CONFIDENCE)

    def _with_attributes(self, result):
        scores = result.setdefault(
            "attribute_scores", np.zeros((len(result["scores"]), 0), np.float32)
        )
        if self.config.ATTRIBUTE_SEEN_PAIRS and scores.size:
            scores = result["attribute_scores"] = scores * (
                self.counts[result["class_ids"] - 1, 1:] > 0
            )
        result["attributes"] = [
            self._attribute_ids(c, s) for c, s in zip(result["class_ids"], scores, strict=True)
        ]
        return result

    def _attribute_ids(self, class_id, scores):
        if not self.ontology.carries_attributes(self.ontology.category_id_of(int(class_id))):
            return []
        return self.ontology.ids_of(scores >= self.config.ATTRIBUTE_THRESHOLD)


def load_model(path, *, rescorer=None, **settings):
    """A trained FashionModel from a checkpoint (.h5) or a run folder, of which the best checkpoint is taken.

    rescorer: a file or folder of fashion/rescore.py; settings: values that replace the stored ones, such as DETECTION_MIN_CONFIDENCE=0.3
    Raises FileNotFoundError if there is no checkpoint, ValueError if a file does not say what it was trained for, or if they do not fit.
    """
    path = checkpoint_in(path)
    metadata = read_metadata(path)
    if "ontology" not in metadata:
        raise ValueError(
            f"{path} does not say which categories and attributes it was trained for, so it was not written by this "
            "project. Give such a file to training as a starting point: fashion/train.py --weights FILE."
        )
    config, ontology, counts = _described(path, metadata, settings)
    if rescorer is not None:
        rescorer = load_rescorer(rescorer, ontology, use_xla(config))
        if rescorer.about.get("detector") not in (None, digest_of(path)):
            log.warning(
                "The classifier that scores detections again learned from those of %s, and this is %s. Train one for it with "
                "fashion/rescore.py.",
                rescorer.about["detector"],
                digest_of(path),
            )
    model = FashionModel(config, ontology, counts, rescorer)
    lacking = sorted(model.detector.load_weights(path).only_in_model)
    if lacking:
        raise ValueError(
            f"{path} has no weights for {', '.join(lacking[:4])}{' …' if len(lacking) > 4 else ''}, which would be left to "
            f"chance. What the network is made of is chosen in training; given here: {', '.join(settings) or 'nothing'}."
        )
    return model


def _described(path, metadata, settings):
    """The config, the labels and the counts of attributes (None: not known) in a checkpoint. Raises ValueError if they are damaged."""
    stored, labels, counts = (
        metadata.get("config"),
        metadata["ontology"],
        metadata.get("attribute_counts"),
    )
    damaged = f"{path} is damaged: its {{}}. Fetch it again, or take another checkpoint of the run."
    if not isinstance(stored, dict) or not isinstance(labels, dict):
        raise ValueError(damaged.format("settings and labels are no objects"))
    try:
        ontology = Ontology.from_dict(labels)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise ValueError(damaged.format("list of labels makes no sense")) from error
    try:
        FashionConfig.from_dict(
            BEFORE | stored
        )  # without `settings`, so that a mistake there is not blamed on the file
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        told = f" ({error})" if isinstance(error, ValueError) else ""
        raise ValueError(damaged.format(f"settings make no sense{told}")) from error
    if counts is not None:
        try:
            counts = np.asarray(counts, np.int64)
        except (ValueError, TypeError, OverflowError) as error:
            raise ValueError(damaged.format("counts of attributes are no numbers")) from error
        wanted = (ontology.num_classes - 1, 1 + ontology.num_attributes)
        if counts.shape != wanted:
            raise ValueError(
                damaged.format(
                    f"counts of attributes have the shape {counts.shape}, and the labels {wanted}"
                )
            )
    return FashionConfig.from_dict(BEFORE | stored | {"GPU_COUNT": 1} | settings), ontology, counts


def checkpoint_in(path):
    """The checkpoint file that `path` means: itself, or best.h5, else last.h5, of a run folder."""
    path = Path(path).expanduser()
    if path.is_dir():
        for name in ("best.h5", "last.h5"):
            if (path / name).exists():
                return path / name
        raise FileNotFoundError(
            f"{path} holds neither best.h5 nor last.h5. Give a run folder of fashion/train.py or a .h5 file."
        )
    if not path.exists():
        raise FileNotFoundError(
            f"There is no weight file {path}. Give a run folder of fashion/train.py or a .h5 file."
        )
    return path
