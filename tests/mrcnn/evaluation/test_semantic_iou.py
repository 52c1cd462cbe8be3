"""Label maps: counts and scores of a few pixels, with a pencil."""

import numpy as np
import pytest

from mrcnn.evaluation.semantic_iou import confusion, pixel_scores

CATEGORIES = [{"id": 10, "name": "coat"}, {"id": 20, "name": "hat"}]


def test_rows_are_real_and_columns_are_said():
    real, said = np.array([[0, 0, 1], [1, 2, 1]]), np.array([[0, 1, 1], [1, 1, 0]])
    assert confusion(real, said, 3).tolist() == [[1, 1, 0], [1, 2, 0], [0, 1, 0]]


def test_pixels_whose_real_label_is_no_label_are_passed_over():
    real, said = np.array([0, 255, 1], np.uint8), np.array([0, 1, 0], np.uint8)
    assert confusion(real, said, 2).tolist() == [[1, 0], [1, 0]]


def test_many_labels_do_not_overflow_small_types():
    assert confusion(np.full(3, 46, np.uint8), np.full(3, 45, np.uint8), 47)[46, 45] == 3


def test_counts_of_two_images_add_up_before_they_are_divided():
    """1 of 1 and 1 of 3 right are 2 of 4, not the mean of 1 and 1/3."""
    counts = confusion(np.array([1]), np.array([1]), 3) + confusion(
        np.array([1, 1, 1]), np.array([1, 0, 0]), 3
    )
    assert pixel_scores(counts, CATEGORIES)["pixel_accuracy"] == 2 / 4


def test_the_scores_of_ten_pixels():
    counts = np.array([[4, 1, 0], [1, 2, 1], [0, 0, 1]])
    scores = pixel_scores(counts, CATEGORIES)
    assert (scores["pixel_accuracy"], scores["pixels"]) == (7 / 10, 10)
    assert (scores["background_iou"], scores["foreground_iou"]) == (
        4 / 6,
        4 / 6,
    )  # a coat taken for a hat is foreground all the same
    assert scores["per_category"] == {
        10: {"name": "coat", "iou": 2 / 5, "pixels": 4},
        20: {"name": "hat", "iou": 1 / 2, "pixels": 1},
    }
    assert scores["mean_iou"] == pytest.approx((2 / 5 + 1 / 2) / 2)
    assert scores["mean_iou_with_background"] == pytest.approx((2 / 5 + 1 / 2 + 4 / 6) / 3)


def test_what_is_nowhere_has_no_score():
    scores = pixel_scores(np.diag([5, 0, 0]), CATEGORIES)
    assert (
        scores["pixel_accuracy"],
        scores["foreground_iou"],
        scores["mean_iou"],
        scores["binary_iou"],
    ) == (1, -1, -1, 1)
    assert pixel_scores(np.zeros((3, 3), int), CATEGORIES)["pixel_accuracy"] == -1
