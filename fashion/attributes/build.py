"""Build: from settings to an AttributeHead; the only file of this folder that reads a Config."""

from collections.abc import Sequence
from typing import Any

from fashion.attributes.head import AttributeHead
from fashion.attributes.losses import AttributeLoss, positive_weights
from fashion.config import FashionConfig
from fashion.labels.ontology import Ontology
from mrcnn.config import Config
from mrcnn.typing import Array


def attribute_head(
    config: FashionConfig, ontology: Ontology, counts: Array | None = None
) -> AttributeHead:
    """Builds the head that a FashionConfig asks for.

    Args:
        config: Settings.
        ontology: The labels.
        counts: `(K, 1 + T)` int, from `IMaterialistDataset.attribute_counts`. Needed for training
            with ATTRIBUTE_POSITIVE_WEIGHT; without it present attributes have weight 1.

    Returns:
        A head without weights.
    """
    weights: Sequence[float] = ()
    if counts is not None and config.ATTRIBUTE_POSITIVE_WEIGHT:
        # Objects of other categories have no attributes by rule, and would count as negatives.
        carrying = [ontology.class_id_of(c) - 1 for c in ontology.attribute_category_ids]
        objects, *present = counts[carrying].sum(axis=0).tolist()
        weights = positive_weights(present, objects, config.ATTRIBUTE_POSITIVE_WEIGHT)
    return head_of(
        config, ontology.num_attributes, ontology.num_classes, groups_of(ontology), weights
    )


def head_of(
    config: Config,
    num_attributes: int,
    num_classes: int,
    groups: Sequence[int] | None = None,
    positive_weight: Sequence[float] = (),
) -> AttributeHead:
    """Builds the head that any Config asks for.

    Args:
        config: Settings; missing ones are those of FashionConfig.
        num_attributes: T.
        num_classes: K, with the background.
        groups: `(T,)` int, see `groups_of`; None puts all attributes into one group.
        positive_weight: T weights of present attributes; empty for 1.

    Returns:
        A head without weights.
    """

    def setting(name: str) -> Any:
        name = f"ATTRIBUTE_{name}"
        return getattr(config, name, getattr(FashionConfig, name))

    alpha, gamma = setting("FOCAL")
    gamma_positive, gamma_negative, margin = setting("ASYMMETRIC")
    loss = AttributeLoss(
        kind=setting("LOSS"),
        alpha=alpha,
        gamma=gamma,
        gamma_positive=gamma_positive,
        gamma_negative=gamma_negative,
        margin=margin,
        positive_weight=positive_weight,
        hard_negatives=setting("HARD_NEGATIVES"),
    )
    return AttributeHead(
        num_attributes,
        setting("HEAD"),
        hidden=setting("HIDDEN"),
        channels=setting("CHANNELS"),
        num_classes=num_classes if setting("PER_CLASS") else None,
        groups=groups or [0] * num_attributes,
        loss=loss,
        rois=setting("ROIS"),
        empty=setting("EMPTY"),
        update_statistics=config.updates_statistics,
    )


def groups_of(ontology: Ontology) -> list[int]:
    """Numbers the super-categories of attributes in the order in which they occur.

    Args:
        ontology: The labels.

    Returns:
        T numbers from 0, the group of each attribute.
    """
    names = ontology.attribute_supercategories
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return [number[name] for name in names]
