"""Calibration of scores: inverse, order, and fits of scores whose truth is known."""

import numpy as np
import pytest

from mrcnn.ops.calibration import calibrated, fit_calibration, uncalibrated


def test_no_change_and_values_by_hand():
    scores = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(calibrated(scores, 1, 0), scores)
    # logit(.5) is 0, so the shift alone remains; logit(.9) is log 9, halved it is log 3.
    assert calibrated(scores, 2, np.log(3))[1] == pytest.approx(0.75)
    assert calibrated(scores, 0.5, 0)[2] == pytest.approx(0.75)
    assert np.isfinite(calibrated(np.array([0.0, 1.0]), 0.5, -1)).all()


def test_the_order_stays_and_thresholds_are_inverted():
    scores = np.random.default_rng(0).random(50)
    assert (np.argsort(calibrated(scores, 0.6, -1.2)) == np.argsort(scores)).all()
    for score in (0.05, 0.5, 0.93):
        before = uncalibrated(score, (0.6, -1.2))
        assert calibrated(np.array([before]), 0.6, -1.2)[0] == pytest.approx(score)
        assert uncalibrated(score, None) == score
    assert uncalibrated(0.0, (0.6, -1.2)) == 0 and uncalibrated(1.0, (0.6, -1.2)) == 1


def test_a_fit_finds_what_made_scores_too_high():
    rng = np.random.default_rng(1)
    scores = rng.uniform(0.05, 0.99, 20_000)
    right = rng.random(len(scores)) < calibrated(scores, 0.7, -0.8)
    assert fit_calibration(scores, right) == pytest.approx((0.7, -0.8), abs=0.05)


@pytest.mark.parametrize(
    "right", [[], [True, True, True], [False, False, False], [True, False, False]]
)
def test_what_cannot_be_fitted_leaves_scores_as_they_are(right):
    # In the last case lower scores are right more often.
    assert fit_calibration(np.array([0.1, 0.5, 0.9])[: len(right)], np.array(right, bool)) == (1, 0)


def test_scores_that_separate_right_from_wrong_give_finite_numbers():
    fitted = fit_calibration(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]))
    assert np.isfinite(fitted).all() and fitted[0] > 0
