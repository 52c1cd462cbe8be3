"""Matching: which object is each box responsible for, and is the match good enough to learn from?"""

from keras import ops

IGNORE, NEGATIVE, POSITIVE = -1, 0, 1

# From this share of its area on a crowd, a box that fits no object may still hold some of the
# crowd, and is no background.
CROWD_SHARE = 1e-3


def match(iou, valid, *, negative_below, positive_from, keep_best, on_crowd=None):
    """Label every box against the objects of its image.

    iou:   (B, N, M) float32, boxes by objects
    valid: (B, M) bool, which objects are real
    negative_below, positive_from: a box is NEGATIVE if its best IoU is below the first, POSITIVE from the second on
    keep_best: True also makes the best box of every object POSITIVE, if their IoU is not 0 (Faster R-CNN, §3.1.2)
    on_crowd: (B, N) bool, see `touches_crowd`: these boxes are not NEGATIVE but IGNORE
    Returns: label (B, N) int32 of IGNORE, NEGATIVE, POSITIVE; gt_index (B, N) int32, the object of the best IoU.
    An image without objects has only NEGATIVE boxes.
    """
    iou = ops.where(valid[:, None, :], iou, -1.0)
    best, gt_index = (t[..., 0] for t in ops.top_k(iou, 1))
    label = ops.where(
        best >= positive_from, POSITIVE, ops.where(best < negative_below, NEGATIVE, IGNORE)
    )
    if on_crowd is not None:
        label = ops.where(ops.logical_and(on_crowd, ops.equal(label, NEGATIVE)), IGNORE, label)
    if keep_best:
        best_of_object = ops.max(iou, axis=1, keepdims=True)  # (B, 1, M)
        # IoU 0 never matches: a degenerate object would otherwise claim every anchor.
        is_best = ops.logical_and(iou >= best_of_object - 1e-6, best_of_object > 1e-6)
        chosen = ops.any(is_best, axis=2)
        label = ops.where(chosen, POSITIVE, label)
        # A box chosen as somebody's best learns that object, even where another overlaps it more.
        own = ops.top_k(ops.where(is_best, iou, -1.0), 1)[1][..., 0]
        gt_index = ops.where(ops.logical_and(chosen, best < positive_from), own, gt_index)
    return ops.cast(label, "int32"), ops.cast(gt_index, "int32")


def touches_crowd(iou, box_areas, object_areas, crowd):
    """Which boxes lie on a crowd with CROWD_SHARE of their own area or more.

    iou:   (B, N, M) float32, boxes by objects
    box_areas: (N,) or (B, N), object_areas: (B, M) float32, of the boxes that `iou` was made of
    crowd: (B, M) bool, which objects stand for several (COCO's iscrowd)
    Returns: (B, N) bool.

    Matterport asks for the same IoU, which a small box in the middle of a large crowd does not
    have: one of 32 x 32 in 1024 x 1024 has 0.00098. No intersection is computed again: IoU is I /
    (A + C - I), so that I is IoU * (A + C) / (1 + IoU).
    """
    areas = box_areas[..., :, None]
    touches = iou * (areas + object_areas[:, None, :]) >= CROWD_SHARE * areas * (1.0 + iou)
    return ops.any(ops.logical_and(crowd[:, None, :], ops.logical_and(touches, iou > 0.0)), axis=2)
