"""Labels stay inside the picture, off each other and, where there is room, off the objects."""

import numpy as np

from mrcnn.drawing.label_placement import MANY, REACH, place_labels

EMPTY = np.zeros((10, 10), bool)


def rects(positions, sizes):
    return [(y, x, y + h, x + w) for (y, x), (h, w) in zip(positions.tolist(), sizes, strict=True)]


def overlap(a, b):
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def test_a_lone_label_sits_on_the_upper_left_corner_of_its_box():
    positions, _ = place_labels([(12, 40)], [(50, 30, 90, 80)], EMPTY, (100, 100), em=10)
    assert positions.tolist() == [[38, 30]]


def test_labels_stay_inside_the_picture():
    boxes = [(-5, -5, 10, 10), (0, 90, 100, 100), (95, 95, 130, 130), (0, 0, 100, 100)]
    sizes = [(12, 40)] * 4
    positions, _ = place_labels(sizes, boxes, EMPTY, (100, 100), em=10)
    for y1, x1, y2, x2 in rects(positions, sizes):
        assert 0 <= y1 and 0 <= x1 and y2 <= 100 and x2 <= 100


def test_labels_of_the_same_box_do_not_cover_each_other():
    sizes = [(12, 40)] * 8
    positions, covered = place_labels(sizes, [(40, 40, 60, 60)] * 8, EMPTY, (100, 100), em=10)
    placed = rects(positions, sizes)
    assert covered.max() == 0
    assert all(overlap(placed[i], placed[j]) == 0 for i in range(8) for j in range(i))


def test_a_label_avoids_objects():
    coverage = np.zeros((100, 100), bool)
    coverage[20:50, :] = True  # another object, right above the box
    (position,), _ = place_labels([(12, 40)], [(50, 30, 90, 80)], coverage, (100, 100), em=10)
    assert not coverage[position[0] : position[0] + 12].any()


def test_a_label_larger_than_the_picture_starts_at_its_corner():
    positions, _ = place_labels([(50, 200)], [(5, 5, 9, 9)], EMPTY, (20, 30), em=10)
    assert positions.tolist() == [[0, 0]]


def test_too_many_labels_report_that_they_overlap():
    _, covered = place_labels([(15, 15)] * 5, [(0, 0, 20, 20)] * 5, EMPTY, (20, 20), em=10)
    assert covered[0] == 0 and covered[1:].max() > 0


def test_no_labels_have_no_positions():
    positions, covered = place_labels([], np.zeros((0, 4)), EMPTY, (20, 20), em=10)
    assert positions.shape == (0, 2) and covered.shape == (0,)


def test_of_many_labels_each_stays_near_its_box():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 900, (MANY + 40, 2))
    boxes = np.concatenate([corners, corners + 40], axis=1)
    positions, covered = place_labels([(12, 40)] * len(boxes), boxes, EMPTY, (1000, 1000), em=10)
    gaps = np.maximum(0, np.maximum(boxes[:, :2] - positions - (12, 40), positions - boxes[:, 2:]))
    assert np.hypot(*gaps.T).max() <= REACH * 10 + 20 and (covered == 0).mean() > 0.9
