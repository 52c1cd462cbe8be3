"""attribute_head: from the settings to a head; the only file of this folder that reads a Config."""
from fashion.attributes.head import AttributeHead
from fashion.attributes.losses import AttributeLoss, positive_weights


def attribute_head(config, ontology, counts=None):
    """The AttributeHead that a FashionConfig asks for.

    counts: (K, 1 + T) int, see `IMaterialistDataset.attribute_counts`; needed by ATTRIBUTE_POSITIVE_WEIGHT, and only to train: without,
        present attributes count once
    """
    weights = ()
    if counts is not None and config.ATTRIBUTE_POSITIVE_WEIGHT:
        carrying = counts[[ontology.class_id_of(c) - 1 for c in ontology.attribute_category_ids]].sum(axis=0)
        weights = positive_weights(carrying[1:], int(carrying[0]), config.ATTRIBUTE_POSITIVE_WEIGHT)
    alpha, gamma = config.ATTRIBUTE_FOCAL
    gamma_positive, gamma_negative, margin = config.ATTRIBUTE_ASYMMETRIC
    loss = AttributeLoss(config.ATTRIBUTE_LOSS, alpha, gamma, gamma_positive, gamma_negative, margin, weights,
                         config.ATTRIBUTE_HARD_NEGATIVES)
    return AttributeHead(ontology.num_attributes, config.ATTRIBUTE_HEAD, hidden=config.ATTRIBUTE_HIDDEN,
                         channels=config.ATTRIBUTE_CHANNELS, num_classes=ontology.num_classes if config.ATTRIBUTE_PER_CLASS else None,
                         groups=groups_of(ontology), loss=loss, rois=config.ATTRIBUTE_ROIS, empty=config.ATTRIBUTE_EMPTY,
                         update_statistics=config.TRAIN_BN)


def groups_of(ontology):
    """(T,) the number of each attribute's super-category, in the order in which they occur."""
    order = {name: number for number, name in enumerate(dict.fromkeys(ontology.attribute_supercategories))}
    return [order[name] for name in ontology.attribute_supercategories]
