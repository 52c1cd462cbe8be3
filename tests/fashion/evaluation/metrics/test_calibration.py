"""Calibration error: by hand, and by plain loops."""

import numpy as np
import pytest

from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.calibration import (
    calibration,
    calibration_error,
    right_predictions,
)
from fashion.evaluation.metrics.registry import Inputs


def test_the_gap_of_each_bin_counts_by_its_predictions():
    # Two bins. Lower: .2 and .4, one of two right: gap .2. Upper: .9, right: gap .1.
    error = calibration_error(np.array([0.2, 0.4, 0.9]), np.array([True, False, True]), bins=2)
    assert error == pytest.approx((2 * 0.2 + 1 * 0.1) / 3)
    assert calibration_error(np.array([1.0]), np.array([True])) == 0
    assert calibration_error(np.array([]), np.array([], bool)) == -1


def test_calibrated_scores_have_hardly_an_error_and_sure_ones_a_large_one():
    rng = np.random.default_rng(0)
    scores = rng.random(20_000)
    right = rng.random(20_000) < scores
    assert calibration_error(scores, right) < 0.02
    assert calibration_error(np.sqrt(scores), right) == pytest.approx(2 / 3 - 1 / 2, abs=0.02)


def test_it_agrees_with_plain_loops(random_case):
    inputs = Inputs(*random_case(5, images=6, predictions=8))
    table = MatchTable.build(inputs.ground_truth, inputs.detections).confident(0.1)
    right, total = right_predictions(table), 0.0
    for k in range(15):
        here = [
            i
            for i, s in enumerate(table.pred_score)
            if k / 15 <= s and (s < (k + 1) / 15 or k == 14)
        ]
        if here:
            gap = np.mean([table.pred_score[i] for i in here]) - np.mean([right[i] for i in here])
            total += abs(gap) * len(here) / len(right)
    numbers = calibration(inputs)
    assert numbers["error"] == pytest.approx(total) and numbers["predictions"] == len(right)


def test_only_predictions_of_some_confidence_count(random_case):
    truth, detections = random_case(5, images=6)
    unsure = [row | {"score": 0.05} for row in detections]
    assert calibration(Inputs(truth, unsure)) == {
        "error": -1,
        "mean_confidence": -1,
        "precision": -1,
        "predictions": 0,
    }
