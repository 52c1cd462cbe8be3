"""FashionModel: a detector with an attribute head, its settings and its label list, in one file."""

import copy
import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fashion.attributes.build import attribute_head
from fashion.classify.garments.rescorer import Rescorer, load_rescorer
from fashion.config import BEFORE, FashionConfig
from fashion.formats.model_files import checkpoint_in
from fashion.labels.ontology import Ontology
from fashion.results import TrainedModel, setting_of, settings_beside
from mrcnn.config import Config
from mrcnn.files import digest_of
from mrcnn.inference.augmented import AugmentedPredictor
from mrcnn.inference.fusion import FusionSettings
from mrcnn.inference.predict import Predictor
from mrcnn.inference.tiles import Tiling
from mrcnn.inference.views import ONE_VIEW, View
from mrcnn.modeling.build import build_detector
from mrcnn.modeling.devices import use_xla
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.typing import Array, PathLike
from mrcnn.weights.h5_files import read_metadata
from mrcnn.weights.layer_files import layers_in

log = logging.getLogger(__name__)

# What a single view may score at least: two views of .3 and .8 are fused to .55.
VIEW_MIN_SCORE = 0.05


class FashionModel(TrainedModel):
    """A detector with an attribute head, and the settings and labels that belong to it.

    Args:
        config: Settings.
        ontology: Label list.
        counts: `(K, 1 + T)` int of the training data, see `IMaterialistDataset.attribute_counts`;
            None if unknown.
        rescorer: Gives detections new scores, of which those from DETECTION_MIN_CONFIDENCE on are
            kept; None keeps the detector's scores.
        views: Views of each image that are fused.
        tiles: Windows of each image that are shown as well; None for none.
        fusion: How views and tiles are fused.
        as_member: Whether it is a member of an ensemble, which fuses what it finds: then it also
            finds what scores less than DETECTION_MIN_CONFIDENCE, and `predictor` is an
            `AugmentedPredictor`.
        extra_heads: Functions that make more heads without weights, see `build_detector`.

    Attributes:
        detector: The Keras model.

    Raises:
        ValueError: ATTRIBUTE_SEEN_PAIRS is set and the counts are unknown.
    """

    def __init__(
        self,
        config: FashionConfig,
        ontology: Ontology,
        counts: Array | None = None,
        rescorer: Rescorer | None = None,
        views: Sequence[View] = ONE_VIEW,
        *,
        tiles: Tiling | None = None,
        fusion: FusionSettings | None = None,
        as_member: bool = False,
        extra_heads: Sequence[Callable[[], RoIHead]] = (),
    ) -> None:
        counts = None if counts is None else np.asarray(counts, np.int64)
        if config.ATTRIBUTE_SEEN_PAIRS and counts is None:
            raise ValueError(
                "ATTRIBUTE_SEEN_PAIRS needs the counts of the training data, which checkpoints "
                "from before it existed do not have. Set it to False."
            )
        heads: list[Callable[[], RoIHead]] = []
        if ontology.num_attributes:
            heads.append(lambda: attribute_head(config, ontology, counts))
        heads += extra_heads
        of_detector, min_score = config, least_score(config, rescorer)
        is_fused = tuple(views) != ONE_VIEW or tiles is not None or as_member
        if rescorer is not None or is_fused:  # otherwise later changes of the config count
            of_detector = copy.copy(config)
            of_detector.DETECTION_MIN_CONFIDENCE = (
                min(min_score, VIEW_MIN_SCORE) if is_fused else min_score
            )
        self.detector = build_detector(of_detector, heads)
        xla = use_xla(of_detector)
        predictor = Predictor(self.detector, of_detector, xla=xla)
        if is_fused:
            predictor = AugmentedPredictor(
                self.detector,
                of_detector,
                views=views,
                tiles=tiles,
                fusion=fusion,
                min_score=min_score,
                xla=xla,
            )
        super().__init__(predictor, config, ontology, counts, rescorer)

    def metadata(self) -> dict[str, Any]:
        """Collects what a checkpoint must hold to be loaded without anything else.

        Returns:
            JSON-able.
        """
        counts = {} if self.counts is None else {"attribute_counts": self.counts.tolist()}
        return {"config": self.config.to_dict(), "ontology": self.ontology.to_dict()} | counts


def least_score(config: FashionConfig, rescorer: Rescorer | None) -> float:
    """Computes from which score on detections are needed, before they are re-scored.

    Args:
        config: Settings, with the least score of a result.
        rescorer: Gives detections new scores, or None.

    Returns:
        The score.
    """
    least = config.DETECTION_MIN_CONFIDENCE or 0.0
    return least if rescorer is None else rescorer.min_score_before(least)


def load_model(
    path: PathLike,
    *,
    labels: PathLike | None = None,
    rescorer: PathLike | None = None,
    views: Sequence[View] = ONE_VIEW,
    tiles: Tiling | None = None,
    fusion: FusionSettings | None = None,
    as_member: bool = False,
    extra_heads: Sequence[Callable[[], RoIHead]] = (),
    **settings: Any,
) -> FashionModel:
    """Loads a trained model.

    Settings that were chosen after the training may lie beside a checkpoint: of model.h5 in
    model.settings.json, {name: value}, which `benchmarks/calibrate.py` writes.

    Args:
        path: Checkpoint (.h5), or run folder, of which the best checkpoint is taken.
        labels: Label file of a checkpoint that holds no label list, such as Matterport's. Its
            settings are those of `mrcnn.config.Config`, unless `settings` change them.
        rescorer: File or folder of `fashion rescore`.
        views: Views of each image that are fused, see `mrcnn.inference.views.views_of`.
        tiles: Windows of each image that are shown as well, see `mrcnn.inference.tiles.tiling_of`.
        fusion: How views and tiles are fused.
        as_member: See `FashionModel`.
        extra_heads: See `FashionModel`.
        **settings: Values that replace the stored ones, such as DETECTION_MIN_CONFIDENCE=0.3.

    Returns:
        The model.

    Raises:
        FileNotFoundError: There is no checkpoint.
        ValueError: A file does not say what it was trained for, is damaged, or does not fit.
    """
    path = checkpoint_in(path)
    metadata = read_metadata(path)
    if "ontology" not in metadata and labels is not None:
        metadata = _with_labels(path, Ontology.from_file(labels))
    if "ontology" not in metadata:
        raise ValueError(
            f"{path} does not say which categories and attributes it was trained for, so it was "
            "not written by this project. Give such a file to training as a starting point: "
            "`fashion train --weights FILE`."
        )
    config, ontology, counts = _described(path, metadata, settings_beside(path) | settings)
    loaded = None
    if rescorer is not None:
        loaded = load_rescorer(rescorer, ontology, use_xla(config))
        if loaded.about.get("detector") not in (None, digest_of(path)):
            log.warning(
                "The classifier that scores detections again learned from those of %s, and this "
                "is %s. Train one for it with `fashion rescore`.",
                loaded.about["detector"],
                digest_of(path),
            )
    fused: dict[str, Any] = {"tiles": tiles, "fusion": fusion, "as_member": as_member}
    model = FashionModel(config, ontology, counts, loaded, views, extra_heads=extra_heads, **fused)
    lacking = sorted(model.detector.load_weights(path).only_in_model)
    if lacking:
        more = " …" if len(lacking) > 4 else ""
        raise ValueError(
            f"{path} has no weights for {', '.join(lacking[:4])}{more}, which would be left to "
            "chance. What the network is made of is chosen in training; given here: "
            f"{', '.join(settings) or 'nothing'}."
        )
    return model


def _with_labels(path: Path, ontology: Ontology) -> dict[str, Any]:
    """What a checkpoint without metadata would say of itself; its classes are in the list's order.

    Other settings of Matterport's configs are not those of `FashionConfig`.
    """
    if not any(name.startswith("mrcnn_attribute") for name in layers_in(path)):
        ontology = dataclasses.replace(
            ontology, attribute_ids=(), attribute_names=(), attribute_supercategories=()
        )
    counts = {"NUM_CLASSES": ontology.num_classes, "NUM_ATTRIBUTES": ontology.num_attributes}
    return {"config": Config().to_dict() | counts, "ontology": ontology.to_dict()}


def default_confidence(path: PathLike) -> float:
    """Reads from which confidence score on a model's detections are reported by default.

    Args:
        path: Checkpoint, or run folder.

    Returns:
        Its CONFIDENCE_THRESHOLD: of the settings beside it, or of the checkpoint, or of all models.

    Raises:
        FileNotFoundError: There is no checkpoint.
        ValueError: A file is damaged.
    """
    path = checkpoint_in(path)
    stored = read_metadata(path).get("config")
    settings = (stored if isinstance(stored, dict) else {}) | settings_beside(path)
    return float(setting_of(settings, "CONFIDENCE_THRESHOLD"))


def _described(
    path: Path, metadata: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[FashionConfig, Ontology, Array | None]:
    """Config, label list and attribute counts of a checkpoint; ValueError if they are damaged."""
    stored, labels = metadata.get("config"), metadata["ontology"]
    damaged = (
        f"{path} is damaged: its {{}}. Download it again, or take another checkpoint of the run."
    )
    if not isinstance(stored, dict) or not isinstance(labels, dict):
        raise ValueError(damaged.format("settings and labels are not objects"))
    try:
        ontology = Ontology.from_dict(labels)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise ValueError(damaged.format("list of labels is invalid")) from error
    try:
        # Without `settings`: the file is not to blame for a mistake there.
        FashionConfig.from_dict(BEFORE | stored)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        why = f" ({error})" if isinstance(error, ValueError) else ""
        raise ValueError(damaged.format(f"settings are invalid{why}")) from error
    counts = metadata.get("attribute_counts")
    if counts is not None:
        try:
            counts = np.asarray(counts, np.int64)
        except (ValueError, TypeError, OverflowError) as error:
            raise ValueError(damaged.format("counts of attributes are not numbers")) from error
        expected = (ontology.num_classes - 1, 1 + ontology.num_attributes)
        if counts.shape != expected:
            what = f"counts of attributes have the shape {counts.shape}, and the labels {expected}"
            raise ValueError(damaged.format(what))
    config = FashionConfig.from_dict({**BEFORE, **stored, "GPU_COUNT": 1, **settings})
    return config, ontology, counts
