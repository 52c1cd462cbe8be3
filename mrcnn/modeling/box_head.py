"""BoxHead: which class does a roi show, and where exactly is the object?"""

import keras
from keras import layers, ops

from mrcnn.modeling.convolutions import CoveringConv2D
from mrcnn.modeling.normalization import BatchNorm
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.ops.boxes import encode
from mrcnn.ops.losses import smooth_l1, softmax_cross_entropy


class BoxHead(RoIHead):
    """Two fully connected layers, then class logits and one set of deltas for each class (Mask R-CNN, fig. 4 right, FPN).

    call: (B, N, pool, pool, C) -> "logits" (B, N, K), "deltas" (B, N, K, 4), "features" (B, N, hidden); the first two float32.
    """

    loss_names = ("mrcnn_class_loss", "mrcnn_bbox_loss")

    def __init__(self, num_classes, hidden, pool_size, std, update_statistics=False, **kwargs):
        super().__init__(**kwargs)
        self.num_classes, self.hidden, self.pool_size, self.std = (
            num_classes,
            hidden,
            pool_size,
            std,
        )
        self.conv1 = CoveringConv2D(hidden, pool_size, name="mrcnn_class_conv1")
        self.bn1 = BatchNorm(update_statistics, name="mrcnn_class_bn1")
        self.conv2 = CoveringConv2D(hidden, 1, name="mrcnn_class_conv2")
        self.bn2 = BatchNorm(update_statistics, name="mrcnn_class_bn2")
        # Fast R-CNN, §2.3: a fresh head starts unsure of the class and moves no box.
        # Both in float32 whatever the policy: rounded to bfloat16, scores of different boxes would tie.
        self.classify = layers.Dense(
            num_classes,
            kernel_initializer=_normal(0.01),
            dtype="float32",
            name="mrcnn_class_logits",
        )
        self.regress = layers.Dense(
            4 * num_classes,
            kernel_initializer=_normal(0.001),
            dtype="float32",
            name="mrcnn_bbox_fc",
        )

    def call(self, inputs, training=False, used=None):
        n = inputs.shape[1]
        x = ops.reshape(inputs, (-1, *inputs.shape[2:]))
        x = ops.relu(self.bn1(self.conv1(x), training=training, used=used))
        x = ops.relu(self.bn2(self.conv2(x), training=training, used=used))
        features = ops.reshape(x, (-1, n, self.hidden))
        return {
            "logits": self.classify(features),
            "deltas": ops.reshape(self.regress(features), (-1, n, self.num_classes, 4)),
            "features": features,
        }

    def compute_losses(self, outputs, samples):
        class_ids = samples.gather("gt_class_ids") * ops.cast(samples.is_positive, "int32")
        of_class = ops.one_hot(class_ids, self.num_classes, dtype="float32")[..., None]
        deltas = ops.sum(outputs["deltas"] * of_class, axis=2)
        targets = encode(samples.gather("gt_boxes"), samples.rois, self.std)
        return {
            "mrcnn_class_loss": softmax_cross_entropy(
                outputs["logits"], class_ids, _can_be_judged(outputs["logits"], samples)
            ),
            "mrcnn_bbox_loss": smooth_l1(deltas, targets, samples.is_positive),
        }

    def describe(self, outputs, class_ids):
        return {}


def _can_be_judged(logits, samples):
    """(B, R) float32: the rois that count. Where an image's source does not label a class, a roi taken for it may be right."""
    labelled = samples.ground_truth.get("active_class_ids")
    if labelled is None:
        return samples.used
    predicted = ops.argmax(ops.stop_gradient(logits), axis=-1)
    return samples.used * ops.take_along_axis(
        ops.cast(labelled, "float32"), ops.cast(predicted, "int32"), axis=1
    )


def _normal(stddev):
    return keras.initializers.RandomNormal(stddev=stddev)
