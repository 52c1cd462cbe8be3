"""Candidates: which boxes show what."""

import numpy as np
import pytest

from fashion.classify.garments.candidates import candidates, labels_of_boxes

BOXES, CLASS_IDS = np.array([[0, 0, 10, 20], [30, 30, 50, 40]]), np.array([3, 5])


@pytest.mark.parametrize(
    "box, label",
    [
        ((0, 0, 10, 20), 3),
        ((30, 30, 50, 40), 5),
        ((0, 0, 10, 10), 3),  # an IoU of 0.5 exactly
        ((0, 0, 10, 9), -1),  # 0.45: neither one thing nor the other
        ((0, 0, 10, 7), 0),  # 0.35
        ((60, 60, 70, 70), 0),
    ],
)
def test_a_box_shows_the_object_that_it_overlaps_most(box, label):
    assert labels_of_boxes([box], BOXES, CLASS_IDS).tolist() == [label]


def test_the_order_of_axes_in_memory_does_not_matter():
    found = np.asfortranarray(
        [[0, 0, 10, 20], [60, 60, 70, 70], [30, 30, 50, 40]], dtype=np.float32
    )
    assert labels_of_boxes(found, np.asfortranarray(BOXES), CLASS_IDS).tolist() == [3, 0, 5]


SHARED, OF = np.array([[0, 0, 20, 20], [0, 0, 20, 19]]), np.array([1, 2])  # a jacket over a shirt


def test_a_box_that_two_objects_share_shows_the_one_that_was_said():
    assert labels_of_boxes(SHARED, SHARED, OF, said=[2, 1]).tolist() == [2, 1]
    assert labels_of_boxes(SHARED, SHARED, OF, said=[7, 7]).tolist() == [
        1,
        2,
    ]  # neither: that which it overlaps most
    assert labels_of_boxes([[40, 40, 50, 50]], SHARED, OF, said=[1]).tolist() == [0]


def test_without_a_word_it_is_undecided_where_the_two_are_nearly_alike():
    assert labels_of_boxes(SHARED, SHARED, OF).tolist() == [-1, -1]
    assert labels_of_boxes(SHARED, SHARED, [1, 1]).tolist() == [1, 1]
    assert labels_of_boxes([[0, 0, 20, 20]], [[0, 0, 20, 20], [0, 0, 20, 15]], OF).tolist() == [
        1
    ]  # 1 and 0.75


def test_without_objects_everything_is_background_and_a_crowd_is_undecided():
    assert labels_of_boxes(BOXES, np.zeros((0, 4)), []).tolist() == [0, 0]
    assert labels_of_boxes(np.zeros((0, 4)), BOXES, CLASS_IDS).shape == (0,)
    assert labels_of_boxes([*BOXES, [2, 2, 4, 4]], BOXES, [-3, 5]).tolist() == [
        -1,
        5,
        -1,
    ]  # the last is a part of the crowd


def test_objects_come_first_and_what_is_undecided_is_left_out():
    found = [[0, 0, 10, 9], [60, 60, 70, 70], [31, 30, 50, 40]]
    boxes, labels = candidates(found, BOXES, CLASS_IDS)
    assert labels.tolist() == [3, 5, 0, 5] and boxes.tolist() == [
        *BOXES.tolist(),
        found[1],
        found[2],
    ]


def test_crowds_and_masks_without_pixels_are_no_examples():
    boxes, labels = candidates(
        np.zeros((0, 4)), [[0, 0, 10, 20], [0, 0, 0, 0], [30, 30, 50, 40]], [-3, 4, 5]
    )
    assert labels.tolist() == [5] and boxes.tolist() == [[30, 30, 50, 40]]
