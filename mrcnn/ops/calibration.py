"""Calibration of confidence scores: how a score becomes the share of right detections.

Platt scaling (Platt 1999, "Probabilistic Outputs for Support Vector Machines"; Guo et al. 2017,
arXiv:1706.04599): a scale and a shift of the logit. Temperature scaling is the case without shift.
"""

import numpy as np

from mrcnn.typing import Array

LEAST = 1e-6  # logit(0) is infinite
STEPS = 50  # Newton's method needs about ten


def calibrated(scores: Array, scale: float, shift: float) -> Array:
    """Calibrates scores.

    Args:
        scores: `(N,)` in [0, 1].
        scale: Above 0; below 1 for scores that are too extreme.
        shift: Below 0 for scores that are too high.

    Returns:
        `(N,)` float64 in [0, 1].
    """
    clipped = np.clip(np.asarray(scores, np.float64), LEAST, 1 - LEAST)
    logits = scale * np.log(clipped / (1 - clipped)) + shift
    return 1 / (1 + np.exp(-logits))


def uncalibrated(score: float, calibration: tuple[float, float] | None) -> float:
    """Inverts `calibrated` for one score, for instance a threshold.

    Args:
        score: After calibration, in [0, 1].
        calibration: (scale, shift), or None.

    Returns:
        The score before; 0 and 1 stay, so that a threshold of 0 keeps everything.
    """
    if calibration is None or not 0 < score < 1:
        return score
    scale, shift = calibration
    return float(calibrated(np.array([score]), 1 / scale, -shift / scale)[0])


def fit_calibration(scores: Array, right: Array) -> tuple[float, float]:
    """Fits scale and shift by maximum likelihood.

    Args:
        scores: `(N,)` in [0, 1], of detections that the detector was not trained on.
        right: `(N,)` bool.

    Returns:
        (scale, shift), see `calibrated`. (1, 0), no change, unless there are right and wrong
        detections and higher scores are right more often.
    """
    clipped = np.clip(np.asarray(scores, np.float64), LEAST, 1 - LEAST)
    right = np.asarray(right, np.float64)
    if not 0 < right.sum() < len(right):
        return 1.0, 0.0
    inputs = np.stack([np.log(clipped / (1 - clipped)), np.ones(len(clipped))], axis=1)
    # Platt's targets instead of 0 and 1: they keep the weights finite where scores separate.
    targets = np.where(right > 0, 1 - 1 / (right.sum() + 2), 1 / (len(right) - right.sum() + 2))
    weights = np.array([1.0, 0.0])
    for _ in range(STEPS):
        # Beyond 30, p * (1 - p) is below 1e-13, and the curvature with it.
        # 1e-9 keeps the matrix invertible where all scores are equal.
        p = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        curvature = inputs.T @ (inputs * (p * (1 - p))[:, None]) + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, inputs.T @ (p - targets))
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    scale, shift = weights.tolist()
    return (scale, shift) if np.isfinite(weights).all() and scale > 0 else (1.0, 0.0)
