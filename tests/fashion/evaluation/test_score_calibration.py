"""Calibration across folds: on scores whose share of right predictions is known."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.operating_point import least_score_of_best_f1
from fashion.evaluation.score_calibration import cross_fitted
from mrcnn.ops.calibration import calibrated


@pytest.fixture
def table():
    """600 images with one object and one prediction; far too many of them are wrong."""
    rng = np.random.default_rng(0)
    left, right = np.zeros((2, 8, 8), np.uint8)
    left[:, :4], right[:, 4:] = 1, 1
    here, there = (coco_mask.encode(np.asfortranarray(mask)) for mask in (left, right))
    annotations, detections = [], []
    for image in range(600):
        annotations.append(
            {
                "id": image + 1,
                "image_id": image,
                "category_id": 1,
                "segmentation": here,
                "area": 32,
                "iscrowd": 0,
            }
        )
        score = float(rng.uniform(0.1, 1))
        is_right = rng.random() < calibrated(np.array([score]), 1.0, -1.5)[0]
        place = here if is_right else there
        detections.append(
            {"image_id": image, "category_id": 1, "segmentation": place, "score": score}
        )
    images = [{"id": image, "height": 8, "width": 8} for image in range(600)]
    categories = [{"id": 1, "name": "shoe"}]
    truth = {"images": images, "annotations": annotations, "categories": categories}
    return MatchTable.build(truth, detections)


def test_scores_that_are_too_high_become_calibrated_on_images_they_were_not_fitted_on(table):
    report = cross_fitted(table, folds=5)
    assert report.error_before > 0.2 and report.error_after < report.error_before / 3
    assert report.calibration == pytest.approx((1.0, -1.5), abs=0.3)
    assert 0 < report.confidence < 1 and report.scores["f1"] > 0.3


def test_the_same_seed_gives_the_same_report_and_folds_are_checked(table):
    assert cross_fitted(table, seed=3) == cross_fitted(table, seed=3)
    with pytest.raises(ValueError, match="from 2 to 600. Got 1"):
        cross_fitted(table, folds=1)


def test_predictions_of_one_score_are_kept_or_left_out_together():
    """Two objects. From 0.9 on F1 is 2/3; from 0.5 on 4/8, though the first of these is right."""
    scores, right = np.array([0.9, 0.5, 0.5, 0.5, 0.5, 0.5]), np.array([1, 1, 0, 0, 0, 0], bool)
    assert least_score_of_best_f1(scores, right, objects=2) == 0.9
    assert least_score_of_best_f1(scores[:2], right[:2], objects=2) == 0.5
