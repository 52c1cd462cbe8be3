"""Final scores: what the confidence of a detection becomes once its mask is known.

Each part is off by default. None of them needs a training. In this order:

1. Mask certainty: a score is multiplied by the mean probability of the mask's pixels, which is
   "maskness" of SOLO (Wang et al. 2020, arXiv:1912.04488, section 4).
2. Other classes: a detection that overlaps a more confident one of another class gets a lower
   score. It is not dropped as non-maximum suppression of all classes would: average precision
   still ranks it. Soft-NMS (Bodla et al. 2017, arXiv:1704.04503) lowers scores within a class.
3. Calibration: a score s becomes sigmoid(scale * logit(s) + shift), so that it says how often such
   detections are right (Platt 1999). The order of the detections stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from keras import ops

from mrcnn.config import Config
from mrcnn.ops.boxes import pairwise_iou
from mrcnn.ops.calibration import calibrated
from mrcnn.typing import Array

INSIDE = 0.5  # probability from which a pixel belongs to a mask


@dataclass(frozen=True)
class ScoreSettings:
    """How scores change after the masks are known.

    Attributes:
        mask_certainty: Exponent of the mask's certainty; 0 leaves scores as they are.
        other_class: (IoU, factor): the box IoU with a more confident detection of another class
            from which a score is multiplied by the factor; None for none.
        calibration: (scale, shift); None for none.
    """

    mask_certainty: float = 0.0
    other_class: tuple[float, float] | None = None
    calibration: tuple[float, float] | None = None

    @classmethod
    def of(cls, config: Config) -> "ScoreSettings":
        """Reads the settings.

        Args:
            config: Read now; later changes do not reach the result.

        Returns:
            The settings.
        """
        other, calibration = config.DETECTION_OTHER_CLASS, config.SCORE_CALIBRATION
        return cls(
            float(config.DETECTION_MASK_CERTAINTY),
            None if other is None else (float(other[0]), float(other[1])),
            None if calibration is None else (float(calibration[0]), float(calibration[1])),
        )


def with_final_scores(
    found: Mapping[str, Array], settings: ScoreSettings, min_confidence: float
) -> dict[str, Array]:
    """Gives a batch of detections their final scores.

    Args:
        found: `(b, n, ...)` arrays: "scores", "boxes", "class_ids", "valid", fields of the heads.
        settings: What is done; with its defaults nothing changes.
        min_confidence: Least final score.

    Returns:
        The same rows, best first. Those below `min_confidence` become invalid.
    """
    if settings == ScoreSettings():
        return dict(found)
    scores = np.zeros(found["scores"].shape, np.float32)
    for i, valid in enumerate(found["valid"]):
        rows = {name: column[i][valid] for name, column in found.items()}
        scores[i, valid] = final_scores(rows, settings)
    kept = found["valid"] & (scores >= min_confidence)
    order = np.argsort(np.where(kept, -scores, 1.0), axis=1, kind="stable")
    changed = dict(found) | {"scores": np.where(kept, scores, 0), "valid": kept}
    return {
        name: np.take_along_axis(column, order.reshape(*order.shape, *[1] * (column.ndim - 2)), 1)
        for name, column in changed.items()
    }


def final_scores(detections: Mapping[str, Array], settings: ScoreSettings) -> Array:
    """Computes the final scores of the detections of one image.

    Args:
        detections: "scores" `(N,)`, best first, "boxes" `(N, 4)` yxyx, "class_ids" `(N,)`, and
            "mask_probabilities" `(N, h, w)` if certainty counts.
        settings: What is done.

    Returns:
        `(N,)` float32, in any order.
    """
    scores = np.asarray(detections["scores"], np.float64)
    if settings.mask_certainty:
        certainty = mask_certainty(detections["mask_probabilities"])
        scores = scores * certainty**settings.mask_certainty
    if settings.other_class is not None:
        scores = _lowered(scores, detections, *settings.other_class)
    if settings.calibration is not None:
        scores = calibrated(scores, *settings.calibration)
    return scores.astype(np.float32)


def mask_certainty(probabilities: Array) -> Array:
    """Computes how certain a mask is of its own pixels.

    Args:
        probabilities: `(N, h, w)` in [0, 1].

    Returns:
        `(N,)` float64: the mean of the probabilities of at least .5; .5 for a mask without any.
    """
    inside = probabilities >= INSIDE
    total = np.where(inside, probabilities, 0).sum(axis=(1, 2), dtype=np.float64)
    count = inside.sum(axis=(1, 2))
    return np.where(count > 0, total / np.maximum(count, 1), INSIDE)


def _lowered(scores, detections, iou_threshold, factor):
    """Lowers the score of what overlaps a better detection of another class, once."""
    order = np.argsort(-scores, kind="stable")
    boxes, classes = detections["boxes"][order], detections["class_ids"][order]
    iou = ops.convert_to_numpy(pairwise_iou(boxes, boxes))
    better = np.tril(iou >= iou_threshold, k=-1)  # [i, j]: j is more confident and overlaps i
    beaten = (better & (classes[:, None] != classes)).any(axis=1)
    lowered = scores.copy()
    lowered[order[beaten]] *= factor
    return lowered
