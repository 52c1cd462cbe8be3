"""Cascade R-CNN: box heads in a row, each trained on the boxes that the one before has refined.

Cai and Vasconcelos 2018, arXiv:1712.00726. A later stage asks for a higher IoU of its positive RoIs
and divides its deltas by smaller standard deviations. As in Detectron2, the scores of a detection
are the mean of those that each stage gives to its own boxes, and later stages share the deltas
among classes; the paper scores the boxes of the last stage three times.
"""

import math
from collections.abc import Callable, Sequence

from keras import ops

from mrcnn.modeling.box_head import BoxHead
from mrcnn.ops.boxes import clip, decode, encode
from mrcnn.typing import Tensor, Tensors


def refined_boxes(head: BoxHead, outputs: Tensors, boxes: Tensor, window: Tensor) -> Tensor:
    """Computes the RoIs of the next stage.

    Args:
        head: The stage.
        outputs: Of the stage, at `boxes`.
        boxes: `(B, N, 4)` float32, yxyx.
        window: `(4,)` yxyx, the canvas, measured as the boxes.

    Returns:
        `(B, N, 4)` float32, yxyx, clipped. No gradient flows back: boxes are inputs of a stage.
    """
    return ops.stop_gradient(clip(head.refine(outputs, boxes), window))


def run_stages(
    stages: Sequence[BoxHead],
    pool: Callable[[Tensor, int], Tensor],
    boxes: Tensor,
    window: Tensor,
) -> dict[str, Tensor]:
    """Runs all stages for a prediction.

    Args:
        stages: The box heads, in order.
        pool: From boxes `(B, N, 4)` and a size to features `(B, N, size, size, C)`.
        boxes: `(B, N, 4)` float32, yxyx, the proposals.
        window: `(4,)` yxyx, the canvas, measured as the boxes.

    Returns:
        What one box head would say: "logits" `(B, N, K)`, whose softmax is the mean of the scores
        of the stages, and "deltas" `(B, N, K, 4)`, from the proposals to the boxes of the last
        stage, divided by the standard deviations of the first.
    """
    rois, logits = boxes, []
    for head in stages[:-1]:
        outputs = head(pool(rois, head.pool_size))
        logits.append(outputs["logits"])
        rois = refined_boxes(head, outputs, rois, window)
    first, last = stages[0], stages[-1]
    outputs = last(pool(rois, last.pool_size))
    logits.append(outputs["logits"])
    found = decode(outputs["deltas"], rois[:, :, None], last.std)
    deltas = encode(found, boxes[:, :, None], first.std)
    shape = (-1, boxes.shape[1], last.num_classes, 4)
    return {"logits": mean_scores(logits), "deltas": _spread(deltas, shape)}


def mean_scores(logits: Sequence[Tensor]) -> Tensor:
    """Averages the class scores of several stages.

    Args:
        logits: `(..., K)` float32 of each stage.

    Returns:
        `(..., K)` float32, the logarithms of the mean scores: logits whose softmax is that mean.
    """
    scores = ops.stack([ops.log_softmax(own, axis=-1) for own in logits])
    return ops.logsumexp(scores, axis=0) - math.log(len(logits))


def _spread(deltas, shape):
    """Deltas that classes share, once for each class."""
    if deltas.shape[2] == shape[2]:
        return deltas
    return ops.repeat(deltas, shape[2], axis=2)
