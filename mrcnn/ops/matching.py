"""Matching: which object is each box responsible for, and is the match good enough to learn from?"""
from keras import ops

IGNORE, NEGATIVE, POSITIVE = -1, 0, 1


# From this overlap on with a crowd, a box that fits no object may still hold some of the crowd, and is no background.
CROWD_OVERLAP = 1e-3


def match(iou, valid, *, negative_below, positive_from, keep_best, crowd=None):
    """Label every box against the objects of its image.

    iou:   (B, N, M) float32, boxes by objects
    valid: (B, M) bool, which objects are real
    negative_below, positive_from: a box is NEGATIVE if its best IoU is below the first, POSITIVE from the second on
    keep_best: True also makes the best box of every object POSITIVE, if their IoU is not 0 (Faster R-CNN, §3.1.2)
    crowd: (B, M) bool, which objects stand for several (COCO's iscrowd); boxes that overlap one by CROWD_OVERLAP are not NEGATIVE but
        IGNORE
    Returns: label (B, N) int32 of IGNORE, NEGATIVE, POSITIVE; gt_index (B, N) int32, the object of the best IoU.
    An image without objects has only NEGATIVE boxes.
    """
    in_crowd = None if crowd is None else ops.any(ops.logical_and(crowd[:, None, :], iou >= CROWD_OVERLAP), axis=2)
    iou = ops.where(valid[:, None, :], iou, -1.0)
    best, gt_index = (t[..., 0] for t in ops.top_k(iou, 1))
    label = ops.where(best >= positive_from, POSITIVE, ops.where(best < negative_below, NEGATIVE, IGNORE))
    if in_crowd is not None:
        label = ops.where(ops.logical_and(in_crowd, ops.equal(label, NEGATIVE)), IGNORE, label)
    if keep_best:
        best_of_object = ops.max(iou, axis=1, keepdims=True)                           # (B, 1, M)
        # IoU 0 never matches: a degenerate object would otherwise claim every anchor.
        is_best = ops.logical_and(iou >= best_of_object - 1e-6, best_of_object > 1e-6)
        chosen = ops.any(is_best, axis=2)
        label = ops.where(chosen, POSITIVE, label)
        # A box chosen as somebody's best learns that object, even where another overlaps it more.
        own = ops.top_k(ops.where(is_best, iou, -1.0), 1)[1][..., 0]
        gt_index = ops.where(ops.logical_and(chosen, best < positive_from), own, gt_index)
    return ops.cast(label, "int32"), ops.cast(gt_index, "int32")
