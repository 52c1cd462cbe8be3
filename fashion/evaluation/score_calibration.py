"""Calibration of a model's scores, fitted and judged on different images."""

from dataclasses import dataclass

import numpy as np

from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.calibration import (
    LEAST_SCORE,
    calibration_error,
    right_predictions,
)
from fashion.evaluation.metrics.operating_point import detection_scores, least_score_of_best_f1
from mrcnn.ops.calibration import calibrated, fit_calibration


@dataclass(frozen=True)
class CalibrationReport:
    """What a calibration brings.

    Attributes:
        calibration: (scale, shift) from all images, for SCORE_CALIBRATION.
        error_before: Calibration error of the scores as they are.
        error_after: Of scores that were calibrated on other images. Predictions count from a score
            of `LEAST_SCORE` on, before and after alike.
        confidence: Calibrated score from which the F1 of detection is best.
        scores: Precision, recall and F1 from the confidence on that other images chose.
    """

    calibration: tuple[float, float]
    error_before: float
    error_after: float
    confidence: float
    scores: dict[str, float]


def cross_fitted(table: MatchTable, folds: int = 5, seed: int = 0) -> CalibrationReport:
    """Fits a calibration and a default confidence, and judges both on images of other folds.

    Args:
        table: All predictions and objects, masks compared. The model must not be trained on these
            images: on its own training images scores look right.
        folds: Number of parts that the images are split into, at least 2.
        seed: Of the split.

    Returns:
        The report.

    Raises:
        ValueError: There are fewer images than folds, or fewer than two folds.
    """
    images = len(table.image_ids)
    if not 2 <= folds <= images:
        raise ValueError(
            f"folds is a number of parts of the {images} images, from 2 to {images}. Got {folds}."
        )
    fold_of_image = np.random.default_rng(seed).permutation(images) % folds
    fold, fold_of_objects = fold_of_image[table.pred_image], fold_of_image[table.gt_image]
    scores, right = table.pred_score, right_predictions(table)
    objects = ~table.gt_crowd
    after, kept = np.zeros(len(scores)), np.zeros(len(scores), bool)
    for k in range(folds):
        others, own = fold != k, fold == k
        after[own] = calibrated(scores[own], *fit_calibration(scores[others], right[others]))
        number = int((objects & (fold_of_objects != k)).sum())
        kept[own] = scores[own] >= _best(scores[others], right[others], number)
    count, number = scores >= LEAST_SCORE, int(objects.sum())
    counted = after >= LEAST_SCORE
    calibration = fit_calibration(scores, right)
    confidence = calibrated(np.array([_best(scores, right, number)]), *calibration)[0]
    return CalibrationReport(
        calibration,
        calibration_error(scores[count], right[count]),
        calibration_error(after[counted], right[counted]),
        float(confidence),
        detection_scores(int(right[kept].sum()), int(kept.sum()), number),
    )


def _best(scores, right, objects):
    """The score from which the F1 of detection is best; 1 without predictions."""
    return least_score_of_best_f1(scores, right, objects) if len(scores) else 1.0
