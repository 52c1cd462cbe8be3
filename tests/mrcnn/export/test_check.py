"""The check of an export finds what is lost, added, moved or no number."""

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.data.placement import Placement
from mrcnn.export.check import (
    ExportCheckFailed,
    ScoreCheck,
    check_detections,
    check_outputs,
    check_scores,
)
from mrcnn.inference.batching import BatchPredictor
from mrcnn.inference.final_scores import ScoreSettings, final_scores


class Fixed(BatchPredictor):
    """Finds the same in every image."""

    config = Config()

    def __init__(self, **changes):
        self.found = {
            "boxes": np.array([[0, 0, 9, 9], [20, 20, 40, 40], [50, 50, 60, 90]], np.float32),
            "class_ids": np.array([1, 2, 1]),
            "scores": np.array([0.9, 0.5, 0.2], np.float32),
            "mask_probabilities": np.full((3, 2, 2), 0.5, np.float32),
            "valid": np.ones(3, bool),
        }
        for name, change in changes.items():
            self.found[name] = change(self.found[name].copy())

    def _canvas(self, photo, name):
        return photo, Placement((64, 64), (64, 64), (0, 0), (64, 64))

    def detect_molded(self, images, windows):
        return {name: column[None] for name, column in self.found.items()}


IMAGES = [np.zeros((64, 64, 3), np.uint8)] * 2


def at(index, value):
    def change(column):
        column[index] = value
        return column

    return change


def test_equal_files_pass_and_the_worst_difference_is_told():
    found = check_detections(Fixed(), Fixed(boxes=lambda b: b + np.float32(5e-4)), IMAGES, 0.01)
    assert (found["images"], found["rows"], found["reordered"]) == (2, 6, 0)
    assert found["worst"]["boxes"] == pytest.approx(5e-4, rel=0.1)
    assert found["worst"]["scores"] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boxes": lambda b: b + 0.01}, "boxes differ by up to 0.01"),
        ({"scores": lambda s: s - 1e-4}, "scores differ"),
        ({"mask_probabilities": lambda m: m + np.nan}, "mask_probabilities differ by up to nan"),
        ({"class_ids": at(1, 3)}, "1 detections are missing, and 1 are found by the file only"),
        ({"valid": at(2, False)}, "missing"),
        ({"boxes": at(0, [3, 3, 12, 12])}, "missing"),
    ],
)
def test_a_difference_is_refused(changes, message):
    with pytest.raises(ExportCheckFailed, match=message):
        check_detections(Fixed(), Fixed(**changes), IMAGES[:1], 0.01)


def test_what_only_one_side_finds_at_the_least_score_is_rounding():
    found = check_detections(Fixed(), Fixed(valid=at(2, False)), IMAGES, least_score=0.2)
    assert found["rows"] == 4


def test_rows_in_another_order_are_partners():
    order = [0, 2, 1]
    swapped = Fixed(**dict.fromkeys(["boxes", "class_ids", "scores"], lambda c: c[order]))
    assert check_detections(Fixed(), swapped, IMAGES, 0.01)["reordered"] == 4


def test_a_mask_cell_at_the_threshold_explains_a_score_and_nothing_else_does():
    """One cell of 0.5 up to rounding is part of the mask in Keras, and not in the file."""
    settings = ScoreSettings(mask_certainty=1.0, calibration=(1.2, -0.5))
    ours, theirs = (np.full((3, 2, 2), 0.9, np.float32) for _ in range(2))
    ours[0, 0, 0], theirs[0, 0, 0] = 0.5, 0.499999
    before = np.array([0.9, 0.5, 0.4], np.float32)

    def fixed(masks, off=0.0):
        found = Fixed(mask_probabilities=lambda m: masks).found
        scores = final_scores(found | {"scores": before}, settings) + np.float32(off)
        return Fixed(mask_probabilities=lambda m: masks, scores=lambda s: scores)

    assert np.abs(fixed(ours).found["scores"] - fixed(theirs).found["scores"]).max() > 1e-3
    found = check_detections(fixed(ours), fixed(theirs), IMAGES, 0.01, settings)
    assert found["worst"]["scores"] < 1e-6
    with pytest.raises(ExportCheckFailed, match="scores differ by up to 0.0001, in image 1"):
        check_detections(fixed(ours), fixed(theirs, 1e-4), IMAGES, 0.01, settings)


def test_a_check_that_sees_nothing_is_no_check():
    nothing = Fixed(valid=lambda v: v & False)
    with pytest.raises(ValueError, match="detects nothing in the 2 images"):
        check_detections(nothing, nothing, IMAGES, 0.01)
    with pytest.raises(ValueError, match="a loss could not be seen"):
        check_scores(nothing, nothing, ScoreCheck(lambda predictor: 0.0))
    with pytest.raises(ValueError, match="none were given"):
        check_outputs([], [])


def test_outputs_are_compared_by_value_and_by_share():
    one = {"labels": np.array([[1, 2, 3, 4]]), "probabilities": np.full((1, 4), 0.5)}
    other = {"labels": np.array([[1, 2, 3, 0]]), "probabilities": np.full((1, 4), 0.51)}
    assert check_outputs([one], [one])["worst"] == {"labels": 0, "probabilities": 0}
    with pytest.raises(ExportCheckFailed, match=r"labels by 0.25.*probabilities by 0.01"):
        check_outputs([one], [other])
