"""Breakdowns: bins by hand, and small, medium and large against COCO's own areas."""

import numpy as np
import pytest

from fashion.evaluation.average_precision import Thresholds, mean_known, precision_tables
from fashion.evaluation.errors.breakdowns import PROPERTIES, ap50_of, break_down, measure_properties
from fashion.evaluation.errors.error_types import classify_errors
from fashion.evaluation.errors.overlaps import read_overlaps
from fashion.evaluation.matching import MatchTable


def broken_down(gt, said):
    overlaps = read_overlaps(gt, said)
    return break_down(overlaps, classify_errors(overlaps), *measure_properties(overlaps), 0.5)


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_areas_are_those_of_coco(random_case, seed):
    gt, said = random_case(seed, images=16)
    assert not {row["area"] for row in gt["annotations"]} & {
        32**2,
        96**2,
    }  # COCO has these in two ranges
    thresholds = Thresholds(np.array([0.5]), np.array([-1.0]), lambda shared, said, real: shared)
    tables = precision_tables(MatchTable.build(gt, said).top(), thresholds).values()
    expected = [mean_known(table.precision[area, 0, 0] for table in tables) for area in (1, 2, 3)]
    assert [row["ap50"] for row in broken_down(gt, said)["area"]] == pytest.approx(
        expected, abs=1e-12
    )
    assert 0.02 < min(expected) < max(expected) < 0.98


def test_objects_and_recall_of_the_bins(placed, truth):
    gt = truth(
        placed(1, 1, (0, 0, 20, 20)),
        placed(1, 1, (30, 0, 5, 10)),
        placed(1, 5, (0, 30, 4, 4)),
        placed(2, 5, (0, 30, 4, 4)),
    )
    said = [placed(1, 1, (0, 0, 20, 20), score=0.9), placed(1, 5, (0, 30, 4, 4), score=0.3)]
    result = broken_down(gt, said)
    assert [row["objects"] for row in result["size"]] == [
        0,
        0,
        2,
        1,
        1,
    ]  # 1/10, sqrt(50)/40 and 1/2 of the edge
    assert [row["recall"] for row in result["size"]] == [-1, -1, 0.5, 0, 1]
    assert [row["sure_recall"] for row in result["size"]] == [-1, -1, 0, 0, 1]
    assert [row["expected_recall"] for row in result["size"]] == [
        -1,
        -1,
        0.5,
        0.5,
        0.5,
    ]  # half of each category is found
    assert [row["objects"] for row in result["aspect"]] == [0, 1, 3, 0, 0]
    assert [row["objects"] for row in result["crowding"]] == [4, 0, 0, 0, 0]
    assert [row["ap50"] for row in result["occlusion"]] == [-1] * 5 and result["occlusion"][0][
        "recall"
    ] == 0.5


def test_what_lies_outside_of_a_bin_is_ignored(placed, truth):
    gt = truth(placed(1, 1, (0, 0, 20, 20)), placed(1, 1, (30, 0, 4, 4)))
    said = [
        placed(1, 1, (0, 0, 20, 20), score=0.9),
        placed(1, 1, (0, 22, 18, 18), score=0.8),
        placed(1, 1, (30, 0, 4, 4), score=0.7),
    ]
    overlaps = read_overlaps(gt, said)
    small = np.array([False, True])
    # The large detections found a large object and nothing; neither is a false small one.
    assert ap50_of(overlaps, small, np.array([False, False, True])) == 1
    assert ap50_of(overlaps, small, np.array([False, True, True])) == 0.5
    assert ap50_of(overlaps, np.array([False, False]), np.ones(3, bool)) == -1


def test_every_object_is_in_one_bin_of_every_measure(random_case):
    gt, said = random_case(1, crowds=0.2)
    result = broken_down(gt, said)
    objects = sum(not row["iscrowd"] for row in gt["annotations"])
    assert list(result) == list(PROPERTIES)
    assert all(sum(row["objects"] for row in rows) == objects for rows in result.values())
    for rows in (
        result.values()
    ):  # recall over the bins is recall, and so is what the categories alone give
        found, expected = (
            sum(row[key] * row["objects"] for row in rows if row["objects"])
            for key in ("recall", "expected_recall")
        )
        assert found == pytest.approx(expected)
