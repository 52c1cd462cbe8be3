"""AP from a list of pairs: by hand, and against pycocotools."""

import numpy as np
import pytest

from fashion.evaluation.average_precision import FALSE, IGNORED, TRUE
from fashion.evaluation.errors.ap50 import (
    average_precisions,
    match,
    matched_objects,
    mean_ap,
    outcomes_of,
)
from fashion.evaluation.errors.overlaps import read_overlaps
from mrcnn.evaluation.coco import evaluate_coco


def ap50(gt, said):
    overlaps = read_overlaps(gt, said)
    objects = np.bincount(
        overlaps.object_category[~overlaps.crowd], minlength=len(overlaps.categories)
    )
    return average_precisions(
        overlaps.row_category,
        overlaps.score,
        outcomes_of(match(overlaps, overlaps.can_match), overlaps.crowd),
        objects,
    )


@pytest.mark.parametrize("seed", range(4))
def test_ap50_is_that_of_pycocotools(random_case, seed):
    gt, said = random_case(seed, crowds=0.1 * (seed % 2))
    expected = evaluate_coco(gt, said)
    ours = ap50(gt, said)
    assert (
        mean_ap(ours) == pytest.approx(expected["AP50"], abs=1e-12)
        and 0.05 < expected["AP50"] < 0.95
    )
    np.testing.assert_allclose(
        np.where(np.isnan(ours), -1, ours),
        [row["AP50"] for row in expected["per_category"].values()],
        atol=1e-12,
    )


def test_average_precision_by_hand():
    # True, false, true positive, of two objects: precision 1 up to recall 0.5, which is 51 of the
    # 101 recalls, and 2/3 for the other 50.
    score, outcome = np.array([0.9, 0.8, 0.7, 0.75]), np.array([TRUE, FALSE, TRUE, IGNORED])
    average = average_precisions(np.zeros(4, int), score, outcome, np.array([2, 0]))
    assert average[0] == pytest.approx((51 + 50 * 2 / 3) / 101) and np.isnan(average[1])
    assert mean_ap(average) == average[0] and mean_ap(average[1:]) == -1
    assert average_precisions(
        np.zeros(0, int), np.zeros(0), np.zeros(0, int), np.array([2])
    ).tolist() == [0]


def test_the_most_certain_detection_chooses_first(placed, truth):
    gt = truth(placed(1, 1, (0, 0, 10, 10)), placed(1, 1, (0, 0, 10, 8)))
    overlaps = read_overlaps(
        gt, [placed(1, 1, (0, 0, 10, 9), score=0.5), placed(1, 1, (0, 0, 10, 10), score=0.9)]
    )
    assert match(overlaps, overlaps.can_match).tolist() == [0, 1]  # the rows stand by falling score
    assert matched_objects(match(overlaps, overlaps.can_match), 2).all()


def test_an_ignored_object_is_taken_only_where_no_other_can_be(placed, truth):
    gt = truth(placed(1, 1, (0, 0, 10, 10)), placed(1, 1, (0, 0, 10, 8)))
    overlaps = read_overlaps(
        gt, [placed(1, 1, (0, 0, 10, 10), score=0.9), placed(1, 1, (0, 0, 10, 10), score=0.8)]
    )
    ignored = np.array([True, False])
    partner = match(overlaps, overlaps.can_match, ignored)
    assert partner.tolist() == [1, 0] and outcomes_of(partner, ignored).tolist() == [TRUE, IGNORED]


def test_a_crowd_absorbs_any_number(placed, truth):
    overlaps = read_overlaps(
        truth(placed(1, 1, (0, 0, 20, 20), iscrowd=1)), [placed(1, 1, (0, 0, 5, 5), score=0.9)] * 3
    )
    assert (
        outcomes_of(match(overlaps, overlaps.can_match), overlaps.crowd).tolist() == [IGNORED] * 3
    )
