"""Training of a classifier of garments, and the looks at objects and detections."""

import numpy as np
import pytest

from fashion.classify.garments.training import (
    classification_accuracy,
    classify_detections,
    make_optimizer,
)


def test_the_share_of_objects_that_are_recognised(garments, color_rescorer, monkeypatch):
    dataset = garments(3)
    assert classification_accuracy(color_rescorer, dataset) == 1.0
    runs_of = type(dataset).load_objects
    monkeypatch.setattr(
        type(dataset), "load_objects", lambda self, i: (runs_of(self, i)[0], np.array([2, 2]), {})
    )
    assert (
        classification_accuracy(color_rescorer, dataset) == 0.5
    )  # the coats are said to be skirts
    monkeypatch.setattr(
        type(dataset), "load_objects", lambda self, i: (runs_of(self, i)[0], np.array([-1, 2]), {})
    )
    assert classification_accuracy(color_rescorer, dataset) == 1.0  # and crowds do not count


def test_a_classify_detections_says_how_probable_each_class_is_and_what_its_box_shows(
    garments, color_rescorer
):
    boxes = np.array([[10, 5, 30, 25], [30, 40, 40, 70], [0, 45, 10, 75.0]])
    said, shows = classify_detections(color_rescorer, garments(1), 0, boxes, np.array([1, 1, 1]))
    assert (
        shows.tolist() == [1, 2, 0]
        and said.shape == (3,)
        and said[0] > 0.99
        and max(said[1:]) < 0.01
    )
    said, shows = classify_detections(
        color_rescorer, garments(1), 0, np.zeros((0, 4)), np.zeros(0, int)
    )
    assert said.shape == shows.shape == (0,)


def test_the_rate_rises_and_falls():
    optimizer = make_optimizer(0.01, 1000)
    rate = [float(optimizer._learning_rate(step)) for step in (0, 49, 525, 1000)]
    assert (
        rate[0] == pytest.approx(0.01 / 50)
        and rate[1] == pytest.approx(0.01)
        and 0.004 < rate[2] < 0.006
        and rate[3] < 0.0002
    )
