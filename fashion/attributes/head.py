"""AttributeHead: which of T attributes does a garment have? A sigmoid for each, beside the classifier."""
import math

import keras
from keras import layers, ops

from mrcnn.modeling.roi_head import RoIHead
from mrcnn.ops.losses import binary_cross_entropy, masked_mean


class AttributeHead(RoIHead):
    """One dense layer on the box head's features, trained with binary cross-entropy on rois that lie on objects.

    call: (B, N, F) -> "logits" (B, N, T) float32. Ground truth: gt_attributes (B, M, T), 0 or 1. Describes detections by
    "attribute_scores" (B, N, T) in 0..1. The bias starts at -log(T - 1), so that at first every attribute is as likely as one in
    T (Attribute-Mask R-CNN, Jia et al. 2020). Layer names are those of AR-fan's Matterport fork.
    """

    reads = "box_features"
    positives_only = True
    loss_names = ("mrcnn_attribute_loss",)

    def __init__(self, num_attributes, name="attribute_head", **kwargs):
        super().__init__(name=name, **kwargs)
        if num_attributes < 2:
            raise ValueError(f"An attribute head needs at least 2 attributes. Got {num_attributes}; leave the head out instead.")
        prior = keras.initializers.Constant(-math.log(num_attributes - 1))
        self.logits = layers.Dense(num_attributes, bias_initializer=prior, name="mrcnn_attribute_logits")

    def call(self, inputs, training=False):
        return {"logits": ops.cast(self.logits(inputs), "float32")}

    def compute_losses(self, outputs, samples):
        targets = ops.cast(samples.gather("gt_attributes"), "float32")
        # A sum, not a mean: the strength of what is learned must not depend on how many absent attributes are listed.
        per_roi = ops.sum(binary_cross_entropy(outputs["logits"], targets), axis=-1)
        return {"mrcnn_attribute_loss": masked_mean(per_roi, samples.is_positive)}

    def describe(self, outputs, class_ids):
        return {"attribute_scores": ops.sigmoid(outputs["logits"])}
