"""Targets of one image in pixels, by hand and at the edges."""

import random

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.legacy.targets import (
    build_detection_targets,
    build_rpn_targets,
    generate_random_rois,
    sample_rois,
)

ANCHORS = np.array(
    [[0, 0, 10, 10], [20, 20, 30, 30], [20, 22, 30, 32], [60, 60, 70, 70], [80, 80, 90, 90]],
    np.float64,
)


@pytest.fixture(scope="module")
def config():
    return Config.from_dict(
        {
            "NUM_CLASSES": 4,
            "RPN_TRAIN_ANCHORS_PER_IMAGE": 4,
            "RPN_BBOX_STD_DEV": (0.1, 0.1, 0.2, 0.2),
            "BBOX_STD_DEV": (0.1, 0.1, 0.2, 0.2),
            "TRAIN_ROIS_PER_IMAGE": 6,
            "ROI_POSITIVE_RATIO": 0.5,
            "MASK_SHAPE": (4, 4),
            "MASK_POOL_SIZE": 2,
            "MINI_MASK_SHAPE": (8, 8),
        }
    )


# The RPN's


def test_an_anchor_on_an_object_is_positive_and_moves_onto_it(config):
    match, deltas = build_rpn_targets(
        (100, 100, 3), ANCHORS, np.array([2]), np.array([[1, 0, 11, 10]]), config, seed=1
    )
    assert (
        match.dtype == np.int32
        and match[0] == 1
        and (match == -1).sum() == 3
        and (match[1:] == 0).sum() == 1
    )
    assert deltas.shape == (4, 4)
    np.testing.assert_allclose(deltas[0], [0.1 / 0.1, 0, 0, 0], atol=1e-5)
    assert not deltas[1:].any()


def test_deltas_follow_the_order_of_the_anchors(config):
    boxes = np.array([[60, 60, 70, 70], [0, 0, 10, 20]])
    match, deltas = build_rpn_targets((100, 100, 3), ANCHORS, np.array([1, 2]), boxes, config)
    assert match[[0, 3]].tolist() == [1, 1]
    np.testing.assert_allclose(
        deltas[:2], [[0, 0.5 / 0.1, 0, np.log(2) / 0.2], [0, 0, 0, 0]], atol=1e-5
    )


def test_half_of_the_sample_is_positive_at_most(config):
    match, _ = build_rpn_targets((100, 100, 3), ANCHORS, np.ones(5, int), ANCHORS, config)
    assert (match == 1).sum() == 2 and (match == -1).sum() == 0


@pytest.mark.parametrize("broken", [[50, 50, 50, 60], [50, 60, 60, 50], [0, 0, 0, 0]])
def test_a_box_without_height_or_width_changes_nothing(config, broken):
    whole = build_rpn_targets(
        (100, 100, 3), ANCHORS, np.array([2]), np.array([[1, 0, 11, 10]]), config, seed=3
    )
    both = build_rpn_targets(
        (100, 100, 3), ANCHORS, np.array([2, 1]), np.array([[1, 0, 11, 10], broken]), config, seed=3
    )
    for one, other in zip(whole, both):
        np.testing.assert_array_equal(one, other)


def test_anchors_in_a_crowd_count_for_nothing(config):
    for _ in range(5):
        match, deltas = build_rpn_targets(
            (100, 100, 3), ANCHORS, np.array([-2]), np.array([[20, 20, 30, 30]]), config
        )
        assert (
            not (match == 1).any()
            and match[1] == match[2] == 0
            and (match == -1).sum() == 3
            and not deltas.any()
        )


def test_without_objects_all_anchors_are_background(config):
    match, deltas = build_rpn_targets(
        (100, 100, 3), ANCHORS, np.zeros(0, int), np.zeros((0, 4)), config
    )
    assert (match == -1).sum() == 4 and not deltas.any()


def test_the_draw_is_repeated_by_its_seed_or_by_that_of_random(config):
    def draw(seed=None):
        return build_rpn_targets(
            (100, 100, 3),
            np.tile(ANCHORS, (20, 1)),
            np.zeros(0, int),
            np.zeros((0, 4)),
            config,
            seed,
        )[0].tolist()

    assert draw(7) == draw(7) != draw(8)
    random.seed(1)
    first = draw()
    random.seed(1)
    assert draw() == first


# The heads'

ROIS = np.array([[0, 0, 10, 10], [0, 0, 10, 12], [50, 50, 60, 60], [0, 0, 0, 0]])


def mask(y1, x1, y2, x2):
    drawn = np.zeros((100, 100, 1), bool)
    drawn[y1:y2, x1:x2] = True
    return drawn


def test_a_roi_on_an_object_learns_its_class_box_and_mask(config):
    full = Config.from_dict(config.to_dict() | {"USE_MINI_MASK": False})
    rois, class_ids, deltas, masks = build_detection_targets(
        ROIS[2:], np.int32([3]), np.int32([[50, 50, 60, 65]]), mask(50, 50, 60, 55), full, seed=0
    )
    assert rois.shape == (6, 4) and deltas.shape == (6, 4, 4) and masks.shape == (6, 4, 4, 4)
    assert rois[0].tolist() == [50, 50, 60, 60] and class_ids[0] == 3
    np.testing.assert_allclose(deltas[0, 3], [0, 2.5 / 10 / 0.1, 0, np.log(1.5) / 0.2], atol=1e-5)
    assert masks[0, :, :, 3].tolist() == [[1, 1, 0, 0]] * 4
    assert not deltas[0, :3].any() and not masks[0, :, :, :3].any()


def test_a_mini_mask_fills_the_box_of_its_object(config):
    mini = np.zeros((8, 8, 1), bool)
    mini[:, :4] = True  # the left half of the object
    *_, masks = build_detection_targets(
        ROIS[:1], np.int32([1]), np.int32([[0, 0, 10, 12]]), mini, config, seed=0
    )
    assert (
        masks[0, :, :, 1].tolist() == [[1, 1, 0, 0]] * 4
    )  # columns at 1.25, 3.75 | 6.25, 8.75 of a half that ends at 6


def test_positive_rois_come_first_and_background_is_repeated(config):
    rois, class_ids, deltas, masks = build_detection_targets(
        ROIS, np.int32([1, 0]), np.int32([[0, 0, 10, 11], [0, 0, 0, 0]]), np.ones((8, 8, 2)), config
    )
    assert class_ids.tolist() == [1, 1, 0, 0, 0, 0] and class_ids.dtype == rois.dtype == np.int32
    assert (
        rois[2:].tolist() == [[50, 50, 60, 60]] * 4 and not deltas[2:].any() and not masks[2:].any()
    )


def test_rois_on_objects_are_repeated_where_there_is_no_background(config):
    rois, class_ids, deltas, _ = build_detection_targets(
        ROIS[:1], np.int32([1]), np.int32([[0, 0, 10, 11]]), np.ones((8, 8, 1)), config
    )
    assert (
        rois.tolist() == [[0, 0, 10, 10]] * 6
        and class_ids.tolist() == [1] * 6
        and (deltas[:, 1] == deltas[0, 1]).all()
    )


def test_an_image_without_objects_teaches_background(config):
    rois, class_ids, deltas, masks = build_detection_targets(
        ROIS, np.zeros(0, np.int32), np.zeros((0, 4), np.int32), np.zeros((8, 8, 0)), config
    )
    assert (
        not class_ids.any()
        and not deltas.any()
        and not masks.any()
        and (rois[:, 2] > rois[:, 0]).all()
    )


# Random rois


@pytest.mark.parametrize(
    "boxes",
    [
        [[40, 40, 60, 60]],
        [[0, 0, 20, 20], [95, 90, 100, 100]],
        [[50, 50, 50, 60], [0, 0, 0, 0]],
        [],
    ],
)
def test_random_rois_lie_in_the_image_and_hold_something(boxes):
    rois = generate_random_rois(
        (100, 120, 3), 200, np.ones(len(boxes), int), np.array(boxes), rng=np.random.default_rng(0)
    )
    assert rois.shape == (200, 4) and rois.dtype == np.int32
    assert (
        (rois[:, 2:] > rois[:, :2]).all() and rois.min() >= 0 and (rois[:, 2:] <= [100, 120]).all()
    )


def test_nine_in_ten_random_rois_lie_around_an_object():
    boxes = np.array([[100, 100, 110, 120], [400, 400, 410, 410], [0, 0, 0, 0]])
    rois = generate_random_rois((500, 500, 3), 100, np.array([1, 2, 0]), boxes)

    def inside(y1, x1, y2, x2):
        return ((rois >= [y1, x1, y1, x1]) & (rois <= [y2, x2, y2, x2])).all(axis=1)

    first, second = inside(90, 80, 120, 140), inside(390, 390, 420, 420)
    assert first[:45].all() and second[45:90].all() and not (first | second)[90:].all()


OBJECTS = np.float32([[[0, 0, 10, 10], [40, 40, 50, 50], [0, 0, 0, 0]]])
ON_FIRST, ON_SECOND, FAR, PADDING = [0, 0, 10, 9], [40, 40, 50, 49], [70, 70, 80, 80], [0, 0, 0, 0]


@pytest.fixture
def draw():
    def of(rois, class_ids=(3, 5, 0), count=6, ratio=0.5, seed=0):
        config = Config.from_dict({"TRAIN_ROIS_PER_IMAGE": count, "ROI_POSITIVE_RATIO": ratio})
        ground_truth = {"gt_class_ids": np.int32([class_ids]), "gt_boxes": OBJECTS}
        return sample_rois(np.float32([rois]), ground_truth, np.int32([seed]), config, "aligned")

    return of


def labels(samples):
    return np.asarray(samples.label)[0].tolist()


def test_positive_rois_come_first_then_background_then_padding(draw):
    samples = draw([FAR, ON_SECOND, PADDING, ON_FIRST])
    assert labels(samples) == [1, 1, 0, -1, -1, -1]
    classes = np.asarray(samples.gather("gt_class_ids"))[0]
    assert sorted(classes[:2]) == [3, 5]
    assert np.asarray(samples.rois)[0, 2].tolist() == FAR
    np.testing.assert_array_equal(samples.valid, [[1, 1, 1, 0, 0, 0]])


def test_objects_themselves_are_no_rois(draw):
    assert labels(draw([FAR])) == [0, -1, -1, -1, -1, -1]


def test_no_more_are_positive_than_their_share(draw):
    assert labels(draw([ON_FIRST] * 9 + [FAR] * 9)) == [1, 1, 1, 0, 0, 0]


def test_background_takes_the_places_that_are_free(draw):
    assert labels(draw([ON_FIRST] + [FAR] * 9)) == [1, 0, 0, 0, 0, 0]


def test_what_touches_a_crowd_is_not_background(draw):
    crowd = draw([[0, 0, 10, 100], FAR], class_ids=(-3, 5, 0))  # IoU 0.1 with the first object
    assert labels(crowd) == [0, -1, -1, -1, -1, -1]
    assert np.asarray(crowd.rois)[0, 0].tolist() == FAR
    assert labels(draw([[0, 0, 10, 100], FAR]))[:2] == [0, 0]


def test_an_image_without_objects_has_background_only(draw):
    assert labels(draw([ON_FIRST, FAR], class_ids=(0, 0, 0))) == [0, 0, -1, -1, -1, -1]
