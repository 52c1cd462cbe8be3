"""Rescorer: new scores from a second look."""

import numpy as np
import pytest

from fashion.classify.garments.rescorer import (
    AT_ONCE,
    Rescorer,
    build_classifier,
    load_rescorer,
    new_scores,
)
from fashion.labels.ontology import Ontology
from mrcnn.weights.layer_files import save_weights

COAT, SKIRT, GREY = [10, 5, 30, 25], [30, 40, 40, 70], [0, 45, 10, 75]


def test_a_new_score_lies_between_the_score_and_the_probability():
    assert new_scores([0.25], [0.81], 0.5) == pytest.approx(0.45)
    assert new_scores([0.25, 0.5], [0.81, 0.1], 0).tolist() == [0.25, 0.5]
    assert new_scores([0.25, 0.5], [0.81, 0.1], 1) == pytest.approx([0.81, 0.1])
    assert np.isfinite(new_scores([0.5], [0.0], 1)).all()


def test_probabilities_are_of_each_box_however_many_there_are(garments, color_rescorer):
    photo = garments(1).load_image(0)
    said = color_rescorer.probabilities(photo, [COAT, SKIRT, GREY] * AT_ONCE)
    assert said.shape == (3 * AT_ONCE, 3) and said.sum(axis=1) == pytest.approx(1)
    assert (said.argmax(axis=1) == np.tile([1, 2, 0], AT_ONCE)).all()
    assert color_rescorer.probabilities(photo, np.zeros((0, 4))).shape == (0, 3)


def test_a_result_is_sorted_anew_and_what_falls_below_the_least_score_goes(
    garments, color_rescorer
):
    result = {
        "boxes": np.array([GREY, SKIRT, COAT, SKIRT], np.float32),
        "class_ids": np.array([1, 1, 1, 2]),
        "scores": np.array([0.9, 0.8, 0.5, 0.4], np.float32),
        "mask_probabilities": np.arange(4.0).reshape(4, 1, 1),
        "attribute_scores": np.arange(8).reshape(4, 2),
        "image_hw": (60, 80),
    }
    after = color_rescorer(garments(1).load_image(0), result, min_score=0.3)
    assert after["class_ids"].tolist() == [1, 2] and after[
        "mask_probabilities"
    ].ravel().tolist() == [2, 3]
    assert after["attribute_scores"].tolist() == [[4, 5], [6, 7]] and after["image_hw"] == (60, 80)
    assert (
        after["scores"] == pytest.approx([0.5**0.5, 0.4**0.5], abs=0.01)
        and after["scores"].dtype == np.float32
    )
    assert len(result["scores"]) == 4  # is left as it was


def test_no_detection_is_lost_that_could_reach_the_least_score(color_rescorer, monkeypatch):
    assert color_rescorer.min_score_before(0.5) == 0.25 and new_scores(
        [0.25], [1.0], 0.5
    ) == pytest.approx(0.5)
    for weight, least in ((0, 0.5), (1, 0.0)):
        monkeypatch.setattr(color_rescorer, "weight", weight)
        assert color_rescorer.min_score_before(0.5) == least


@pytest.mark.slow
def test_a_file_gives_the_same_rescorer_back(labels, tmp_path, garments):
    backbone = "efficientnet_lite0"
    rescorer = Rescorer(
        build_classifier(backbone, 3), backbone, 32, labels, weight=0.3, about={"trained_on": ["a"]}
    )
    rescorer.save(tmp_path / "rescorer.h5")
    again, photo = load_rescorer(tmp_path, labels), garments(1).load_image(0)  # or its folder
    assert (again.weight, again.size, again.about) == (0.3, 32, rescorer.about)
    assert np.array_equal(again.probabilities(photo, [COAT]), rescorer.probabilities(photo, [COAT]))


def test_a_file_that_does_not_fit_is_told(color_rescorer, labels, tmp_path):
    color_rescorer.save(tmp_path / "rescorer.h5")
    other = Ontology((7, 3), ("coat", "dress"), ("", ""), (), (), (), ())
    with pytest.raises(ValueError, match="trained for other categories.*`fashion rescore`"):
        load_rescorer(tmp_path / "rescorer.h5", other)
    save_weights(color_rescorer.network, tmp_path / "detector.h5", metadata={})
    with pytest.raises(ValueError, match="not a re-scoring classifier"):
        load_rescorer(tmp_path / "detector.h5", labels)
    with pytest.raises(
        FileNotFoundError, match="There is no .*rescorer.h5. Give rescorer.h5 of `fashion rescore`"
    ):
        load_rescorer(tmp_path / "elsewhere" / "rescorer.h5", labels)
    with pytest.raises(ValueError, match="A backbone is one of .*Got 'resnet7'"):
        build_classifier("resnet7", 3)


@pytest.mark.slow
def test_channels_come_last_whatever_keras_is_told(channels_first):
    network = build_classifier("efficientnet_lite0", 3)
    assert network(np.zeros((1, 64, 64, 3), np.float32)).shape == (1, 3)
