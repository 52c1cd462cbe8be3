"""sample_rois, by hand: objects of 10 x 10 pixels, and rois on them, beside them and far away."""

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.legacy.rois import sample_rois

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
    np.testing.assert_array_equal(samples.used, [[1, 1, 1, 0, 0, 0]])


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
