"""Matching: which object each box belongs to, and whether the match is good enough to train on.

Shapes: B images, N boxes (anchors or RoIs), M padded ground-truth objects.
"""

from keras import ops

from mrcnn.typing import Tensor

IGNORE, NEGATIVE, POSITIVE = -1, 0, 1

# With this share of its area on a crowd, a box that matches no object may still contain some of the
# crowd, and is not background.
CROWD_SHARE = 1e-3


def match(
    iou: Tensor,
    valid: Tensor,
    *,
    negative_below: float,
    positive_from: float,
    allow_low_quality_matches: bool,
    on_crowd: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Labels every box by its best overlap with the objects of its image.

    Args:
        iou: `(B, N, M)` float32, boxes by objects.
        valid: `(B, M)` bool, False for padding and crowds.
        negative_below: Boxes whose best IoU is below this are NEGATIVE.
        positive_from: Boxes whose best IoU is at least this are POSITIVE.
        allow_low_quality_matches: Whether the best box of every object is POSITIVE as well, unless
            their IoU is 0 (Faster R-CNN, section 3.1.2). It is matched with that object;
            Detectron2 keeps its best overlap.
        on_crowd: `(B, N)` bool, see `touches_crowd`. These boxes are IGNORE instead of NEGATIVE.

    Returns:
        label: `(B, N)` int32 of IGNORE, NEGATIVE, POSITIVE; all NEGATIVE without objects.
        gt_index: `(B, N)` int32, the matched object.
    """
    iou = ops.where(valid[:, None, :], iou, -1.0)
    best, gt_index = (t[..., 0] for t in ops.top_k(iou, 1))
    label = ops.where(
        best >= positive_from, POSITIVE, ops.where(best < negative_below, NEGATIVE, IGNORE)
    )
    if on_crowd is not None:
        label = ops.where(ops.logical_and(on_crowd, ops.equal(label, NEGATIVE)), IGNORE, label)
    if allow_low_quality_matches:
        best_of_object = ops.max(iou, axis=1, keepdims=True)  # (B, 1, M)
        # IoU 0 never matches: a degenerate object would otherwise claim every anchor.
        # Anchors that lie alike about an object have one IoU but for rounding: all are its best.
        is_best = ops.logical_and(iou >= best_of_object - 1e-6, best_of_object > 1e-6)
        chosen = ops.any(is_best, axis=2)
        label = ops.where(chosen, POSITIVE, label)
        # The best box of an object is trained on it, even where another one overlaps the box more.
        own = ops.top_k(ops.where(is_best, iou, -1.0), 1)[1][..., 0]
        gt_index = ops.where(ops.logical_and(chosen, best < positive_from), own, gt_index)
    return ops.cast(label, "int32"), ops.cast(gt_index, "int32")


def touches_crowd(iou: Tensor, box_areas: Tensor, object_areas: Tensor, crowd: Tensor) -> Tensor:
    """Finds the boxes that lie on a crowd with CROWD_SHARE of their own area or more.

    Matterport asks for the same IoU, which a small box in the middle of a large crowd does not
    have: one of 32 x 32 in 1024 x 1024 has 0.00098. The intersection is not computed again: IoU is
    I / (A + C - I), so that I is IoU * (A + C) / (1 + IoU).

    Args:
        iou: `(B, N, M)` float32, boxes by objects.
        box_areas: `(N,)` or `(B, N)` float32, of the boxes that `iou` was made of.
        object_areas: `(B, M)` float32.
        crowd: `(B, M)` bool, which objects stand for several (COCO's iscrowd).

    Returns:
        `(B, N)` bool.
    """
    areas = box_areas[..., :, None]
    touches = iou * (areas + object_areas[:, None, :]) >= CROWD_SHARE * areas * (1.0 + iou)
    return ops.any(ops.logical_and(crowd[:, None, :], ops.logical_and(touches, iou > 0.0)), axis=2)
