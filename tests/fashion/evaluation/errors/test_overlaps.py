"""Overlaps: which pairs there are, and in which order the detections stand."""

import numpy as np
import pytest

from fashion.evaluation.errors.overlaps import read_overlaps, rows_by_image


def test_pairs_are_of_one_photo_and_share_a_tenth(placed, truth):
    gt = truth(placed(1, 1, (0, 0, 10, 10)), placed(2, 1, (0, 0, 10, 10)))
    said = [
        placed(1, 5, (0, 0, 10, 1), score=0.9),
        placed(1, 1, (0, 0, 9, 1), score=0.8),
        placed(2, 1, (0, 0, 10, 5), score=0.7),
    ]
    overlaps = read_overlaps(gt, said)
    pairs = {
        (int(overlaps.place[r]), int(o)): iou
        for r, o, iou in zip(overlaps.pair_row, overlaps.pair_object, overlaps.iou)
    }
    assert pairs == {(0, 0): pytest.approx(0.1), (2, 1): pytest.approx(0.5)}
    assert {
        int(overlaps.place[r]): bool(same)
        for r, same in zip(overlaps.pair_row, overlaps.same_category)
    } == {0: False, 2: True}
    assert overlaps.can_match.sum() == 1


def test_detections_stand_by_category_photo_and_falling_score(placed, truth):
    said = [
        placed(2, 1, (0, 0, 5, 5), score=0.9),
        placed(1, 5, (0, 0, 5, 5), score=0.9),
        placed(1, 1, (0, 0, 5, 5), score=0.2),
        placed(1, 1, (0, 0, 5, 5), score=0.3),
    ]
    assert read_overlaps(truth(), said).place.tolist() == [3, 2, 0, 1]


def test_a_hundred_detections_of_a_category_in_a_photo_are_read(placed, truth):
    one = placed(1, 1, (0, 0, 5, 5))
    overlaps = read_overlaps(
        truth(),
        [one | {"score": i / 200} for i in range(120)] + [placed(1, 5, (0, 0, 5, 5), score=0.1)],
    )
    assert len(overlaps.score) == 101 and overlaps.score[:100].min() == 20 / 200


def test_of_a_crowd_the_share_of_the_detection_that_lies_in_it_counts(placed, truth):
    overlaps = read_overlaps(
        truth(placed(1, 1, (0, 0, 20, 20), iscrowd=1)), [placed(1, 1, (18, 0, 4, 4), score=1.0)]
    )
    assert overlaps.iou.tolist() == [0.5]


def test_rows_by_photo_undoes_the_column():
    parts = rows_by_image(np.array([2, 0, 2, 3]), 5)
    assert [part.tolist() for part in parts] == [[1], [], [0, 2], [3], []]


def test_nothing_at_all(truth):
    overlaps = read_overlaps(truth(), [])
    assert len(overlaps.iou) == len(overlaps.score) == 0 and not overlaps.can_match.any()
