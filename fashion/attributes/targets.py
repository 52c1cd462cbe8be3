"""Targets: what a head of attributes should say at a roi, and whether it should say anything."""

from keras import ops

from fashion.config import CHOICES

ROIS, EMPTY = CHOICES["ATTRIBUTE_ROIS"], CHOICES["ATTRIBUTE_EMPTY"]


def targets_of(samples, empty):
    """The truth at the sampled rois.

    samples: `mrcnn.modeling.samples.Samples` with gt_attributes (B, M, T), 0 or 1
    empty: objects without attributes are taught as having none ("none"), are left out ("exclude"), or have one attribute more, the last,
        which stands for them ("background"; a CS231n report's 295th)
    Returns: targets (B, R, T or T + 1) float32, used (B, R) float32. Rois on the background have no attributes.
    """
    on_objects = samples.is_positive[..., None]
    targets = ops.cast(samples.gather("gt_attributes"), "float32") * on_objects
    described = ops.max(targets, axis=-1)
    used = samples.used
    if empty == "exclude":
        used = used * ops.maximum(1.0 - samples.is_positive, described)
    if empty == "background":
        targets = ops.concatenate([targets, 1.0 - described[..., None]], axis=-1)
    return targets, used
