"""BoxHead: the class of each RoI, and the exact box of its object."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from mrcnn.modeling.convolutions import CoveringConv2D
from mrcnn.modeling.normalization import BatchNorm
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.ops.boxes import decode, encode
from mrcnn.ops.losses import iou_loss, seesaw_shift, smooth_l1, softmax_cross_entropy
from mrcnn.typing import Tensor, Tensors


@keras.saving.register_keras_serializable(package="mrcnn")
class BoxHead(RoIHead):
    """Two fully connected layers, then class logits and one set of deltas for each class.

    Mask R-CNN (He et al. 2017), figure 4 right, with an FPN.

    Args:
        num_classes: K, with the background as class 0.
        hidden: Width of the two layers.
        pool_size: Cells along each side of the pooled features.
        std: Standard deviations that deltas are divided by.
        update_statistics: Whether training updates the statistics of batch normalisation.
        label_smoothing: Share of a RoI's class that is spread over all classes in training.
        box_loss: "smooth_l1" of the deltas (the paper's), or "giou" or "ciou" of the boxes.
        seesaw: (mitigation, compensation) of Seesaw loss; None for a plain cross-entropy.
        class_counts: K numbers of objects in the training data, which Seesaw loss needs.
        stage: Of a cascade, see `cascade`; from the second on, names of layers and losses end in
            it.
        class_agnostic: Whether all classes share one set of deltas.
        **kwargs: As of `keras.layers.Layer`.

    Input:
        `(B, N, pool_size, pool_size, C)`.

    Output:
        "logits" `(B, N, K)` and "deltas" `(B, N, K, 4)`, float32; "features" `(B, N, hidden)`. The
        K of "deltas" is 1 if all classes share them.
    """

    loss_names = ("mrcnn_class_loss", "mrcnn_bbox_loss")

    def __init__(
        self,
        num_classes: int,
        hidden: int = 1024,
        pool_size: int = 7,
        std: Sequence[float] = (0.1, 0.1, 0.2, 0.2),
        update_statistics: bool = False,
        label_smoothing: float = 0.0,
        box_loss: str = "smooth_l1",
        seesaw: Sequence[float] | None = None,
        class_counts: Sequence[float] | None = None,
        stage: int = 1,
        class_agnostic: bool = False,
        *,
        name: str = "box_head",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.num_classes, self.hidden, self.pool_size = num_classes, hidden, pool_size
        self.std, self.update_statistics = tuple(std), update_statistics
        self.label_smoothing, self.box_loss = label_smoothing, box_loss
        self.seesaw, self.class_counts = seesaw and tuple(seesaw), class_counts
        self.stage, self.class_agnostic = stage, class_agnostic
        if self.seesaw and (class_counts is None or len(class_counts) != num_classes):
            raise ValueError(
                f"Seesaw loss needs the number of objects of each of the {num_classes} classes, "
                f"the background first. Got {class_counts!r} as CLASS_COUNTS."
            )
        self._make_layers()

    def _make_layers(self):
        hidden, dtype = self.hidden, {"dtype": self.dtype_policy}
        suffix = "" if self.stage == 1 else f"_stage{self.stage}"
        self.loss_names = tuple(name + suffix for name in BoxHead.loss_names)
        self.conv1 = CoveringConv2D(
            hidden, self.pool_size, name=f"mrcnn_class_conv1{suffix}", **dtype
        )
        self.bn1 = BatchNorm(self.update_statistics, name=f"mrcnn_class_bn1{suffix}", **dtype)
        self.conv2 = CoveringConv2D(hidden, 1, name=f"mrcnn_class_conv2{suffix}", **dtype)
        self.bn2 = BatchNorm(self.update_statistics, name=f"mrcnn_class_bn2{suffix}", **dtype)
        # Fast R-CNN, section 2.3: a fresh head favours no class and moves no box.
        # Always float32: rounded to bfloat16, scores of different boxes would tie.
        self.classify = layers.Dense(
            self.num_classes,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
            dtype="float32",
            name=f"mrcnn_class_logits{suffix}",
        )
        self.regress = layers.Dense(
            4 if self.class_agnostic else 4 * self.num_classes,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
            dtype="float32",
            name=f"mrcnn_bbox_fc{suffix}",
        )

    def call(
        self, inputs: Tensor, training: bool = False, valid: Tensor | None = None
    ) -> dict[str, Tensor]:
        n = inputs.shape[1]
        x = ops.reshape(inputs, (-1, *inputs.shape[2:]))
        x = ops.relu(self.bn1(self.conv1(x), training=training, valid=valid))
        x = ops.relu(self.bn2(self.conv2(x), training=training, valid=valid))
        features = ops.reshape(x, (-1, n, self.hidden))
        return {
            "logits": self.classify(features),
            "deltas": ops.reshape(self.regress(features), (-1, n, self.regress.units // 4, 4)),
            "features": features,
        }

    def compute_losses(self, outputs: Tensors, samples: RoISamples) -> dict[str, Tensor]:
        """Computes the classification loss of all RoIs and the box loss of the positive ones.

        Args:
            outputs: The output of `call` at the RoIs.
            samples: The RoIs.

        Returns:
            Scalars "mrcnn_class_loss" and "mrcnn_bbox_loss", in a cascade with the stage behind the
            name. The second is a mean over positive
            RoIs, Matterport's rule; Detectron2 divides by all of them.
        """
        # Negatives are matched with an object too, that of their best IoU; their class is 0.
        class_ids = samples.gather("gt_class_ids") * ops.cast(samples.is_positive, "int32")
        deltas = self._of_class(outputs["deltas"], class_ids)
        weights = _class_loss_weights(outputs["logits"], samples)
        logits = outputs["logits"]
        if self.seesaw:
            counts = ops.convert_to_tensor(self.class_counts, dtype="float32")
            logits = logits + seesaw_shift(logits, class_ids, counts, *self.seesaw)
        class_loss = softmax_cross_entropy(logits, class_ids, weights, self.label_smoothing)
        of_names = class_loss, self._box_loss(deltas, samples)
        return dict(zip(self.loss_names, of_names, strict=True))

    def refine(self, outputs: Tensors, boxes: Tensor) -> Tensor:
        """Moves RoIs by the deltas of the object class that scores highest.

        Args:
            outputs: The output of `call` at the RoIs.
            boxes: `(B, N, 4)` float32, yxyx, the RoIs.

        Returns:
            `(B, N, 4)` float32, yxyx, not clipped. The class is the predicted one also in training,
            so that later stages are trained on boxes like those of a prediction.
        """
        best = ops.cast(ops.argmax(outputs["logits"][..., 1:], axis=-1), "int32") + 1
        return decode(self._of_class(outputs["deltas"], best), boxes, self.std)

    def _of_class(self, deltas, class_ids):
        """The deltas of one class for each RoI, (B, N, 4)."""
        if self.class_agnostic:
            return deltas[:, :, 0]
        of_class = ops.one_hot(class_ids, self.num_classes, dtype="float32")[..., None]
        return ops.sum(deltas * of_class, axis=2)

    def _box_loss(self, deltas, samples):
        boxes = samples.gather("gt_boxes")
        if self.box_loss == "smooth_l1":
            return smooth_l1(deltas, encode(boxes, samples.rois, self.std), samples.is_positive)
        predicted = decode(deltas, samples.rois, self.std)
        return iou_loss(predicted, boxes, samples.is_positive, self.box_loss)

    def describe(self, outputs: Tensors, class_ids: Tensor) -> dict[str, Tensor]:
        """Returns no fields: the detections are made of this head's outputs.

        Args:
            outputs: As of `RoIHead.describe`.
            class_ids: As of `RoIHead.describe`.

        Returns:
            An empty dict.
        """
        return {}

    def get_config(self) -> dict[str, Any]:
        own = {
            "num_classes": self.num_classes,
            "hidden": self.hidden,
            "pool_size": self.pool_size,
            "std": list(self.std),
            "update_statistics": self.update_statistics,
            "label_smoothing": self.label_smoothing,
            "box_loss": self.box_loss,
            "seesaw": self.seesaw,
            "class_counts": self.class_counts,
            "stage": self.stage,
            "class_agnostic": self.class_agnostic,
        }
        return super().get_config() | own


def _class_loss_weights(logits, samples):
    """(B, R) float32: 0 on padding, and where the predicted class is not annotated in its source.

    There the prediction may be correct.
    """
    annotated = samples.ground_truth.get("active_class_ids")
    if annotated is None:
        return samples.valid
    # Matterport's rule: a RoI counts if its image is annotated with the class that is predicted.
    predicted = ops.argmax(ops.stop_gradient(logits), axis=-1)
    return samples.valid * ops.take_along_axis(
        ops.cast(annotated, "float32"), ops.cast(predicted, "int32"), axis=1
    )
