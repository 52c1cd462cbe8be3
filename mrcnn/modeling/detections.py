"""Detections: from class scores and deltas of the proposals to a final, fixed-size list of objects."""

from keras import ops

from mrcnn.ops import boxes as box_ops
from mrcnn.ops.nms import non_max_suppression
from mrcnn.ops.pixel_convention import ALIGNED


def select_detections(
    logits,
    deltas,
    proposals,
    valid,
    windows,
    *,
    std,
    min_confidence,
    iou_threshold,
    count,
    all_classes,
    convention=ALIGNED,
):
    """The best detections of every image.

    logits: (B, P, K), deltas: (B, P, K, 4), proposals: (B, P, 4) yxyx, valid: (B, P) bool
    windows: (B, 4) yxyx, where the photo lies in the network input; detections are clipped to it
    all_classes: False takes the best class of a proposal only (Matterport); True every class above `min_confidence` (Detectron)
    convention: "corners" if all boxes are by corner pixels, see `ops.boxes`
    Returns: {"boxes" (B, D, 4) yxyx, "class_ids" (B, D) int32, "scores" (B, D), "valid" (B, D) bool}, D = count, best first;
    padding rows are all zero.
    """
    proposals_count, objects = logits.shape[1], logits.shape[2] - 1
    probabilities = ops.softmax(logits, axis=-1)
    scores = probabilities[..., 1:]
    eligible = ops.logical_and(valid[..., None], scores >= min_confidence)
    if not all_classes:
        best = ops.top_k(probabilities, 1)[1]
        eligible = ops.logical_and(
            eligible, ops.equal(best - 1, ops.arange(objects, dtype="int32"))
        )
    scores = ops.reshape(ops.where(eligible, scores, -1.0), (-1, proposals_count * objects))
    scores, pair = ops.top_k(scores, min(max(proposals_count, count), proposals_count * objects))
    pair = ops.cast(pair, "int32")
    class_ids = pair % objects + 1
    deltas = ops.take_along_axis(
        ops.reshape(deltas[:, :, 1:], (-1, proposals_count * objects, 4)), pair[..., None], axis=1
    )
    boxes = box_ops.decode(
        deltas, ops.take_along_axis(proposals, (pair // objects)[..., None], axis=1), std
    )
    boxes = box_ops.clip(boxes, windows[:, None])
    eligible = ops.logical_and(scores > 0.0, convention.is_nonempty(boxes))
    index, kept = non_max_suppression(
        boxes, scores, eligible, iou_threshold=iou_threshold, count=count, class_ids=class_ids
    )
    return {
        "boxes": ops.take_along_axis(boxes, index[..., None], axis=1)
        * ops.cast(kept, "float32")[..., None],
        "class_ids": ops.take_along_axis(class_ids, index, axis=1) * ops.cast(kept, "int32"),
        "scores": ops.take_along_axis(scores, index, axis=1) * ops.cast(kept, "float32"),
        "valid": kept,
    }
