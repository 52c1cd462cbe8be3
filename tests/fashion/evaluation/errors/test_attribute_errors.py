"""Missing and extra attributes, counted by hand, and f1AP50 against `evaluate_f1_ap`."""

import pytest

from fashion.evaluation.errors.attribute_errors import attribute_errors
from fashion.evaluation.errors.error_types import classify_errors, cost_of_errors
from fashion.evaluation.errors.overlaps import read_overlaps
from fashion.evaluation.metrics.f1_ap import evaluate_f1_ap

RED, LONG = 20, 30


def errors(gt, said, score_threshold=0.5):
    overlaps = read_overlaps(gt, said)
    return attribute_errors(gt, overlaps, classify_errors(overlaps), score_threshold)


def test_pairs_and_objects_by_hand(placed, truth):
    gt = truth(
        placed(1, 1, (0, 0, 10, 10), attribute_ids=[RED, LONG]),
        placed(1, 5, (20, 0, 10, 10), attribute_ids=[RED]),
        placed(1, 7, (0, 20, 10, 10)),
        placed(2, 7, (0, 20, 10, 10), attribute_ids=[LONG]),
    )
    said = [
        placed(1, 1, (0, 0, 10, 10), score=0.9, attribute_ids=[]),  # red and long are missing
        placed(
            1, 5, (20, 0, 10, 10), score=0.3, attribute_ids=[LONG]
        ),  # red is missing, long invented, and unsure
        placed(1, 7, (0, 20, 10, 10), score=0.9, attribute_ids=[RED]),
    ]  # red is invented; the scarf of photo 2 is not found
    result = errors(gt, said)
    assert [{key: row[key] for key in ("pairs", "objects", "sure")} for row in result["bins"]] == [
        {"pairs": 3, "objects": 2, "sure": 2},
        {"pairs": 2, "objects": 2, "sure": 1},
        {"pairs": 5, "objects": 3, "sure": 3},
    ]
    assert result["found"] == 3
    assert result["per_attribute"] == [
        {"name": "red", "objects": 2, "missing": 2, "invented": 1},
        {"name": "long", "objects": 1, "missing": 1, "invented": 1},
    ]
    # Shirt and shoe have an F1 of 0. The scarf has no attributes, so its F1 is 1: half of the
    # scarves.
    assert result["f1ap50"] == pytest.approx(51 / 101 / 3)
    # With what is missing the F1 is 1 and 2/3; without what was invented it stays 0.
    assert [row["f1ap50_gain"] for row in result["bins"]] == pytest.approx([2 / 3, 0, 2 / 3])


@pytest.mark.parametrize("seed", range(3))
def test_f1ap50_is_that_of_the_measure_and_right_attributes_make_it_ap50(random_case, seed):
    gt, said = random_case(seed, crowds=0)
    result, expected = errors(gt, said), evaluate_f1_ap(gt, said)
    assert result["f1ap50"] == pytest.approx(expected["f1AP50"], abs=1e-12)
    overlaps = read_overlaps(gt, said)
    ap50 = cost_of_errors(overlaps, classify_errors(overlaps), 0.5)["ap50"]
    assert result["f1ap50"] + result["bins"][2]["f1ap50_gain"] == pytest.approx(ap50, abs=1e-12)
    assert result["f1ap50"] < ap50 and all(row["f1ap50_gain"] >= 0 for row in result["bins"])


def test_truth_without_attributes_has_none(placed, truth):
    gt = truth(placed(1, 1, (0, 0, 10, 10)))
    assert errors(gt, [placed(1, 1, (0, 0, 10, 10), score=0.9, attribute_ids=[RED])]) is None
    del gt["attributes"]
    assert errors(gt, [placed(1, 1, (0, 0, 10, 10), score=0.9)]) is None


def test_attributes_and_nothing_found(placed, truth):
    result = errors(truth(placed(1, 1, (0, 0, 10, 10), attribute_ids=[RED])), [])
    assert result["found"] == result["f1ap50"] == 0 and [
        row["pairs"] for row in result["bins"]
    ] == [0, 0, 0]
