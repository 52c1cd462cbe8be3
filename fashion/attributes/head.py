"""AttributeHead: which of T attributes an object has, a sigmoid for each."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers, ops

from fashion.attributes.bodies import CELLS, MLP, Attention, Conv, Linear
from fashion.attributes.losses import EMPTY, ROIS, AttributeLoss, targets_of
from fashion.config import CHOICES
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.typing import Tensor

BODIES = CHOICES["ATTRIBUTE_HEAD"]


@keras.saving.register_keras_serializable(package="fashion")
class AttributeHead(RoIHead):
    """Predicts attributes from what its body makes of a RoI.

    Trained on the column gt_attributes `(B, M, T)`, 0 or 1. Describes detections by
    "attribute_scores" `(B, N, T)`, 0..1. The layer names of the linear head are those of AR-fan's
    fork of Matterport's code.

    Args:
        num_attributes: T, at least 2.
        body: "linear" or "mlp" on the features of the box head, "conv" or "attention" on cells of
            the RoI; see `bodies`.
        hidden: Width of "mlp" and "conv".
        channels: Filters of "conv" and "attention".
        num_classes: K, with the background: T outputs for each class. Those of the ground-truth
            class are trained, those of the predicted class are read. None: one set for all classes.
        groups: `(T,)` int from 0, the group of each attribute, for "attention".
        loss: The loss, or the dict of its attributes.
        rois: RoIs that are trained on: "positives" (RoIs on objects) or "all" (background RoIs
            have no attributes; with `num_classes` they train the background's outputs, which are
            never read). The loss is divided by the number of RoIs on objects in both cases, so
            that these have equal weight (as in Lin et al., "Focal Loss", 2017, section 4.1).
        empty: What objects without attributes mean, see `losses.targets_of`.
        update_statistics: Whether training updates the statistics of "conv"'s batch normalisation.
        **kwargs: As of `keras.layers.Layer`.

    Input:
        `(B, N, F)` or `(B, N, CELLS, CELLS, C)`, as the body reads.

    Output:
        "logits" `(B, N, T)` float32, or `(B, N, T, K)`; T + 1 for `empty="background"`.

    Raises:
        ValueError: If an argument is none of its choices.
    """

    loss_names = ("mrcnn_attribute_loss",)

    def __init__(
        self,
        num_attributes: int,
        body: str = "linear",
        *,
        hidden: int = 1024,
        channels: int = 256,
        num_classes: int | None = None,
        groups: Sequence[int] | None = None,
        loss: AttributeLoss | Mapping[str, Any] | None = None,
        rois: str = "positives",
        empty: str = "none",
        update_statistics: bool = False,
        name: str = "attribute_head",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if num_attributes < 2:
            raise ValueError(
                f"An attribute head needs at least 2 attributes. Got {num_attributes}; leave the "
                "head out instead."
            )
        _check_choices(body=body, rois=rois, empty=empty)
        self.num_attributes, self.num_classes, self.empty = num_attributes, num_classes, empty
        # From a config the loss is a dict.
        self.loss = AttributeLoss(**loss) if isinstance(loss, Mapping) else loss or AttributeLoss()
        self.positives_only = rois == "positives"
        self.outputs = num_attributes + (empty == "background")
        self.groups = _groups(groups, self.outputs, num_attributes) if body == "attention" else None
        self.body = self._body_layer(body, hidden, channels, update_statistics)
        self.reads, self.pool_size = self.body.reads, CELLS
        self.logits = self._logits_layer(channels)
        self._arguments = {
            "num_attributes": num_attributes,
            "body": body,
            "hidden": hidden,
            "channels": channels,
            "num_classes": num_classes,
            "groups": None if groups is None else [*map(int, groups)],
            "loss": dataclasses.asdict(self.loss),
            "rois": rois,
            "empty": empty,
            "update_statistics": update_statistics,
        }

    def _body_layer(
        self, body: str, hidden: int, channels: int, update_statistics: bool
    ) -> keras.layers.Layer:
        named: dict[str, Any] = {"name": "mrcnn_attribute_body", "dtype": self.dtype_policy}
        if self.groups:
            return Attention(max(self.groups) + 1, channels, **named)
        if body == "conv":
            return Conv(hidden, channels, update_statistics, **named)
        return MLP(hidden, **named) if body == "mlp" else Linear(**named)

    def _logits_layer(self, channels: int) -> keras.layers.Layer:
        """The last layer: one kernel, or one for each attribute's vector of an attention body."""
        # At first every attribute is as likely as one in T (Attribute-Mask R-CNN, Jia et al. 2020).
        prior = keras.initializers.Constant(-math.log(self.num_attributes - 1))
        sets = self.num_classes or 1
        if not self.groups:
            return layers.Dense(
                self.outputs * sets,
                bias_initializer=prior,
                dtype="float32",
                name="mrcnn_attribute_logits",
            )
        limit = math.sqrt(6.0 / (channels + sets))  # Glorot's, for the matrix of one attribute
        return layers.EinsumDense(
            "bntf,tfk->bntk",
            (None, self.outputs, sets),
            bias_axes="tk",
            bias_initializer=prior,
            kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
            dtype="float32",
            name="mrcnn_attribute_logits",
        )

    def call(
        self, inputs: Tensor, training: bool = False, valid: Tensor | None = None
    ) -> dict[str, Tensor]:
        x = self.body(inputs, training=training, valid=valid)
        if self.groups:
            x = ops.take(x, self.groups, axis=2)  # the vector of every attribute: (B, N, T, F)
        shape: tuple[int, ...] = (-1, inputs.shape[1], self.outputs)
        if self.num_classes is not None:
            shape = (*shape, self.num_classes)
        return {"logits": ops.reshape(self.logits(x), shape)}

    def compute_losses(
        self, outputs: Mapping[str, Tensor], samples: RoISamples
    ) -> dict[str, Tensor]:
        """Computes the loss of the attributes.

        Args:
            outputs: The output of `call` at the RoIs of `samples`.
            samples: The RoIs that the head is trained on.

        Returns:
            `{"mrcnn_attribute_loss": scalar}`, divided by the number of RoIs on objects.
        """
        targets, valid = targets_of(samples, self.empty)
        class_ids = None
        if self.num_classes:
            class_ids = samples.gather("gt_class_ids") * ops.cast(samples.is_positive, "int32")
        losses = self.loss(self._of_class(outputs["logits"], class_ids), targets)
        on_objects = valid * samples.is_positive
        total = ops.sum(losses * (on_objects if self.positives_only else valid))
        return {"mrcnn_attribute_loss": total / ops.maximum(ops.sum(on_objects), 1.0)}

    def describe(self, outputs: Mapping[str, Tensor], class_ids: Tensor) -> dict[str, Tensor]:
        """Describes detections.

        Args:
            outputs: The output of `call` at the detections.
            class_ids: `(B, N)` int32, predicted classes.

        Returns:
            `{"attribute_scores": (B, N, T)}` float32, 0..1.
        """
        logits = self._of_class(outputs["logits"], class_ids)
        return {"attribute_scores": ops.sigmoid(logits[..., : self.num_attributes])}

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | dict(self._arguments)

    def _of_class(self, logits: Tensor, class_ids: Tensor | None) -> Tensor:
        """(B, N, T, K) logits -> (B, N, T) of one class; without classes unchanged."""
        if self.num_classes is None:
            return logits
        chosen = ops.one_hot(class_ids, self.num_classes, dtype="float32")
        return ops.sum(logits * chosen[..., None, :], axis=-1)


def _check_choices(**values: str) -> None:
    choices = {"body": BODIES, "rois": ROIS, "empty": EMPTY}
    for what, value in values.items():
        if value not in choices[what]:
            raise ValueError(
                f"{what} of an attribute head is one of {', '.join(choices[what])}. Got {value!r}."
            )


def _groups(groups: Sequence[int] | None, outputs: int, num_attributes: int) -> list[int]:
    """The group of every output; the output for "no attributes" is a group of its own."""
    if groups is None or len(groups) != num_attributes:
        raise ValueError(
            f"The attention body needs a group for each of {num_attributes} attributes. Got "
            f"{groups!r}."
        )
    return [*map(int, groups), *[max(groups) + 1] * (outputs - num_attributes)]
