"""Detections: from class scores and deltas of the proposals to a final list of fixed size.

Shapes: B images, P proposals, K classes with the background, D detections.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops

from mrcnn.ops import boxes as box_ops
from mrcnn.ops.nms import non_max_suppression, soft_non_max_suppression
from mrcnn.ops.pixel_convention import ALIGNED, PixelConvention
from mrcnn.typing import Tensor


@dataclass(frozen=True)
class DetectionSettings:
    """Which of the classified proposals become detections.

    Attributes:
        min_confidence: Least score.
        nms_threshold: IoU from which a detection is suppressed by a better one of its class.
        max_detections: D, for each image.
        all_classes: False takes the best class of a proposal only (Matterport's rule); True every
            class above `min_confidence` (Detectron's).
        background_logit: Added to the logit of the background. If the share of positive RoIs is
            p in training and q in prediction, log((1 - q) / q) - log((1 - p) / p) corrects the
            prior (Saerens et al. 2002).
        nms: "hard" suppresses; "soft_linear" and "soft_gaussian" lower scores instead, and drop
            what falls below `min_confidence`.
        nms_sigma: Of "soft_gaussian".
    """

    min_confidence: float = 0.7
    nms_threshold: float = 0.3
    max_detections: int = 100
    all_classes: bool = False
    background_logit: float = 0.0
    nms: str = "hard"
    nms_sigma: float = 0.5


def select_detections(
    logits: Tensor,
    deltas: Tensor,
    proposals: Tensor,
    valid: Tensor,
    windows: Tensor,
    *,
    std: Sequence[float],
    settings: DetectionSettings,
    convention: PixelConvention = ALIGNED,
) -> dict[str, Tensor]:
    """Selects the best detections of every image.

    Args:
        logits: `(B, P, K)` float32.
        deltas: `(B, P, K, 4)` float32, divided by `std`.
        proposals: `(B, P, 4)` float32, yxyx, as `convention` measures them.
        valid: `(B, P)` bool.
        windows: `(B, 4)` yxyx, where the image lies in the network input, measured as the
            proposals. Detections are clipped to it.
        std: Standard deviations that the deltas were divided by.
        settings: Thresholds and sizes.
        convention: Says which boxes are empty.

    Returns:
        "boxes" `(B, D, 4)` yxyx, "class_ids" `(B, D)` int32, "scores" `(B, D)` float32 and "valid"
        `(B, D)` bool, best first; rows of padding are all zero.
    """
    scores, index, class_ids = _best_pairs(logits, valid, settings)
    # The background has deltas in the weight files but no boxes.
    deltas = ops.reshape(deltas[:, :, 1:], (-1, deltas.shape[1] * (deltas.shape[2] - 1), 4))
    deltas = ops.take_along_axis(deltas, index[..., None], axis=1)
    proposal = index // (logits.shape[2] - 1)
    proposals = ops.take_along_axis(proposals, proposal[..., None], axis=1)
    boxes = box_ops.clip(box_ops.decode(deltas, proposals, std), windows[:, None])
    eligible = ops.logical_and(scores > 0.0, convention.is_nonempty(boxes))
    index, scores, kept = _suppressed(boxes, scores, eligible, class_ids, settings)
    is_kept = ops.cast(kept, "float32")
    return {
        "boxes": ops.take_along_axis(boxes, index[..., None], axis=1) * is_kept[..., None],
        "class_ids": ops.take_along_axis(class_ids, index, axis=1) * ops.cast(kept, "int32"),
        "scores": scores * is_kept,
        "valid": kept,
    }


def class_probabilities(logits: Tensor, settings: DetectionSettings) -> Tensor:
    """Computes the probability of each class.

    Args:
        logits: `(B, P, K)` float32.
        settings: Says how the background's logit is corrected.

    Returns:
        `(B, P, K)` float32; they sum to 1.
    """
    if settings.background_logit:
        is_background = np.eye(1, logits.shape[2], dtype=np.float32)
        logits = logits + settings.background_logit * is_background
    return ops.softmax(logits, axis=-1)


def _suppressed(boxes, scores, eligible, class_ids, settings):
    """Indices into the boxes, scores and which rows are kept, all (B, D)."""
    options = {
        "iou_threshold": settings.nms_threshold,
        "max_outputs": settings.max_detections,
        "class_ids": class_ids,
    }
    if settings.nms == "hard":
        index, kept = non_max_suppression(boxes, scores, eligible, **options)
        return index, ops.take_along_axis(scores, index, axis=1), kept
    return soft_non_max_suppression(
        boxes,
        scores,
        eligible,
        method=settings.nms,
        sigma=settings.nms_sigma,
        min_score=settings.min_confidence,
        **options,
    )


def _best_pairs(logits, valid, settings):
    """The best pairs of a proposal and a class: scores, indices into P * (K - 1), class ids.

    All (B, n). Scores are -1 for pairs that cannot become a detection.
    """
    num_proposals, objects = logits.shape[1], logits.shape[2] - 1
    # The background takes part in the softmax and in the choice of the best class.
    probabilities = class_probabilities(logits, settings)
    scores = probabilities[..., 1:]
    eligible = ops.logical_and(valid[..., None], scores >= settings.min_confidence)
    if not settings.all_classes:
        # Class 0 is the background, so a proposal that it wins has no best object class.
        best = ops.top_k(probabilities, 1)[1]
        is_best = ops.equal(best - 1, ops.arange(objects, dtype="int32"))
        eligible = ops.logical_and(eligible, is_best)
    pairs = num_proposals * objects
    scores = ops.reshape(ops.where(eligible, scores, -1.0), (-1, pairs))
    # As many as there are proposals, Matterport's number; more would only cost time.
    scores, index = ops.top_k(scores, min(max(num_proposals, settings.max_detections), pairs))
    index = ops.cast(index, "int32")
    return scores, index, index % objects + 1
