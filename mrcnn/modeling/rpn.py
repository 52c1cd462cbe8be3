"""RPN: where in the image could an object be, whatever it is?"""

import keras
from keras import layers, ops

from mrcnn.ops import boxes as box_ops
from mrcnn.ops.losses import smooth_l1, softmax_cross_entropy
from mrcnn.ops.matching import IGNORE, POSITIVE, match, touches_crowd
from mrcnn.ops.nms import non_max_suppression
from mrcnn.ops.patches import locate, patches_at
from mrcnn.ops.pixel_convention import ALIGNED
from mrcnn.ops.sampling import sample


class RPNHead(keras.layers.Layer):
    """Scores and deltas of every anchor (Ren et al. 2015): [P2..P6] -> logits (B, A, 2), deltas (B, A, 4), float32.

    Logits are (background, object). The order of anchors is that of `ops.anchors.pyramid_anchors`.
    """

    def __init__(self, channels, anchors_per_cell, cell_step=1, **kwargs):
        super().__init__(**kwargs)
        # Faster R-CNN, §3.3: small weights, so that a fresh head is unsure rather than wrong.
        small = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.01)}
        self.shared = layers.Conv2D(
            channels, 3, cell_step, "same", activation="relu", name="rpn_conv_shared", **small
        )
        # In float32 whatever the policy: rounded to bfloat16, scores of different boxes would tie.
        self.classify = layers.Conv2D(
            2 * anchors_per_cell, 1, name="rpn_class_raw", dtype="float32", **small
        )
        self.regress = layers.Conv2D(
            4 * anchors_per_cell, 1, name="rpn_bbox_pred", dtype="float32", **small
        )

    def call(self, pyramid):
        hidden = [self.shared(p) for p in pyramid]
        logits = [
            ops.reshape(self.classify(h), (-1, _anchors(h, self.classify, 2), 2)) for h in hidden
        ]
        deltas = [
            ops.reshape(self.regress(h), (-1, _anchors(h, self.regress, 4), 4)) for h in hidden
        ]
        return {
            "logits": ops.concatenate(logits, axis=1),
            "deltas": ops.concatenate(deltas, axis=1),
        }

    def at(self, pyramid: list, index) -> dict:
        """What `call` returns, at some of the anchors.

        The losses read 256 of some 65,000 anchors, so the gradient at all other cells is zero. With the
        sampled cells computed from their patches, the dense layers need no backward pass, which was a
        sixth of a training step.

        Args:
            pyramid: P2.., each (B, H, W, C).
            index: `(B, S)` int32, into the A anchors.

        Returns:
            "logits" `(B, S, 2)` and "deltas" `(B, S, 4)`, float32.
        """
        step, slots = self.shared.strides[0], self.classify.filters // 2
        grids = [(-(-p.shape[1] // step), -(-p.shape[2] // step)) for p in pyramid]
        level, row, column, slot = locate(index, grids, slots)
        dtype = self.shared.compute_dtype
        pyramid = [ops.cast(p, dtype) for p in pyramid]
        patches = patches_at(pyramid, level, row, column, size=3, step=step)
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


def propose(
    logits, deltas, anchors, *, std, pre_nms, post_nms, iou_threshold, window, convention=ALIGNED
):
    """The regions worth a second look: the best anchors, moved, clipped to the image and thinned out.

    logits: (B, A, 2), deltas: (B, A, 4), anchors: (A, 4) yxyx; pre_nms, post_nms: how many to consider and to keep; window: (4,)
    yxyx, the image; convention: "corners" if anchors and window are by corner pixels, see `ops.boxes`
    Returns: boxes (B, post_nms, 4) yxyx, in the frame of the anchors; valid (B, post_nms) bool. No gradient flows through.
    """
    objectness = logits[..., 1] - logits[..., 0]
    scores, index = ops.top_k(objectness, min(pre_nms, objectness.shape[1]))
    deltas = ops.take_along_axis(deltas, index[..., None], axis=1)
    boxes = box_ops.decode(deltas, ops.take(anchors, index, axis=0), std)
    boxes = box_ops.clip(boxes, window)
    valid = convention.is_nonempty(boxes)
    # Scores only order the boxes; a sigmoid would tie the confident ones at 1.
    kept, valid = non_max_suppression(
        boxes, scores, valid, iou_threshold=iou_threshold, count=post_nms
    )
    # Not by a product: 0 times NaN is NaN, and a network that has diverged would end in an error about some index.
    boxes = ops.where(valid[..., None], ops.take_along_axis(boxes, kept[..., None], axis=1), 0.0)
    return ops.stop_gradient(boxes), valid


def rpn_targets(anchors, gt_boxes, gt_class_ids, seed, *, count, std):
    """What the RPN should have said of a sample of the anchors.

    anchors: (A, 4) and gt_boxes: (B, M, 4) yxyx, pixels of the network input; gt_class_ids: (B, M) int32, 0 for padding, negative for
    crowds; seed: (B,) int32; count: anchors sampled an image, half of them positive at most. An anchor is positive from IoU 0.7 on or
    as the best of an object, negative below 0.3 (Ren et al. 2015, §3.1.2).
    Returns: {"index" (B, count) int32 into A, "label" (B, count) int32 of IGNORE, NEGATIVE, POSITIVE, "deltas" (B, count, 4)}; the
    deltas mean something for POSITIVE anchors.
    """
    iou = box_ops.pairwise_iou(
        ops.broadcast_to(anchors[None], (ops.shape(gt_boxes)[0], *anchors.shape)), gt_boxes
    )
    label, gt_index = match(
        iou,
        ops.greater(gt_class_ids, 0),
        negative_below=0.3,
        positive_from=0.7,
        keep_best=True,
        on_crowd=touches_crowd(
            iou, box_ops.area(anchors), box_ops.area(gt_boxes), ops.less(gt_class_ids, 0)
        ),
    )
    index, drawn = sample(
        label, seed, count=min(count, label.shape[1]), positives=min(count, label.shape[1]) // 2
    )
    objects = ops.take_along_axis(gt_index, index, axis=1)
    deltas = box_ops.encode(
        ops.take_along_axis(gt_boxes, objects[..., None], axis=1),
        ops.take(anchors, index, axis=0),
        std,
    )
    return {"index": index, "label": drawn, "deltas": deltas}


def rpn_losses(outputs, targets):
    """{"rpn_class_loss", "rpn_bbox_loss"}: mean over the sampled anchors, and over the positive ones among them.

    outputs: {"logits" (B, S, 2), "deltas" (B, S, 4)} at the anchors targets["index"], see `RPNHead.at`; targets: what `rpn_targets`
    returned.
    """
    label = targets["label"]
    is_positive = ops.cast(ops.equal(label, POSITIVE), "float32")
    used = ops.cast(ops.not_equal(label, IGNORE), "float32")
    return {
        "rpn_class_loss": softmax_cross_entropy(
            outputs["logits"], ops.cast(is_positive, "int32"), used
        ),
        "rpn_bbox_loss": smooth_l1(outputs["deltas"], targets["deltas"], is_positive),
    }


def _anchors(feature, conv, numbers):
    return feature.shape[1] * feature.shape[2] * conv.filters // numbers
