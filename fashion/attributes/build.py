"""attribute_head: from the settings to a head; the only file of this folder that reads a Config."""

from fashion.attributes.head import AttributeHead
from fashion.attributes.losses import AttributeLoss, positive_weights
from fashion.config import FashionConfig


def attribute_head(config, ontology, counts=None):
    """The AttributeHead that a FashionConfig asks for.

    counts: (K, 1 + T) int, see `IMaterialistDataset.attribute_counts`; needed by ATTRIBUTE_POSITIVE_WEIGHT, and only to train: without,
        present attributes count once
    """
    weights = ()
    if counts is not None and config.ATTRIBUTE_POSITIVE_WEIGHT:
        carrying = counts[
            [ontology.class_id_of(c) - 1 for c in ontology.attribute_category_ids]
        ].sum(axis=0)
        weights = positive_weights(carrying[1:], int(carrying[0]), config.ATTRIBUTE_POSITIVE_WEIGHT)
    return head_of(
        config, ontology.num_attributes, ontology.num_classes, groups_of(ontology), weights
    )


def head_of(config, num_attributes, num_classes, groups=None, positive_weight=()):
    """The AttributeHead that any Config asks for; what it does not say is as in FashionConfig.

    num_attributes: T; num_classes: K, with the background; groups: (T,) see `groups_of`, None: one for all; positive_weight: (T,) or none
    """

    def said(name):
        return getattr(config, f"ATTRIBUTE_{name}", getattr(FashionConfig, f"ATTRIBUTE_{name}"))

    alpha, gamma = said("FOCAL")
    gamma_positive, gamma_negative, margin = said("ASYMMETRIC")
    loss = AttributeLoss(
        said("LOSS"),
        alpha,
        gamma,
        gamma_positive,
        gamma_negative,
        margin,
        positive_weight,
        said("HARD_NEGATIVES"),
    )
    return AttributeHead(
        num_attributes,
        said("HEAD"),
        hidden=said("HIDDEN"),
        channels=said("CHANNELS"),
        num_classes=num_classes if said("PER_CLASS") else None,
        groups=groups or [0] * num_attributes,
        loss=loss,
        rois=said("ROIS"),
        empty=said("EMPTY"),
        update_statistics=config.updates_statistics,
    )


def groups_of(ontology):
    """(T,) the number of each attribute's super-category, in the order in which they occur."""
    order = {
        name: number
        for number, name in enumerate(dict.fromkeys(ontology.attribute_supercategories))
    }
    return [order[name] for name in ontology.attribute_supercategories]
