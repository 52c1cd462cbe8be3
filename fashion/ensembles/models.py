"""FashionEnsemble: several models that predict together, with the interface of one."""

import copy
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from fashion.classify.garments.rescorer import Rescorer, is_rescorer, load_rescorer
from fashion.ensembles.files import EnsembleFile, MemberFile
from fashion.ensembles.partners import ClassifierPartner, SemanticPartner, classes_by_name
from fashion.formats.label_lists import listed
from fashion.formats.model_files import member_in
from fashion.labels.ontology import Ontology
from fashion.model import FashionModel, TrainedModel, least_score, load_model
from fashion.semantic.stored import is_network, load_network
from mrcnn.inference.augmented import AugmentedPredictor
from mrcnn.inference.combination import Labels, Partner, Rules
from mrcnn.inference.ensemble import EnsemblePredictor, Member
from mrcnn.inference.final_scores import ScoreSettings
from mrcnn.inference.fusion import FusionSettings
from mrcnn.inference.tiles import Tiling, tiling_of
from mrcnn.inference.views import View, views_of
from mrcnn.modeling.devices import use_xla
from mrcnn.typing import PathLike

log = logging.getLogger(__name__)


class FashionEnsemble(TrainedModel):
    """Several detectors, and networks that help to describe their boxes.

    Labels, thresholds and the settings of final scores are those of the first detector.

    Args:
        models: Detectors, made with `as_member`.
        weights: Of each.
        partners: Networks that detect nothing.
        fusion: How boxes are fused.
        categories: See `mrcnn.inference.combination.Rules`.
        attributes: "mean" of the scores, or "vote": the share of the votes, by weight.
        rescorer: Gives detections new scores; None keeps those of the ensemble.
    """

    def __init__(
        self,
        models: Sequence[FashionModel],
        weights: Sequence[float],
        partners: Sequence[Partner] = (),
        *,
        fusion: FusionSettings | None = None,
        categories: str = "boxes",
        attributes: str = "mean",
        rescorer: Rescorer | None = None,
    ) -> None:
        first = models[0]
        self.models = tuple(models)
        members = []
        for model, weight in zip(models, weights, strict=True):
            predictor = model.predictor
            assert isinstance(predictor, AugmentedPredictor)
            predictor.with_classes = categories != "boxes"
            labels = None if model is first else labels_among(first.ontology, model.ontology)
            members.append(Member(predictor, weight, labels))
        config = copy.copy(first.config)
        rules = Rules(
            members[0].predictor.max_outputs,
            least_score(config, rescorer),
            fusion or FusionSettings(),
            ScoreSettings.of(config),
            members[0].predictor.convention,
            categories,
            {"attribute_scores": config.ATTRIBUTE_THRESHOLD} if attributes == "vote" else {},
        )
        predictor = EnsemblePredictor(
            members,
            rules,
            num_classes=first.ontology.num_classes,
            batch_size=config.BATCH_SIZE,
            partners=partners,
        )
        config.BATCH_SIZE = predictor.batch_size  # what a resumed command predicts again
        super().__init__(predictor, config, first.ontology, first.counts, rescorer)


def load_ensemble(
    ensemble: EnsembleFile,
    *,
    rescorer: PathLike | None = None,
    views: Sequence[View] | None = None,
    tiles: Tiling | None = None,
    **settings: Any,
) -> TrainedModel:
    """Loads the models of an ensemble.

    Args:
        ensemble: Which, and how they are fused.
        rescorer: File or folder of fashion/rescore.py, applied to the fused detections.
        views: In place of those of the ensemble file.
        tiles: In place of those of the ensemble file.
        **settings: Values that replace the stored ones of every detector.

    Returns:
        The ensemble; of one detector without partners the model itself.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is damaged, or the members do not fit together.
    """
    detectors, others = _sorted(ensemble.members)
    how: dict[str, Any] = {
        "views": views_of(ensemble.tta) if views is None else views,
        "tiles": tiling_of(ensemble.tiles) if tiles is None else tiles,
        "fusion": ensemble.fusion,
    }
    alone = len(detectors) == 1 and not others and ensemble.categories in (None, "boxes")
    if alone and ensemble.attributes == "mean":
        return _detector(detectors[0], how | {"rescorer": rescorer}, settings)
    models = [_detector(member, how | {"as_member": True}, settings) for member in detectors]
    first = models[0]
    xla = use_xla(first.config)
    partners = [_partner(member, kind, first.ontology, xla) for member, kind in others]
    categories = ensemble.categories
    if categories is None:
        categories = "mean" if any(kind == "classifier" for _, kind in others) else "boxes"
    return FashionEnsemble(
        models,
        [member.weight for member in detectors],
        partners,
        fusion=ensemble.fusion,
        categories=categories,
        attributes=ensemble.attributes,
        rescorer=None if rescorer is None else load_rescorer(rescorer, first.ontology, xla),
    )


def first_detector(ensemble: EnsembleFile) -> MemberFile:
    """Finds the member whose labels and settings are those of the ensemble.

    Args:
        ensemble: The ensemble.

    Returns:
        The member.

    Raises:
        ValueError: There is no detector.
    """
    return _sorted(ensemble.members)[0][0]


def labels_among(ours: Ontology, theirs: Ontology) -> Labels | None:
    """Finds the labels of a model in those of an ensemble, by name.

    Args:
        ours: Label list of the ensemble.
        theirs: Label list of the model.

    Returns:
        Where each label is; None where the lists are equal.

    Raises:
        ValueError: They have no category in common.
    """
    if ours == theirs:
        return None
    class_ids = classes_by_name(ours.category_names, theirs.category_names)
    columns = classes_by_name(ours.attribute_names, theirs.attribute_names)[1:] - 1
    if not class_ids.any():
        raise ValueError(
            f"A member of the ensemble knows none of the categories of the first one. It has "
            f"{listed(theirs.category_names)}; the first has {listed(ours.category_names)}. "
            "Label lists are matched by name."
        )
    lacking = [name for i, name in enumerate(ours.category_names, 1) if not class_ids[i]]
    if lacking:
        log.warning(
            "A member of the ensemble lacks %d of its %d categories: %s. The others alone find "
            "and describe them.",
            len(lacking),
            len(ours.category_names),
            listed(lacking),
        )
    known = np.ones((ours.num_classes, ours.num_attributes), bool)
    for class_id, own in enumerate(class_ids):
        # Where its category carries none, its scores of attributes mean nothing.
        if own and ours.carries_attributes(ours.category_id_of(class_id)):
            known[class_id] = theirs.carries_attributes(theirs.category_id_of(int(own)))
    return Labels(class_ids, {"attribute_scores": columns}, {"attribute_scores": known})


def _sorted(members):
    """([detectors], [(other member, its kind)])."""
    detectors, others = [], []
    for member in members:
        path = member_in(member.path)
        if is_rescorer(path):
            others.append((member, "classifier"))
        elif is_network(path):
            others.append((member, "semantic"))
        else:
            detectors.append(member)
    if not detectors:
        raise ValueError(
            "An ensemble needs a detector: semantic networks and crop classifiers find no boxes. "
            "Add a run folder of fashion/train.py or a checkpoint."
        )
    return detectors, others


def _detector(member, how, settings):
    try:
        return load_model(
            member_in(member.path),
            labels=member.labels,
            **how,
            **(dict(member.settings) | settings),
        )
    except TypeError as error:  # a setting that load_model has as an argument
        raise ValueError(f"The settings of {member.path} cannot be used: {error}") from error


def _partner(member, kind, ontology, xla):
    path = member_in(member.path)
    if kind == "semantic":
        network = load_network(path)
        class_ids = classes_by_name(ontology.category_names, network.category_names)
        partner: Partner = SemanticPartner(network, class_ids, member.weight, xla=xla)
    else:
        classifier = load_rescorer(path, None, xla)
        names = classifier.ontology.category_names
        class_ids = classes_by_name(ontology.category_names, names)
        partner = ClassifierPartner(classifier, class_ids, member.weight)
    if not class_ids.any():
        raise ValueError(
            f"{path} knows none of the categories of the first detector: "
            f"{listed(ontology.category_names)}. Label lists are matched by name."
        )
    return partner
