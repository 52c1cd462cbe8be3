"""The confusion matrix, counted by hand."""

import numpy as np
import pytest

from fashion.evaluation.errors.confusion import confusion_matrix
from fashion.evaluation.errors.overlaps import read_overlaps


def matrix_of(gt, said, score_threshold=0.5):
    return confusion_matrix(read_overlaps(gt, said), score_threshold)


def test_the_matrix_of_a_photo(one_of_each):
    result = matrix_of(*one_of_each)
    assert result["names"] == ["shirt", "shoe", "scarf", "background"]
    assert result["matrix"] == [
        [1, 0, 0, 0],  # shirt
        [1, 0, 0, 1],  # shoe: one is a shirt, one is missed
        [0, 0, 0, 2],  # scarf
        [1, 3, 0, 0],
    ]  # nothing: the second shirt, and three shoes
    assert result["confused"] == [{"true": "shoe", "predicted": "shirt", "count": 1, "objects": 2}]


def test_categories_that_do_not_occur_are_left_out(placed, truth):
    result = matrix_of(
        truth(placed(1, 5, (0, 0, 10, 10))), [placed(1, 5, (0, 0, 10, 10), score=0.4)]
    )
    assert result == {
        "names": ["shoe", "background"],
        "matrix": [[0, 1], [0, 0]],
        "confused": [],
    }  # unsure: missed


def test_of_equal_overlaps_the_own_category_is_taken(placed, truth):
    gt = truth(placed(1, 1, (0, 0, 10, 10)), placed(1, 5, (0, 0, 10, 10)))
    assert matrix_of(gt, [placed(1, 1, (0, 0, 10, 10), score=0.9)])["matrix"] == [
        [1, 0, 0],
        [0, 0, 1],
        [0, 0, 0],
    ]


def test_a_crowd_of_its_category_takes_a_detection_out(placed, truth):
    gt = truth(placed(1, 1, (0, 0, 20, 20), iscrowd=1))
    assert matrix_of(gt, [placed(1, 1, (0, 0, 10, 10), score=0.9)])["names"] == ["background"]
    assert matrix_of(gt, [placed(1, 5, (0, 0, 10, 10), score=0.9)])["matrix"] == [[0, 0], [1, 0]]


@pytest.mark.parametrize("seed", range(3))
def test_rows_add_up_to_the_objects_and_columns_to_the_sure_detections(confused_case, seed):
    gt, said = confused_case(seed)
    result = matrix_of(gt, said)
    overlaps, matrix = read_overlaps(gt, said), np.array(result["matrix"])
    name = [category["name"] for category in overlaps.categories]
    for i, here in enumerate(result["names"][:-1]):
        assert matrix[i].sum() == sum(name[k] == here for k in overlaps.object_category)
        assert matrix[:, i].sum() == sum(
            name[k] == here for k in overlaps.row_category[overlaps.score >= 0.5]
        )
    counts = [row["count"] for row in result["confused"]]
    assert (
        counts == sorted(counts, reverse=True)
        and counts[0] == (matrix - np.diag(np.diag(matrix)))[:-1, :-1].max() > 0
    )
