"""Calibration: is a prediction with a confidence of .8 right in 8 of 10 cases?

Expected calibration error over equal bins (Naeini et al., AAAI 2015; Guo et al., ICML 2017). For
detectors it compares with precision instead of accuracy (Kuppers et al., CVPR workshops 2020).
"""

import numpy as np

from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.recall import UNDEFINED
from fashion.evaluation.metrics.registry import LAST, Inputs, metric
from mrcnn.typing import Array

BINS = 15
LEAST_SCORE = 0.1  # thousands of predictions with hardly any confidence would hide the others


def right_predictions(table: MatchTable, iou_threshold: float = 0.5) -> Array:
    """Returns which predictions match an object of their category.

    Args:
        table: Predictions and objects.
        iou_threshold: Least IoU of a match, in (0, 1].

    Returns:
        `(N,)` bool. Of several predictions of one object the most confident one is right.
    """
    right = np.zeros(len(table.pred_score), bool)
    right[table.matches(iou_threshold)[0]] = True
    return right


def calibration_error(scores: Array, right: Array, bins: int = BINS) -> float:
    """Computes the expected calibration error.

    Args:
        scores: `(N,)` confidence in [0, 1].
        right: `(N,)` bool.
        bins: Number of bins of equal width in [0, 1]. A score on an edge is in the upper bin.

    Returns:
        The mean over the predictions of |mean confidence - precision| of their bin; -1 without
        predictions.
    """
    if not len(scores):
        return UNDEFINED
    place = np.minimum((np.asarray(scores) * bins).astype(int), bins - 1)
    # |mean confidence - precision| times the size of a bin is the absolute sum of its differences.
    gaps = np.bincount(place, weights=scores - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(scores))


def _rows(scores: dict) -> list[str]:
    found = scores["calibration"]
    if not found["predictions"]:
        return []
    return [
        f"calibration of the {found['predictions']:,} predictions with a score of at least "
        f"{LEAST_SCORE:g}: expected error {found['error']:.3f}, mean confidence "
        f"{found['mean_confidence']:.3f}, precision {found['precision']:.3f}"
    ]


@metric(
    "calibration",
    "Calibration of confidence scores",
    section=LAST,
    order=70,
    rows=_rows,
    formula="mean of |mean confidence - precision| over 15 equal bins, weighted by predictions",
    source=(
        "expected calibration error: Guo et al. 2017, "
        "[arXiv:1706.04599](https://arxiv.org/abs/1706.04599); with precision for detectors: "
        "Kuppers et al. 2020, [arXiv:2004.13546](https://arxiv.org/abs/2004.13546)"
    ),
    numbers={
        "error": "expected calibration error, in [0, 1]; 0 is best",
        "mean_confidence": "of the predictions that count",
        "precision": "how many of them are right",
        "predictions": "how many count: those with a confidence score of 0.1 or more",
    },
    documentation=(
        "Right is a prediction that matches an object of its category with mask IoU 0.5 or more, "
        "one to one. A `mean_confidence` above `precision` means that scores are too high."
    ),
)
def calibration(inputs: Inputs) -> dict[str, float]:
    """Calibration error of the predictions with a score of at least `LEAST_SCORE`.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        Numbers under the keys of metrics.json.
    """
    table = inputs.masks.confident(LEAST_SCORE)
    scores, right = table.pred_score, right_predictions(table)
    number = len(scores)
    return {
        "error": calibration_error(scores, right),
        "mean_confidence": float(scores.mean()) if number else UNDEFINED,
        "precision": float(right.mean()) if number else UNDEFINED,
        "predictions": number,
    }
