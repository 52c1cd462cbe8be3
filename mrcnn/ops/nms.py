"""Non-maximum suppression: exact, padded, of fixed size.

Keras has none, TensorFlow's fast one does not compile under XLA, and a loop over boxes is slow
everywhere. Here boxes are taken in blocks. Inside a block the greedy rule is the fixed point of
`keep = no kept better box overlaps me`, reached in a few matrix products.

Soft-NMS needs the loop, since each kept box changes the scores of all others: one step for each
detection that is kept.
"""

import numpy as np
from keras import ops

from mrcnn.ops.boxes import pairwise_iou
from mrcnn.typing import Tensor

# Boxes of a block: its table of overlaps, 512 x 512 float32, takes 1 MB for each image.
BLOCK = 512
SOFT_METHODS = ("soft_linear", "soft_gaussian")


def non_max_suppression(
    boxes: Tensor,
    scores: Tensor,
    valid: Tensor,
    *,
    iou_threshold: float,
    max_outputs: int,
    class_ids: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Suppresses boxes that overlap a better one, greedily, for every image of a batch.

    Args:
        boxes: `(B, N, 4)` float32, yxyx.
        scores: `(B, N)` float32, of any sign.
        valid: `(B, N)` bool.
        iou_threshold: A box is dropped if its IoU with a kept, better box is above this.
        max_outputs: Boxes kept for each image at most.
        class_ids: `(B, N)` int32; boxes of different classes do not suppress each other. None: all
            are of one class.

    Returns:
        index: `(B, max_outputs)` int32 into N, best first.
        kept: `(B, max_outputs)` bool, False on rows of padding.
    """
    n = boxes.shape[1]
    order = ops.top_k(scores, n)[1]
    # The class is a fifth coordinate. Moving the boxes of each class far away instead, as
    # Detectron2 does, would round their corners: 47000.1 is not a float32.
    class_ids = (
        ops.zeros_like(boxes[..., 0]) if class_ids is None else ops.cast(class_ids, "float32")
    )
    boxes = ops.concatenate([boxes, class_ids[..., None]], axis=-1)
    boxes = ops.take_along_axis(boxes, order[..., None], axis=1)
    alive = ops.take_along_axis(valid, order, axis=1)
    keep = _suppress(boxes, alive, iou_threshold)
    # Kept boxes first, in order of score: ranks fall with the position, so they are unique and
    # top_k is a stable partition.
    position = ops.cast(ops.arange(n, dtype="int32"), "float32")
    rank, chosen = ops.top_k(
        ops.where(keep, 2.0 * n - position, n - 1.0 - position), min(max_outputs, n)
    )
    index, kept = ops.take_along_axis(order, chosen, axis=1), rank >= n
    if max_outputs > n:
        pad = [[0, 0], [0, max_outputs - n]]
        index, kept = ops.pad(index, pad), ops.cast(ops.pad(ops.cast(kept, "int32"), pad), "bool")
    return ops.cast(index, "int32"), kept


def soft_non_max_suppression(
    boxes: Tensor,
    scores: Tensor,
    valid: Tensor,
    *,
    method: str,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    max_outputs: int,
    class_ids: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Lowers the scores of boxes that overlap a better one of their class, for each image.

    Soft-NMS (Bodla et al. 2017, arXiv:1704.04503, equations 3 and 4); the result is that of
    `mrcnn.inference.fusion.fuse` for one member.

    Args:
        boxes: `(B, N, 4)` float32, yxyx.
        scores: `(B, N)` float32, above 0 where valid.
        valid: `(B, N)` bool.
        method: "soft_linear" multiplies by 1 - IoU from the threshold on, "soft_gaussian" by
            exp(-IoU² / sigma) everywhere.
        iou_threshold: Of "soft_linear".
        sigma: Of "soft_gaussian".
        min_score: A box whose score falls below is dropped.
        max_outputs: Boxes kept for each image at most.
        class_ids: `(B, N)` int32; boxes of different classes do not touch each other.

    Returns:
        index: `(B, max_outputs)` int32 into N, best first.
        scores: `(B, max_outputs)` float32, the lowered ones; 0 on rows of padding.
        kept: `(B, max_outputs)` bool, False on rows of padding.
    """
    count, ranks = boxes.shape[1], ops.arange(max_outputs, dtype="int32")
    rows = ops.arange(count, dtype="int32")

    def alive(left):
        return ops.where(ops.logical_and(left > 0, left >= min_score), left, -1.0)

    def step(rank, left, index, found):
        # Not argmax: of floats it becomes an operation in ONNX that ONNX Runtime does not have.
        best = ops.cast(ops.top_k(left, 1)[1], "int32")
        score = ops.take_along_axis(left, best, axis=1)
        box = ops.take_along_axis(boxes, best[..., None], axis=1)
        same_class = ops.equal(ops.take_along_axis(class_ids, best, axis=1), class_ids)
        iou = pairwise_iou(box, boxes)[:, 0] * ops.cast(same_class, "float32")
        if method == "soft_linear":
            factor = ops.where(iou > iou_threshold, 1.0 - iou, 1.0)
        else:
            factor = ops.exp(-ops.square(iou) / sigma)
        left = ops.where(ops.equal(rows, best), -1.0, alive(left * factor))
        # Images of the batch that have no box left stay as they are.
        here = ops.logical_and(ops.equal(ranks, rank), score > 0)
        return rank + 1, left, ops.where(here, best, index), ops.where(here, score, found)

    def goes_on(rank, left, index, found):
        return ops.logical_and(rank < max_outputs, ops.any(left > 0))

    left = alive(ops.where(valid, scores, -1.0))
    none = ops.zeros_like(left[:, :1]) + ops.zeros((1, max_outputs), "float32")
    state = (ops.convert_to_tensor(0, "int32"), left, ops.cast(none, "int32"), none)
    _, _, index, found = ops.while_loop(goes_on, step, state)
    return index, found, found > 0


def _suppress(boxes, alive, iou_threshold):
    """Which boxes survive, given best first: (B, N, 5), (B, N) -> (B, N) bool."""
    n = boxes.shape[1]
    kept_boxes, kept = [], []
    for start in range(0, n, BLOCK):
        block, living = boxes[:, start : start + BLOCK], alive[:, start : start + BLOCK]
        if kept:
            better, is_kept = ops.concatenate(kept_boxes, axis=1), ops.concatenate(kept, axis=1)
            overlaps = ops.logical_and(_overlap(better, block, iou_threshold), is_kept[..., None])
            living = ops.logical_and(living, ops.logical_not(ops.any(overlaps, axis=1)))
        kept_boxes.append(block)
        kept.append(_greedy(block, living, iou_threshold))
    return ops.concatenate(kept, axis=1)


def _greedy(boxes, living, iou_threshold):
    size = boxes.shape[1]
    better = np.triu(np.ones((size, size), np.float32), k=1)
    # [i, j]: box i is better than box j, and suppresses it if kept.
    overlaps = ops.cast(_overlap(boxes, boxes, iou_threshold), "float32") * better
    living = ops.cast(living, "float32")

    def step(keep, _):
        beaten = ops.matmul(keep[:, None, :], overlaps)[:, 0]
        now = living * ops.cast(beaten < 0.5, "float32")
        return now, ops.any(now != keep)

    # After k steps the first k boxes of every chain of overlaps are settled; a step without change
    # has settled all. The loop carries whether something changed: tf2onnx silently miscompiles a
    # state that is handed through unchanged.
    keep, _ = ops.while_loop(
        lambda _, changed: changed, step, (living, ops.convert_to_tensor(True))
    )
    return keep > 0.5


def _overlap(a, b, iou_threshold):
    """Which boxes of one class overlap: (B, N, 5), (B, M, 5) -> (B, N, M) bool."""
    same_class = ops.equal(a[..., :, None, 4], b[..., None, :, 4])
    return ops.logical_and(same_class, pairwise_iou(a[..., :4], b[..., :4]) > iou_threshold)
