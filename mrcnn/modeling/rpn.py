"""Region proposal network (RPN): scores anchors and turns the best into region proposals.

Ren et al., "Faster R-CNN", 2015, section 3. Shapes: B images, A anchors, S sampled anchors, P
proposals, M padded ground-truth objects. Boxes are yxyx, float32, in pixels of the network input.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

from mrcnn.ops import boxes as box_ops
from mrcnn.ops.losses import smooth_l1, softmax_cross_entropy
from mrcnn.ops.matching import IGNORE, POSITIVE, match, touches_crowd
from mrcnn.ops.nms import non_max_suppression
from mrcnn.ops.patches import locate, patches_at
from mrcnn.ops.pixel_convention import ALIGNED, PixelConvention
from mrcnn.ops.sampling import sample
from mrcnn.typing import Tensor, Tensors

# Faster R-CNN, section 3.1.2. Anchors between the two thresholds are ignored.
NEGATIVE_BELOW_IOU = 0.3
POSITIVE_FROM_IOU = 0.7


@dataclass(frozen=True)
class RPNSettings:
    """Anchors, and what is done with them. Lengths are in pixels of the network input.

    Attributes:
        strides: Pixels per cell of each pyramid level, finest first.
        anchor_scales: Side of the square anchor of each level, or one for each ratio.
        anchor_ratios: Width over height of the anchors of a cell.
        anchor_stride: Cells between two anchors.
        std: Standard deviations that deltas are divided by.
        pre_nms: Anchors that enter suppression.
        post_nms_training: Proposals kept for each image in training.
        post_nms_inference: Proposals kept for each image in inference.
        nms_threshold: IoU from which a proposal is suppressed by a better one.
        num_samples: Anchors sampled for each image in training.
    """

    # The defaults are Matterport's.
    strides: tuple[int, ...] = (4, 8, 16, 32, 64)
    anchor_scales: tuple = (32, 64, 128, 256, 512)
    anchor_ratios: tuple[float, ...] = (0.5, 1, 2)
    anchor_stride: int = 1
    std: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2)
    pre_nms: int = 6000
    post_nms_training: int = 2000
    post_nms_inference: int = 1000
    nms_threshold: float = 0.7
    num_samples: int = 256


@keras.saving.register_keras_serializable(package="mrcnn")
class RPNHead(keras.layers.Layer):
    """Predicts objectness logits and box deltas for every anchor of a feature pyramid.

    Args:
        channels: Filters of the shared 3x3 convolution.
        anchors_per_cell: Anchors at each cell, that is, the number of aspect ratios.
        anchor_stride: Cells between two anchors; 1 places anchors at every cell.
        **kwargs: As of `keras.layers.Layer`.

    Input:
        Feature maps `[P2, ..., P6]`, each `(B, H, W, C)`.

    Output:
        `{"logits": (B, A, 2), "deltas": (B, A, 4)}`, both float32. Logits are (background,
        object). Anchors are ordered as in `ops.anchors.pyramid_anchors`.
    """

    def __init__(
        self,
        channels: int = 512,
        anchors_per_cell: int = 3,
        anchor_stride: int = 1,
        *,
        name: str = "rpn",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.channels = channels
        self.anchors_per_cell = anchors_per_cell
        self.anchor_stride = anchor_stride
        # Small initial weights start every anchor near a score of 0.5 (Faster R-CNN, section 3.3).
        small = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.01)}
        self.shared = layers.Conv2D(
            channels,
            3,
            anchor_stride,
            "same",
            activation="relu",
            name="rpn_conv_shared",
            dtype=self.dtype_policy,
            **small,
        )
        # Always float32: in bfloat16 (8 bits of mantissa) the scores of many anchors would tie.
        self.classify = layers.Conv2D(
            2 * anchors_per_cell, 1, name="rpn_class_raw", dtype="float32", **small
        )
        self.regress = layers.Conv2D(
            4 * anchors_per_cell, 1, name="rpn_bbox_pred", dtype="float32", **small
        )

    def call(self, pyramid: Sequence[Tensor]) -> dict[str, Tensor]:
        hidden = [self.shared(p) for p in pyramid]
        logits = [_per_anchor(self.classify(h), h, self.anchors_per_cell, 2) for h in hidden]
        deltas = [_per_anchor(self.regress(h), h, self.anchors_per_cell, 4) for h in hidden]
        return {
            "logits": ops.concatenate(logits, axis=1),
            "deltas": ops.concatenate(deltas, axis=1),
        }

    def at(self, pyramid: Sequence[Tensor], index: Tensor) -> dict[str, Tensor]:
        """Computes what `call` returns at some of the anchors.

        The losses read 256 of about 65,000 anchors, so the gradient at all other cells is zero.
        With the sampled cells computed from their patches, the dense layers need no backward pass,
        which was a sixth of a training step.

        Args:
            pyramid: As the input of `call`.
            index: `(B, S)` int32 into the A anchors.

        Returns:
            "logits" `(B, S, 2)` and "deltas" `(B, S, 4)`, float32.
        """
        stride, slots = self.anchor_stride, self.anchors_per_cell
        grids = [(-(-p.shape[1] // stride), -(-p.shape[2] // stride)) for p in pyramid]
        level, row, column, slot = locate(index, grids, slots)
        dtype = self.shared.compute_dtype
        pyramid = [ops.cast(p, dtype) for p in pyramid]
        patches = patches_at(pyramid, level, row, column, size=3, stride=stride)
        kernel = ops.cast(ops.convert_to_tensor(self.shared.kernel), dtype)
        rows = ops.reshape(patches, (-1, kernel.shape[0] * kernel.shape[1] * kernel.shape[2]))
        hidden = ops.matmul(rows, ops.reshape(kernel, (rows.shape[1], self.shared.filters)))
        hidden = ops.cast(ops.relu(ops.add(hidden, ops.cast(self.shared.bias, dtype))), "float32")

        def of_slot(layer, numbers):
            kernel = ops.reshape(ops.cast(layer.kernel, "float32"), (hidden.shape[1], -1))
            outputs = ops.add(ops.matmul(hidden, kernel), ops.cast(layer.bias, "float32"))
            outputs = ops.reshape(outputs, (-1, index.shape[1], slots, numbers))
            return ops.take_along_axis(outputs, slot[..., None, None], axis=2)[:, :, 0]

        return {"logits": of_slot(self.classify, 2), "deltas": of_slot(self.regress, 4)}

    def get_config(self) -> dict[str, Any]:
        own = {
            "channels": self.channels,
            "anchors_per_cell": self.anchors_per_cell,
            "anchor_stride": self.anchor_stride,
        }
        return super().get_config() | own


def propose(
    logits: Tensor,
    deltas: Tensor,
    anchors: Tensor,
    *,
    std: Sequence[float],
    pre_nms: int,
    post_nms: int,
    iou_threshold: float,
    window: Tensor,
    convention: PixelConvention = ALIGNED,
) -> tuple[Tensor, Tensor]:
    """Decodes, clips and suppresses the top-scoring anchors into region proposals.

    Args:
        logits: `(B, A, 2)` float32, (background, object).
        deltas: `(B, A, 4)` float32, divided by `std`.
        anchors: `(A, 4)` float32, yxyx, as `convention` measures them.
        std: Standard deviations that the deltas were divided by.
        pre_nms: Anchors that enter suppression, counted over all pyramid levels together as in
            Matterport's code; Detectron2 takes this many from each level.
        post_nms: Proposals returned for each image.
        iou_threshold: Proposals that overlap a better one by more than this are dropped.
        window: `(4,)` yxyx, the image that proposals are clipped to, measured as the anchors.
        convention: Says which boxes are empty.

    Returns:
        boxes: `(B, post_nms, 4)` float32, yxyx, zeros where not valid. No gradient flows back.
        valid: `(B, post_nms)` bool.
    """
    # Ranked by the difference of logits: a sigmoid would round the most confident anchors to 1.
    objectness = logits[..., 1] - logits[..., 0]
    scores, index = ops.top_k(objectness, min(pre_nms, objectness.shape[1]))
    deltas = ops.take_along_axis(deltas, index[..., None], axis=1)
    boxes = box_ops.decode(deltas, ops.take(anchors, index, axis=0), std)
    boxes = box_ops.clip(boxes, window)
    valid = convention.is_nonempty(boxes)
    kept, valid = non_max_suppression(
        boxes, scores, valid, iou_threshold=iou_threshold, max_outputs=post_nms
    )
    # `where`, not a product: 0 * NaN is NaN, and a diverged network would fail later with an
    # unrelated index error.
    boxes = ops.where(valid[..., None], ops.take_along_axis(boxes, kept[..., None], axis=1), 0.0)
    return ops.stop_gradient(boxes), valid


def rpn_targets(
    anchors: Tensor,
    gt_boxes: Tensor,
    gt_class_ids: Tensor,
    seed: Tensor,
    *,
    num_samples: int,
    std: Sequence[float],
) -> dict[str, Tensor]:
    """Samples anchors for training and computes their targets.

    An anchor is positive from `POSITIVE_FROM_IOU` on, or if it is the best anchor of an object;
    negative below `NEGATIVE_BELOW_IOU`. At most half of the samples are positive.

    Args:
        anchors: `(A, 4)` float32, yxyx.
        gt_boxes: `(B, M, 4)` float32, yxyx.
        gt_class_ids: `(B, M)` int32; 0 is padding, negative ids are crowds.
        seed: `(B,)` int32, makes the sample a function of the batch.
        num_samples: Anchors sampled for each image.
        std: Standard deviations to divide the deltas by.

    Returns:
        `index` `(B, num_samples)` int32 into A; `label` `(B, num_samples)` int32, one of IGNORE,
        NEGATIVE, POSITIVE; `deltas` `(B, num_samples, 4)` float32, meaningful where POSITIVE.
    """
    batch = ops.shape(gt_boxes)[0]
    iou = box_ops.pairwise_iou(ops.broadcast_to(anchors[None], (batch, *anchors.shape)), gt_boxes)
    is_crowd = ops.less(gt_class_ids, 0)
    label, gt_index = match(
        iou,
        ops.greater(gt_class_ids, 0),
        negative_below=NEGATIVE_BELOW_IOU,
        positive_from=POSITIVE_FROM_IOU,
        allow_low_quality_matches=True,
        on_crowd=touches_crowd(iou, box_ops.area(anchors), box_ops.area(gt_boxes), is_crowd),
    )
    # Half positives, half negatives, as in Faster R-CNN, section 3.1.3.
    num_samples = min(num_samples, label.shape[1])  # small images have fewer anchors
    index, label = sample(label, seed, num_samples=num_samples, max_positives=num_samples // 2)
    gt_index = ops.take_along_axis(gt_index, index, axis=1)
    matched_boxes = ops.take_along_axis(gt_boxes, gt_index[..., None], axis=1)
    deltas = box_ops.encode(matched_boxes, ops.take(anchors, index, axis=0), std)
    return {"index": index, "label": label, "deltas": deltas}


def rpn_losses(outputs: Tensors, targets: Tensors) -> dict[str, Tensor]:
    """Computes the classification and box losses of the sampled anchors.

    Args:
        outputs: "logits" `(B, S, 2)` and "deltas" `(B, S, 4)` at the sampled anchors, see
            `RPNHead.at`.
        targets: The result of `rpn_targets`.

    Returns:
        Scalars `rpn_class_loss`, the mean over sampled anchors, and `rpn_bbox_loss`, the mean over
        positive ones (Matterport's rule; Detectron2 divides by all samples). Both are 0 if there
        are none.
    """
    label = targets["label"]
    is_positive = ops.cast(ops.equal(label, POSITIVE), "float32")
    is_sampled = ops.cast(ops.not_equal(label, IGNORE), "float32")
    is_object = ops.cast(is_positive, "int32")
    return {
        "rpn_class_loss": softmax_cross_entropy(outputs["logits"], is_object, is_sampled),
        "rpn_bbox_loss": smooth_l1(outputs["deltas"], targets["deltas"], is_positive),
    }


def _per_anchor(outputs, hidden, anchors_per_cell, numbers):
    # The grid is static, so the number of anchors is too: XLA needs fixed shapes.
    anchors = hidden.shape[1] * hidden.shape[2] * anchors_per_cell
    return ops.reshape(outputs, (-1, anchors, numbers))
