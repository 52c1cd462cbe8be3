"""Every score at once: the shared comparison changes no number, and which detections count where."""

import pytest

from fashion.evaluation.metrics.attributes import attribute_f1
from fashion.evaluation.metrics.coco import evaluate_coco_ap
from fashion.evaluation.metrics.corloc import corloc
from fashion.evaluation.metrics.f1_ap import evaluate_f1_ap
from fashion.evaluation.metrics.fashionpedia import evaluate_fashionpedia
from fashion.evaluation.metrics.kaggle import score_2019, score_2020
from fashion.evaluation.metrics.pixels import score_pixels
from fashion.evaluation.metrics.recall import found_per_category
from fashion.evaluation.scoring import KINDS, score_stored, table


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("boxes", [False, True])
def test_average_precision_is_what_each_metric_says_alone(random_case, in_order, boxes):
    truth, detections = random_case(3, boxes=boxes)
    if in_order:
        truth["annotations"].sort(key=lambda annotation: annotation["id"])
    scores = score_stored(truth, detections, fixed=True)
    for kind in KINDS:
        assert scores["coco"][kind] == evaluate_coco_ap(truth, detections, kind)
        assert scores["f1_ap"][kind] == evaluate_f1_ap(truth, detections, kind)
        assert scores["fashionpedia"][kind] == evaluate_fashionpedia(truth, detections, kind)
        assert scores["fashionpedia_fixed"][kind] == evaluate_fashionpedia(
            truth, detections, kind, fixed=True
        )
        assert scores["curves"][kind].keys() == {"recalls", "all", "per_category"}


@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_a_decision_is_measured_on_the_detections_of_a_high_score(random_case, threshold):
    truth, detections = random_case(4)
    sure = [detection for detection in detections if detection["score"] >= threshold]
    assert 0 < len(sure) < len(detections)
    scores = score_stored(truth, detections, score_threshold=threshold)
    assert scores["score_threshold"] == threshold
    for name, measure in (
        ("kaggle_2019", score_2019),
        ("kaggle_2020", score_2020),
        ("attributes", attribute_f1),
        ("found", found_per_category),
    ):
        assert scores[name] == measure(truth, sure)
    assert scores["pixels"] == score_pixels(truth, sure, score_threshold=0)
    assert scores["corloc"] == corloc(truth, detections)
    assert f"score of at least {threshold}" in table(scores)


def test_half_is_the_threshold_unless_said_otherwise(random_case):
    truth, detections = random_case(5, images=4)
    assert score_stored(truth, detections) == score_stored(truth, detections, score_threshold=0.5)


def test_other_categories_have_the_fixed_variant_only(random_case):
    truth, detections = random_case(5, images=4)
    truth["categories"].append({"id": 99, "name": "hat"})
    scores = score_stored(truth, detections)
    assert "fashionpedia" not in scores and scores["fashionpedia_fixed"].keys() == KINDS.keys()
