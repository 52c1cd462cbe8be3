"""Matching: thresholds, ties and padding by hand, and a loop over boxes as the oracle."""
import numpy as np
import pytest

from mrcnn.ops.matching import IGNORE, NEGATIVE, POSITIVE, match

RPN = {"negative_below": 0.3, "positive_from": 0.7, "keep_best": True}
HEADS = {"negative_below": 0.5, "positive_from": 0.5, "keep_best": False}


def match_one(run, iou, valid, settings):
    label, gt_index = run(match, np.float32([iou]), np.array([valid]), **settings)
    return label[0].tolist(), gt_index[0].tolist()


def match_box_by_box(iou, valid, negative_below, positive_from, keep_best):
    """The definition, written as loops over one image."""
    label, gt_index = np.zeros(len(iou), int), np.zeros(len(iou), int)
    real = np.flatnonzero(valid)
    for i, row in enumerate(iou):
        best = max(row[real], default=-1.0)
        label[i] = POSITIVE if best >= positive_from else NEGATIVE if best < negative_below else IGNORE
        gt_index[i] = next((j for j in real if row[j] == best), 0)
        claims = [j for j in real if keep_best and row[j] == iou[:, j].max() > 0]
        if claims and best < positive_from:
            label[i], gt_index[i] = POSITIVE, max(claims, key=lambda j: (row[j], -j))
    return label, gt_index


def test_the_best_iou_decides(run):
    iou = [[0.1, 0.75], [0.29, 0.0], [0.3, 0.1], [0.69, 0.2], [0.7, 0.9]]
    label, gt_index = match_one(run, iou, [True, True], RPN | {"keep_best": False})
    assert label == [POSITIVE, NEGATIVE, IGNORE, IGNORE, POSITIVE]
    assert (gt_index[0], gt_index[4]) == (1, 1)


def test_one_threshold_leaves_nothing_to_ignore(run):
    assert match_one(run, [[0.5], [0.49]], [True], HEADS)[0] == [POSITIVE, NEGATIVE]


def test_an_object_without_a_good_box_keeps_its_best(run):
    assert match_one(run, [[0.1], [0.2], [0.05]], [True], RPN)[0] == [NEGATIVE, POSITIVE, NEGATIVE]


def test_boxes_tied_for_the_best_are_all_kept(run):
    assert match_one(run, [[0.2], [0.2], [0.1]], [True], RPN)[0] == [POSITIVE, POSITIVE, NEGATIVE]


def test_a_box_kept_for_one_object_learns_that_object(run):
    label, gt_index = match_one(run, [[0.9, 0.1], [0.5, 0.4]], [True, True], RPN)
    assert (label, gt_index) == ([POSITIVE, POSITIVE], [0, 1])


def test_a_box_good_enough_for_an_object_is_not_taken_from_it(run):
    label, gt_index = match_one(run, [[0.8, 0.4], [0.0, 0.1]], [True, True], RPN)
    assert (label[0], gt_index[0]) == (POSITIVE, 0)


def test_an_object_that_nothing_overlaps_claims_no_box(run):
    assert match_one(run, [[0.0, 0.9], [0.0, 0.0]], [True, True], RPN)[0] == [POSITIVE, NEGATIVE]


@pytest.mark.parametrize("settings", [RPN, HEADS])
def test_padding_matches_nothing(run, settings):
    label, gt_index = match_one(run, [[1.0, 0.8], [1.0, 0.2]], [False, True], settings)
    assert label == [POSITIVE, NEGATIVE] and gt_index[0] == 1


@pytest.mark.parametrize("settings", [RPN, HEADS])
def test_without_objects_every_box_is_negative(run, settings):
    label, gt_index = match_one(run, [[0.9, 0.9]] * 3, [False, False], settings)
    assert (label, gt_index) == ([NEGATIVE] * 3, [0] * 3)


@pytest.mark.parametrize("settings", [RPN, HEADS])
def test_matching_agrees_with_a_loop(run, rng, settings):
    iou = np.round(rng.random((3, 30, 6)) ** 2, 1).astype(np.float32)               # one decimal: many ties
    valid = rng.random((3, 6)) < 0.7
    label, gt_index = run(match, iou, valid, **settings)
    for image in range(3):
        expected = match_box_by_box(iou[image], valid[image], **settings)
        np.testing.assert_array_equal(label[image], expected[0])
        np.testing.assert_array_equal(gt_index[image], expected[1])


def test_a_box_on_a_crowd_is_no_background(run):
    """Boxes: on the object, on nothing, touching the crowd, on both."""
    iou, crowd = [[0.8, 0.0], [0.0, 0.0], [0.1, 0.002], [0.6, 0.5]], np.array([[False, True]])
    def with_crowd(iou, valid, crowd):
        return match(iou, valid, crowd=crowd, **HEADS)
    label, _ = run(with_crowd, np.float32([iou]), np.array([[True, False]]), crowd)
    assert label[0].tolist() == [POSITIVE, NEGATIVE, IGNORE, POSITIVE]
