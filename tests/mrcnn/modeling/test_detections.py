"""Detections: chosen, clipped, thinned out and padded, by hand."""

import dataclasses

import numpy as np
import pytest
from keras import ops

from mrcnn.modeling.detections import DetectionSettings, select_detections

STD = (0.1, 0.1, 0.2, 0.2)
SETTINGS = DetectionSettings(min_confidence=0.3, nms_threshold=0.5, max_detections=4)
APART = np.float32([[0, 0, 10, 10], [20, 20, 40, 40], [50, 50, 60, 70]])


def select(
    probabilities, proposals=APART, deltas=None, valid=None, window=(0, 0, 64, 64), **settings
):
    probabilities = np.float32([probabilities])
    count, classes = probabilities.shape[1:]
    deltas = (
        np.zeros((1, count, classes, 4), np.float32) if deltas is None else np.float32([deltas])
    )
    valid = np.ones((1, count), bool) if valid is None else np.array([valid])
    arrays = (np.log(probabilities), deltas, np.float32([proposals]), valid, np.float32([window]))
    found = select_detections(
        *(ops.convert_to_tensor(a) for a in arrays),
        std=STD,
        settings=dataclasses.replace(SETTINGS, **settings),
    )
    return {name: np.asarray(column)[0] for name, column in found.items()}


def test_the_best_class_of_each_proposal_best_first():
    found = select([[0.1, 0.5, 0.4], [0.1, 0.2, 0.7], [0.8, 0.1, 0.1]])
    assert found["class_ids"].tolist() == [2, 1, 0, 0]
    np.testing.assert_allclose(found["scores"], [0.7, 0.5, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(found["boxes"], [APART[1], APART[0], [0] * 4, [0] * 4], atol=1e-4)
    assert found["valid"].tolist() == [True, True, False, False]


def test_all_classes_answers_for_every_class_above_the_confidence():
    found = select([[0.1, 0.5, 0.4], [0.1, 0.2, 0.7], [0.8, 0.1, 0.1]], all_classes=True)
    assert found["class_ids"].tolist() == [2, 1, 2, 0]
    np.testing.assert_allclose(found["boxes"][1], found["boxes"][2])


def test_deltas_are_those_of_the_detected_class():
    deltas = np.zeros((3, 3, 4))
    deltas[1, 2] = 2.5, 0, 0, 0  # a quarter of the height down
    found = select([[0.9, 0.05, 0.05], [0.1, 0.2, 0.7], [0.9, 0.05, 0.05]], deltas=deltas)
    np.testing.assert_allclose(found["boxes"][0], [25, 20, 45, 40], atol=1e-4)


def test_boxes_are_clipped_to_the_photo_and_dropped_outside_it():
    found = select([[0.1, 0.9]] * 3, window=(5, 0, 30, 64))
    np.testing.assert_allclose(found["boxes"][:2], [[5, 0, 10, 10], [20, 20, 30, 40]], atol=1e-4)
    assert found["valid"].tolist() == [True, True, False, False]


def test_overlapping_detections_suppress_each_other_within_a_class_only():
    found = select([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.3, 0.1, 0.6]], proposals=[APART[0]] * 3)
    assert found["class_ids"].tolist() == [1, 2, 0, 0]


@pytest.mark.parametrize("all_classes", [False, True])
def test_padded_proposals_are_no_detections(all_classes):
    found = select([[0.1, 0.8, 0.1]] * 3, valid=[False, True, False], all_classes=all_classes)
    np.testing.assert_allclose(found["boxes"][0], APART[1], atol=1e-4)
    assert found["valid"].sum() == 1


@pytest.mark.parametrize("all_classes", [False, True])
def test_nothing_found_is_all_zeros(all_classes):
    found = select([[0.98, 0.01, 0.01]] * 3, all_classes=all_classes)
    assert all(not column.any() for column in found.values())


def test_no_confidence_asked_for_still_leaves_out_other_classes():
    found = select([[0.1, 0.5, 0.4]] * 3, min_confidence=0.0, max_detections=9)
    assert found["class_ids"].tolist() == [1, 1, 1] + [0] * 6


def test_a_background_logit_makes_every_object_less_likely():
    """A logit of log 3 for odds of .6 to .4: .6 / (.6 + 3 * .4) = 1/3."""
    probabilities = [[0.4, 0.6], [0.1, 0.9], [0.9, 0.1]]
    found = select(probabilities, all_classes=True, background_logit=float(np.log(3)))
    np.testing.assert_allclose(found["scores"][:2], [0.75, 1 / 3], rtol=1e-5)
    assert select(probabilities)["scores"][0] == pytest.approx(0.9)


def test_soft_suppression_lowers_scores_and_the_least_confidence_is_of_the_lowered():
    proposals = np.float32([[0, 0, 10, 10], [0, 2, 10, 10], [20, 20, 40, 40]])
    likely = [[0.1, 0.9], [0.4, 0.6], [0.45, 0.55]]
    assert select(likely, proposals)["scores"].tolist() == pytest.approx([0.9, 0.55, 0, 0])
    soft = {"nms": "soft_linear", "nms_threshold": 0.5}
    found = select(likely, proposals, min_confidence=0.1, **soft)
    assert found["scores"].tolist() == pytest.approx([0.9, 0.55, 0.12, 0])
    np.testing.assert_allclose(found["boxes"][2], proposals[1], atol=1e-4)
    assert select(likely, proposals, **soft)["valid"].tolist() == [True, True, False, False]
    gaussian = select(likely, proposals, min_confidence=0.0, nms="soft_gaussian", nms_sigma=1.0)
    assert gaussian["scores"][2] == pytest.approx(0.6 * np.exp(-0.64))
