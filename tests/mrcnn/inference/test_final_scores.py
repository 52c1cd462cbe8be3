"""Final scores: each part by hand, and their effect on what a Predictor returns."""

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.inference.final_scores import (
    ScoreSettings,
    final_scores,
    mask_certainty,
    with_final_scores,
)
from mrcnn.inference.predict import Predictor
from mrcnn.modeling.build import build_detector


def batch(scores, masks=None, boxes=None, class_ids=None):
    """One image with detections of these scores; the first fields of a real batch."""
    n = len(scores)
    apart = [[0, 10 * i, 5, 10 * i + 5] for i in range(n)]
    masks = np.ones((n, 2, 2), np.float32) if masks is None else np.asarray(masks, np.float32)
    return {
        "scores": np.array([scores], np.float32),
        "boxes": np.array([apart if boxes is None else boxes], np.float32),
        "class_ids": np.array([range(1, n + 1) if class_ids is None else class_ids], np.int32),
        "valid": np.array([[score > 0 for score in scores]]),
        "mask_probabilities": masks[None],
    }


def rows(found):
    return {name: column[0] for name, column in found.items()}


def test_certainty_is_the_mean_of_the_pixels_inside():
    masks = np.array([[[0.9, 0.7], [0.2, 0.0]], [[0.1, 0.1], [0.1, 0.1]], [[1, 1], [1, 1]]])
    np.testing.assert_allclose(mask_certainty(masks), [0.8, 0.5, 1])
    found = rows(batch([0.9, 0.8, 0.7], masks))
    scores = final_scores(found, ScoreSettings(mask_certainty=2))
    np.testing.assert_allclose(scores, [0.9 * 0.64, 0.8 * 0.25, 0.7], rtol=1e-6)


def test_what_overlaps_a_better_detection_of_another_class_scores_less():
    same = [[0, 0, 10, 10]] * 3
    settings = ScoreSettings(other_class=(0.7, 0.5))
    found = rows(batch([0.9, 0.8, 0.7], boxes=same, class_ids=[1, 2, 1]))
    # The third is of the class of the first, but overlaps the second as well.
    np.testing.assert_allclose(final_scores(found, settings), [0.9, 0.4, 0.35], rtol=1e-6)
    alike = rows(batch([0.9, 0.8, 0.7], boxes=same, class_ids=[1, 1, 1]))
    np.testing.assert_array_equal(final_scores(alike, settings), alike["scores"])
    apart = rows(batch([0.9, 0.8, 0.7]))
    np.testing.assert_array_equal(final_scores(apart, settings), apart["scores"])


def test_rows_are_sorted_again_and_weak_ones_become_invalid():
    masks = np.array([np.full((2, 2), p) for p in (0.5, 1.0, 0.6, 1.0)])
    found = batch([0.9, 0.8, 0.1, 0.0], masks)
    changed = rows(with_final_scores(found, ScoreSettings(mask_certainty=1), 0.08))
    assert changed["class_ids"].tolist()[:2] == [2, 1]
    np.testing.assert_allclose(changed["scores"], [0.8, 0.45, 0, 0], rtol=1e-6)
    assert changed["valid"].tolist() == [True, True, False, False]
    assert changed["boxes"][0].tolist() == [0, 10, 5, 15]
    np.testing.assert_array_equal(changed["mask_probabilities"][0], masks[1])


def test_without_settings_nothing_changes():
    found = batch([0.9, 0.05, 0.0])
    changed = with_final_scores(found, ScoreSettings.of(Config()), 0.7)
    assert all(changed[name] is found[name] for name in found)


def test_calibration_keeps_the_order_and_the_least_confidence_is_of_final_scores():
    settings = ScoreSettings(calibration=(0.5, 0.0))  # .9 -> .75, .8 -> .67, .5 stays
    changed = rows(with_final_scores(batch([0.9, 0.8, 0.5]), settings, 0.6))
    np.testing.assert_allclose(changed["scores"], [0.75, 2 / 3, 0], rtol=1e-6)
    assert changed["valid"].tolist() == [True, True, False]


def test_settings_are_checked():
    for name, value in (
        ("SCORE_CALIBRATION", [0, 1]),
        ("SCORE_CALIBRATION", [1]),
        ("DETECTION_OTHER_CLASS", [0.5, 1.5]),
        ("DETECTION_MASK_CERTAINTY", -1),
        ("DETECTION_BACKGROUND_LOGIT", "1"),
    ):
        with pytest.raises(ValueError, match=name):
            Config.from_dict({name: value})


@pytest.mark.slow
def test_a_predictor_gives_final_scores(predictor, plain_config):
    """The box head keeps what reaches the least confidence after calibration, and no more."""
    photo = np.random.default_rng(3).integers(0, 256, (64, 60, 3)).astype(np.uint8)
    (plain,) = predictor([photo])
    config = plain_config(
        MASK_BUCKETS=[4],
        SCORE_CALIBRATION=[0.5, 0.0],
        DETECTION_MASK_CERTAINTY=1.0,
        DETECTION_MIN_CONFIDENCE=predictor.config.DETECTION_MIN_CONFIDENCE,
    )
    detector = build_detector(config)
    detector.set_weights(predictor.detector.get_weights())
    (found,) = Predictor(detector, config)([photo])
    assert 0 < len(found["scores"]) and (np.diff(found["scores"]) <= 0).all()
    assert (found["scores"] >= config.DETECTION_MIN_CONFIDENCE).all()
    certain = found["mask_probabilities"]
    assert len(certain) == len(found["scores"]) == len(found["class_ids"])
    assert not np.array_equal(plain["scores"], found["scores"])
