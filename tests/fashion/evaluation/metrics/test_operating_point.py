"""Precision and recall of detection: by hand, and against recounting at every confidence."""

import numpy as np
import pytest

from fashion.evaluation.metrics.operating_point import (
    best_confidence,
    detection,
    detection_scores,
)
from fashion.evaluation.metrics.registry import Inputs


def test_f1_is_that_of_precision_and_recall():
    numbers = detection_scores(2, 4, 5)
    assert numbers == {"precision": 0.5, "recall": 0.4, "f1": pytest.approx(0.4 / 0.9)}
    assert detection_scores(0, 0, 0) == {"precision": -1, "recall": -1, "f1": -1}
    assert detection_scores(0, 0, 5) == {"precision": -1, "recall": 0, "f1": 0}


def test_the_best_confidence_is_that_of_recounting_at_each(random_case):
    truth, detections = random_case(7, images=8, predictions=8)
    for row in detections:  # ties
        row["score"] = round(row["score"], 1)
    best = best_confidence(Inputs(truth, detections).masks)
    f1 = {
        score: detection(Inputs(truth, detections, score_threshold=score))["f1"]
        for score in {row["score"] for row in detections}
    }
    assert best["f1"] == pytest.approx(max(f1.values())) and best["f1"] > 0
    assert f1[best["confidence"]] == pytest.approx(best["f1"])
    assert f1[best["confidence"]] > min(f1.values())


def test_without_predictions_there_is_no_best_confidence(random_case):
    truth, _ = random_case(7, images=2)
    numbers = detection(Inputs(truth, []))
    assert numbers["precision"] == -1 and numbers["best"]["confidence"] == -1
    assert np.isfinite(numbers["f1"])
