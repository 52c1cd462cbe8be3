"""Every score at once: the shared comparison changes no number, and which detections count
where."""

import pytest

from fashion.evaluation.matching import IOU_TYPES, MatchTable
from fashion.evaluation.metrics.attributes import attribute_f1
from fashion.evaluation.metrics.coco import evaluate_coco_ap
from fashion.evaluation.metrics.corloc import corloc_scores
from fashion.evaluation.metrics.f1_ap import evaluate_f1_ap
from fashion.evaluation.metrics.fashionpedia import evaluate_fashionpedia
from fashion.evaluation.metrics.kaggle import score_2019, score_2020
from fashion.evaluation.metrics.pixels import score_pixels
from fashion.evaluation.metrics.recall import recall_per_category
from fashion.evaluation.scoring import score_predictions, table


@pytest.mark.slow
@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("boxes", [False, True])
def test_average_precision_is_what_each_metric_says_alone(random_case, in_order, boxes):
    truth, detections = random_case(3, boxes=boxes)
    if in_order:
        truth["annotations"].sort(key=lambda annotation: annotation["id"])
    scores = score_predictions(truth, detections, fixed=True)
    for kind in IOU_TYPES:
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
    scores = score_predictions(truth, detections, score_threshold=threshold)
    assert scores["score_threshold"] == threshold
    confident = MatchTable.build(truth, sure)
    for name, measure in (
        ("kaggle_2019", score_2019),
        ("kaggle_2020", score_2020),
        ("pixels", score_pixels),
    ):
        assert scores[name] == measure(confident)
    assert scores["attributes"] == attribute_f1(truth, sure)
    assert scores["found"]["found"] == sum(
        row.matched for row in recall_per_category(confident).values()
    )
    assert scores["corloc"] == corloc_scores(MatchTable.build(truth, detections, "bbox"))
    assert f"score of at least {threshold}" in table(scores)


def test_half_is_the_threshold_unless_said_otherwise(random_case):
    truth, detections = random_case(5, images=4)
    scores = score_predictions(truth, detections)
    assert scores == score_predictions(truth, detections, score_threshold=0.5)


def test_other_categories_have_the_fixed_variant_only(random_case):
    truth, detections = random_case(5, images=4)
    truth["categories"].append({"id": 99, "name": "hat"})
    scores = score_predictions(truth, detections)
    assert "fashionpedia" not in scores and scores["fashionpedia_fixed"].keys() == IOU_TYPES.keys()


def test_the_table_has_words_and_no_keys(random_case):
    scores = score_predictions(*random_case(3, images=6, predictions=8), score_threshold=0.2)
    text = table(scores)
    assert "_" not in text
    found, errors = scores["duplicates"], scores["calibration"]
    assert (
        f"duplicates: {found['duplicates']} of {found['predictions']} predictions "
        f"({found['share']:.1%}), {found['per_image']:.2f} per image"
    ) in text
    here, best = scores["detection"], scores["detection"]["best"]
    assert f"detection from a score of 0.2 on: precision {here['precision']:.3f}, recall" in text
    assert (
        f"best F1, from a score of {best['confidence']:.2f} on: precision "
        f"{best['precision']:.3f}, recall {best['recall']:.3f}, F1 {best['f1']:.3f}"
    ) in text
    assert f"CorLoc, images with a right box: {scores['corloc']['mean_corloc']:.3f}" in text
    assert (
        f"calibration of the {errors['predictions']} predictions with a score of at least 0.1: "
        f"expected error {errors['error']:.3f}, mean confidence {errors['mean_confidence']:.3f}, "
        f"precision {errors['precision']:.3f}"
    ) in text
