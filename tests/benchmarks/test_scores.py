"""Facts about the benchmark of scores: its photos are proper COCO dicts, and a number that differs
stops it.
"""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from benchmarks import scores
from fashion.evaluation.io.ground_truth import checked_ground_truth


@pytest.fixture(scope="module")
def case():
    return scores.generated(12, seed=0)


def test_the_photos_have_what_a_file_has(case):
    truth, detections = case
    assert checked_ground_truth(truth) == truth
    assert 30 < len(truth["annotations"]) < 150 and 200 < len(detections) < 500
    masks = [row["segmentation"] for row in (*truth["annotations"], *detections)]
    pictures = [coco_mask.decode(mask) for mask in masks[:40]]
    assert all(picture.shape == scores.IMAGE_HW and picture.any() for picture in pictures)
    assert [int(picture.sum()) for picture in pictures] == [
        row["area"] for row in (*truth["annotations"], *detections)[:40]
    ]


def test_the_same_seed_gives_the_same_photos(case):
    assert scores.generated(12, seed=0) == case and scores.generated(12, seed=1) != case


def test_some_predictions_are_right_and_some_are_not(case):
    assert 0.05 < scores.evaluate_coco_ap(*case)["AP"] < 0.95


def test_both_evaluators_of_coco_agree(case):
    assert scores.compare_coco(*case) > 0  # it stops where they do not


def test_a_number_that_differs_stops_the_benchmark():
    scores.check_equal({"AP": 0.5}, {"AP": 0.5 + 1e-13, "more": 1})
    for wrong in (0.5 + 1e-11, np.nan):
        with pytest.raises(SystemExit, match="1 of 2 numbers differ, for example AP is"):
            scores.check_equal({"AR": 0.1, "AP": 0.5}, {"AR": 0.1, "AP": wrong})


def test_the_first_photos_keep_their_objects(case):
    truth, detections = scores.first_images(*case, 5)
    assert len(truth["images"]) == 5 and {
        row["image_id"] for row in (*truth["annotations"], *detections)
    } == set(range(5))
