"""Matching: thresholds, ties and padding by hand, and a loop over boxes as the oracle."""

import numpy as np
import pytest
from keras import ops

from mrcnn.ops.boxes import area, pairwise_iou
from mrcnn.ops.matching import CROWD_SHARE, IGNORE, NEGATIVE, POSITIVE, match, touches_crowd

RPN = {"negative_below": 0.3, "positive_from": 0.7, "allow_low_quality_matches": True}
HEADS = {"negative_below": 0.5, "positive_from": 0.5, "allow_low_quality_matches": False}


def match_one(run, iou, valid, settings):
    label, gt_index = run(match, np.float32([iou]), np.array([valid]), **settings)
    return label[0].tolist(), gt_index[0].tolist()


def match_box_by_box(iou, valid, negative_below, positive_from, allow_low_quality_matches):
    """The definition, written as loops over one image."""
    label, gt_index = np.zeros(len(iou), int), np.zeros(len(iou), int)
    real = np.flatnonzero(valid)
    for i, row in enumerate(iou):
        best = max(row[real], default=-1.0)
        label[i] = (
            POSITIVE if best >= positive_from else NEGATIVE if best < negative_below else IGNORE
        )
        gt_index[i] = next((j for j in real if row[j] == best), 0)
        claims = [j for j in real if allow_low_quality_matches and row[j] == iou[:, j].max() > 0]
        if claims and best < positive_from:
            label[i], gt_index[i] = POSITIVE, max(claims, key=lambda j: (row[j], -j))
    return label, gt_index


def test_the_best_iou_decides(run):
    iou = [[0.1, 0.75], [0.29, 0.0], [0.3, 0.1], [0.69, 0.2], [0.7, 0.9]]
    label, gt_index = match_one(run, iou, [True, True], RPN | {"allow_low_quality_matches": False})
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
    iou = np.round(rng.random((3, 30, 6)) ** 2, 1).astype(np.float32)  # one decimal: many ties
    valid = rng.random((3, 6)) < 0.7
    label, gt_index = run(match, iou, valid, **settings)
    for image in range(3):
        expected = match_box_by_box(iou[image], valid[image], **settings)
        np.testing.assert_array_equal(label[image], expected[0])
        np.testing.assert_array_equal(gt_index[image], expected[1])


def test_a_box_on_a_crowd_is_no_background(run):
    """Boxes: on the object, on nothing, on the crowd, on both."""

    def with_crowd(iou, valid, on_crowd):
        return match(iou, valid, on_crowd=on_crowd, **HEADS)

    iou, on_crowd = (
        [[0.8, 0.0], [0.0, 0.0], [0.1, 0.002], [0.6, 0.5]],
        np.array([[False, False, True, True]]),
    )
    label, _ = run(with_crowd, np.float32([iou]), np.array([[True, False]]), on_crowd)
    assert label[0].tolist() == [POSITIVE, NEGATIVE, IGNORE, POSITIVE]


CROWD = np.float32([[[0, 0, 1024, 1024], [2000, 2000, 2032, 2032]]])


@pytest.mark.parametrize(
    ("box", "touches"),
    [
        ([500, 500, 532, 532], True),  # wholly inside: IoU 0.00098
        ([500, 500, 501, 501], True),  # IoU 1e-6
        ([0, 1000, 1024, 2024], True),  # 24 of 1024 columns
        ([0, 1023.5, 32, 1055.5], True),  # half a column of 32
        ([0, 1023, 1024, 3023], False),  # 1 of 2000 columns
        ([0, 1024, 32, 1056], False),  # beside it
        ([2000, 2000, 2032, 2032], False),  # an object that is not a crowd
        ([500, 500, 500, 532], False),
        ([0, 0, 0, 0], False),
    ],
)
def test_a_box_touches_a_crowd_by_its_own_area(run, box, touches):
    def touching(boxes, objects, crowd):
        return touches_crowd(pairwise_iou(boxes, objects), area(boxes), area(objects), crowd)

    found = run(touching, np.float32([[box]]), CROWD, np.array([[True, False]]))
    assert found.tolist() == [[touches]]
    assert run(touching, np.float32([[box]]), CROWD, np.array([[False, False]])).tolist() == [
        [False]
    ]


def test_anchors_of_all_images_are_measured_once(run):
    """The areas may be (N,), and then are those of every image."""

    def touching(boxes, objects, crowd):
        iou = pairwise_iou(ops.broadcast_to(boxes[None], (2, *boxes.shape)), objects)
        return touches_crowd(iou, area(boxes), area(objects), crowd)

    anchors = np.float32([[10, 10, 20, 20], [3000, 3000, 3010, 3010]])
    crowd = np.array([[True, False], [False, False]])
    assert run(touching, anchors, np.tile(CROWD, (2, 1, 1)), crowd).tolist() == [
        [True, False],
        [False, False],
    ]


def test_the_share_on_a_crowd_agrees_with_intersections(run, rng):
    def touching(boxes, objects, crowd):
        return touches_crowd(pairwise_iou(boxes, objects), area(boxes), area(objects), crowd)

    low, size = rng.uniform(0, 800, (2, 400, 2)), 10 ** rng.uniform(0, 2.5, (2, 400, 2))
    boxes = np.concatenate([low, low + size], axis=-1).astype(np.float32)
    objects = boxes[:, :6] + np.float32([0, 0, 90, 90])
    corner = np.minimum(boxes[:, :, None, 2:], objects[:, None, :, 2:]) - np.maximum(
        boxes[:, :, None, :2], objects[:, None, :, :2]
    )
    share = (
        np.prod(np.maximum(corner.astype(np.float64), 0), axis=-1)
        / np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)[..., None]
    )
    near = (np.abs(share - CROWD_SHARE) < 1e-5).any(axis=-1)
    crowd = np.array([[True, False, True, False, False, True], [False] * 6])
    expected = ((share >= CROWD_SHARE) & crowd[:, None, :]).any(axis=-1)
    found = run(touching, boxes, objects, crowd)
    np.testing.assert_array_equal(found[~near], expected[~near])
    assert expected[0].any() and not expected[0].all() and not found[1].any()
