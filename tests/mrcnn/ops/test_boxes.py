"""Boxes: pencil cases, shapely, and the round trip of the deltas."""

import numpy as np
import pytest
import shapely

from mrcnn.ops.boxes import (
    area,
    clip,
    complete_iou,
    decode,
    encode,
    generalized_iou,
    pairwise_iou,
)

STD = (0.1, 0.1, 0.2, 0.2)


def test_area_is_height_times_width_and_never_negative(run):
    boxes = [[1.0, 2.0, 4.0, 4.5], [3.0, 3.0, 3.0, 9.0], [5.0, 5.0, 1.0, 1.0]]
    np.testing.assert_array_equal(run(area, boxes), [7.5, 0, 0])


def test_iou_by_hand(run):
    a = [[0.0, 0.0, 2.0, 2.0]]
    b = [[0.0, 0.0, 2.0, 2.0], [0.0, 1.0, 2.0, 3.0], [0.0, 2.0, 2.0, 4.0], [1.0, 1.0, 1.0, 1.0]]
    np.testing.assert_allclose(run(pairwise_iou, a, b), [[1, 1 / 3, 0, 0]], rtol=1e-6)


def test_iou_of_two_empty_boxes_is_0(run):
    assert run(pairwise_iou, np.zeros((1, 1, 4)), np.zeros((1, 1, 4))).item() == 0


def test_iou_agrees_with_shapely(run, random_boxes):
    a, b = random_boxes(2, 7), random_boxes(2, 5)
    expected = np.zeros((2, 7, 5))
    for i, j, k in np.ndindex(expected.shape):
        one, other = shapely.box(*a[i, j]), shapely.box(*b[i, k])
        expected[i, j, k] = one.intersection(other).area / one.union(other).area
    np.testing.assert_allclose(run(pairwise_iou, a, b), expected, atol=1e-5)


def test_deltas_are_shifts_in_sides_and_logarithms_of_growth(run):
    anchor, box = [[0.0, 0.0, 10.0, 20.0]], [[10.0, -5.0, 20.0, 35.0]]
    np.testing.assert_allclose(
        run(encode, box, anchor, std=(1, 1, 1, 1)), [[1, 0.25, 0, np.log(2)]], rtol=1e-6
    )
    np.testing.assert_allclose(
        run(encode, box, anchor, std=STD), [[10, 2.5, 0, 5 * np.log(2)]], rtol=1e-6
    )


def test_decode_undoes_encode(run, random_boxes):
    boxes, anchors = random_boxes(3, 50), random_boxes(3, 50)
    deltas = run(encode, boxes, anchors, std=STD)
    np.testing.assert_allclose(run(decode, deltas, anchors, std=STD), boxes, atol=1e-3)


def test_no_deltas_move_nothing(run, random_boxes):
    anchors = random_boxes(9)
    np.testing.assert_allclose(run(decode, np.zeros((9, 4)), anchors, std=STD), anchors, atol=1e-5)


def test_growth_is_capped_at_1000_over_16(run):
    y1, x1, y2, x2 = run(decode, [[0.0, 0.0, 1e6, 1e6]], [[0.0, 0.0, 16.0, 32.0]], std=STD)[0]
    np.testing.assert_allclose([y2 - y1, x2 - x1], [1000, 2000], rtol=1e-5)


@pytest.mark.parametrize(
    ("box", "anchor"),
    [((0, 0, 0, 0), (0, 0, 8, 8)), ((2, 2, 9, 9), (0, 0, 0, 0)), ((5, 5, 1, 1), (9, 9, 1, 1))],
)
def test_padding_encodes_to_finite_numbers(run, box, anchor):
    assert np.isfinite(run(encode, np.float32([box]), np.float32([anchor]), std=STD)).all()


def test_clip_cuts_to_each_images_window(run):
    boxes = np.tile(np.float32([-5, 3, 50, 70]), (2, 1, 1))
    windows = [[[0.0, 0.0, 64.0, 64.0]], [[8.0, 8.0, 32.0, 40.0]]]
    np.testing.assert_array_equal(run(clip, boxes, windows), [[[0, 3, 50, 64]], [[8, 8, 32, 40]]])


def test_a_box_outside_the_window_becomes_empty(run):
    clipped = run(clip, [[70.0, 70.0, 80.0, 90.0]], [0.0, 0.0, 64.0, 64.0])
    assert run(area, clipped).item() == 0


def test_generalized_iou_falls_with_the_distance_of_boxes(run):
    a = [[0.0, 0.0, 1.0, 1.0]] * 3
    b = [[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 2.0], [0.0, 3.0, 1.0, 4.0]]
    # Side by side they fill the enclosing box; 2 apart, half of it is empty.
    np.testing.assert_allclose(run(generalized_iou, a, b), [1, 0, -0.5], atol=1e-6)


def test_complete_iou_by_hand(run):
    a = [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 2.0, 2.0]]
    b = [[0.0, 1.0, 1.0, 2.0], [0.5, 0.0, 1.5, 2.0]]
    # Centres 1 apart, squared diagonal 5. One centre, IoU 1/2, ratios of 1 and 2.
    v = 4 / np.pi**2 * (np.arctan(2) - np.pi / 4) ** 2
    expected = [-1 / 5, 0.5 - v * v / (1 - 0.5 + v)]
    np.testing.assert_allclose(run(complete_iou, a, b), expected, rtol=1e-5)
