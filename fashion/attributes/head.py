"""AttributeHead: which of T attributes does a garment have? A sigmoid for each, beside the classifier."""

import math

import keras
from keras import layers, ops

from fashion.attributes.bodies import CELLS, MLP, Attention, Conv, Linear
from fashion.attributes.losses import EMPTY, ROIS, AttributeLoss, targets_of
from fashion.config import CHOICES
from mrcnn.modeling.roi_head import RoIHead

BODIES = CHOICES["ATTRIBUTE_HEAD"]


class AttributeHead(RoIHead):
    """Names attributes from what its body makes of a roi. Ground truth: gt_attributes (B, M, T), 0 or 1.

    num_attributes: T; body: "linear" or "mlp" on the box head's features, "conv" or "attention" on cells of the roi, see `bodies`
    hidden: width of mlp and conv; channels: of conv and attention
    num_classes: K, with the background: a set of T outputs for every class; the true one's are trained, the predicted one's are told.
        None: one set for all
    groups: (T,) int from 0, the group of each attribute, for "attention"
    loss: an `AttributeLoss`; rois: what it is taught at, "positives" (rois on objects) or "all" (with none on the background; of a set
        for every class the background's, which detections never tell); the loss is a sum over those for each roi on an object, so that
        these count the same in both (as in Lin et al. 2017, section 4.1)
    empty: what objects without attributes teach, see `losses.targets_of`
    update_statistics: of BatchNorm in "conv"

    call: -> "logits" (B, N, T) float32, or (B, N, T, K). Describes detections by "attribute_scores" (B, N, T) in 0..1. The bias starts at
    -log(T - 1), so that at first every attribute is as likely as one in T (Attribute-Mask R-CNN, Jia et al. 2020). The layer names of the
    linear head are those of AR-fan's Matterport fork.
    """

    loss_names = ("mrcnn_attribute_loss",)

    def __init__(
        self,
        num_attributes,
        body="linear",
        *,
        hidden=1024,
        channels=256,
        num_classes=None,
        groups=None,
        loss=None,
        rois="positives",
        empty="none",
        update_statistics=False,
        name="attribute_head",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if num_attributes < 2:
            raise ValueError(
                f"An attribute head needs at least 2 attributes. Got {num_attributes}; leave the head out instead."
            )
        for value, known, what in (
            (body, BODIES, "body"),
            (rois, ROIS, "rois"),
            (empty, EMPTY, "empty"),
        ):
            if value not in known:
                raise ValueError(
                    f"{what} of an attribute head is one of {', '.join(known)}. Got {value!r}."
                )
        self.num_attributes, self.num_classes, self.empty = num_attributes, num_classes, empty
        self.outputs = num_attributes + (empty == "background")
        self.loss = loss or AttributeLoss()
        self.positives_only = rois == "positives"
        self.groups = None
        named = {"name": "mrcnn_attribute_body"}
        if body == "attention":
            if groups is None or len(groups) != num_attributes:
                raise ValueError(
                    f"The attention body needs a group for each of {num_attributes} attributes. Got {groups!r}."
                )
            self.groups = [*map(int, groups), *[max(groups) + 1] * (self.outputs - num_attributes)]
            self.body = Attention(max(self.groups) + 1, channels, **named)
        elif body == "conv":
            self.body = Conv(hidden, channels, update_statistics, **named)
        else:
            self.body = MLP(hidden, **named) if body == "mlp" else Linear(**named)
        self.reads, self.pool_size = self.body.reads, CELLS
        prior = keras.initializers.Constant(-math.log(num_attributes - 1))
        sets = num_classes or 1
        if self.groups:
            limit = math.sqrt(
                6.0 / (channels + sets)
            )  # Glorot's, of each attribute's matrix by itself
            self.logits = layers.EinsumDense(
                "bntf,tfk->bntk",
                (None, self.outputs, sets),
                bias_axes="tk",
                bias_initializer=prior,
                kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
                dtype="float32",
                name="mrcnn_attribute_logits",
            )
        else:
            self.logits = layers.Dense(
                self.outputs * sets,
                bias_initializer=prior,
                dtype="float32",
                name="mrcnn_attribute_logits",
            )

    def call(self, inputs, training=False, valid=None):
        x = self.body(inputs, training=training, valid=valid)
        if self.groups:
            x = ops.take(x, self.groups, axis=2)  # every attribute's vector: (B, N, T, F)
        logits = self.logits(x)
        shape = (-1, inputs.shape[1], self.outputs)
        return {
            "logits": ops.reshape(
                logits, shape if self.num_classes is None else (*shape, self.num_classes)
            )
        }

    def compute_losses(self, outputs, samples):
        targets, used = targets_of(samples, self.empty)
        class_ids = (
            samples.gather("gt_class_ids") * ops.cast(samples.is_positive, "int32")
            if self.num_classes
            else None
        )
        losses, on_objects = (
            self.loss(self._of_class(outputs["logits"], class_ids), targets),
            used * samples.is_positive,
        )
        total = ops.sum(losses * (on_objects if self.positives_only else used))
        return {"mrcnn_attribute_loss": total / ops.maximum(ops.sum(on_objects), 1.0)}

    def describe(self, outputs, class_ids):
        return {
            "attribute_scores": ops.sigmoid(
                self._of_class(outputs["logits"], class_ids)[..., : self.num_attributes]
            )
        }

    def _of_class(self, logits, class_ids):
        """(B, N, T, K) logits and (B, N) class ids -> (B, N, T); without classes as they are."""
        if self.num_classes is None:
            return logits
        return ops.sum(
            logits * ops.one_hot(class_ids, self.num_classes, dtype="float32")[..., None, :],
            axis=-1,
        )
