"""Combination: labels of other lists, classes by mean and by vote, masks of partners."""

import numpy as np
import pytest

from mrcnn.inference.combination import Labels, Rules, Source, ViewBatch, combined
from mrcnn.inference.fusion import FusionSettings

BOX = [10.0, 10.0, 50.0, 50.0]
HW = (100, 100)


def source(rows, fields=None, weight=1.0, labels=None):
    """A view that found rows of (box, score, class id), and says fields of every box."""
    boxes, scores, ids = zip(*rows) if rows else ((), (), ())
    found = {
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "scores": np.array(scores, np.float32),
        "class_ids": np.array(ids, np.int32),
    }

    def describe(boxes, class_ids):
        n = len(boxes[0])
        asked.append(class_ids[0].tolist())
        masks = {"mask_probabilities": np.full((n, 2, 2), 0.5, np.float32)}
        return [masks | {k: np.tile(np.array(v, np.float32), (n, 1)) for k, v in said.items()}]

    said = fields or {}
    asked = []
    made = Source(ViewBatch([found], describe), weight, labels)
    return made, asked


def result(sources, partners=(), num_classes=3, **rules):
    rules = Rules(10, 0.0, FusionSettings("nms"), **rules)
    (found,) = combined(sources, [HW], rules, num_classes=num_classes, partners=partners)
    return found


def test_weights_count_in_boxes_and_in_fields():
    one, _ = source([(BOX, 0.8, 1)], {"attribute_scores": [1, 0]}, weight=3)
    other, _ = source([(BOX, 0.4, 1)], {"attribute_scores": [0, 1]})
    (found,) = combined([one, other], [HW], Rules(10, 0.0, FusionSettings("wbf")), num_classes=3)
    np.testing.assert_allclose(found["scores"], [(3 * 0.8 + 0.4) / 4])
    np.testing.assert_allclose(found["attribute_scores"], [[0.75, 0.25]])


def test_labels_of_another_list_are_matched_and_unknown_ones_have_no_say():
    # The model's class 2 is our 1; our 2 it does not know. Its column 1 is our 0.
    labels = Labels(np.array([0, 2, 0]), {"attribute_scores": np.array([1, -1])})
    ours, asked = source([(BOX, 0.6, 2)], {"attribute_scores": [0.2, 0.4]})
    rows = [(BOX, 0.9, 2), ([60, 60, 90, 90], 0.7, 1)]
    theirs, theirs_asked = source(rows, {"attribute_scores": [0.9, 0.8]}, labels=labels)
    found = result([ours, theirs])
    assert found["class_ids"].tolist() == [1, 2]  # its class 1 is none of ours
    np.testing.assert_allclose(found["scores"], [0.9, 0.6])  # no mean with one that knows no 2
    np.testing.assert_allclose(found["attribute_scores"], [[0.5, 0.4], [0.2, 0.4]], rtol=1e-6)
    assert asked == [[1, 2]] and theirs_asked == [[2, 1]]


def test_what_a_model_has_not_learned_for_a_class_does_not_count():
    known = {"attribute_scores": np.array([[True], [False], [True]])}
    labels = Labels(np.array([0, 1, 2]), {"attribute_scores": np.array([0])}, known)
    ours, _ = source([(BOX, 0.6, 1), ([60, 60, 90, 90], 0.5, 2)], {"attribute_scores": [0.2]})
    theirs, _ = source([], {"attribute_scores": [1.0]}, labels=labels)
    found = result([ours, theirs])
    np.testing.assert_allclose(found["attribute_scores"], [[0.2], [0.6]], rtol=1e-6)


def test_attributes_may_be_voted_on():
    said = ([0.6, 0.4], [0.55, 0.3], [0.1, 0.9])
    sources = [
        source([(BOX, 0.5, 1)], {"attribute_scores": own}, weight)[0]
        for own, weight in zip(said, (1, 1, 2))
    ]
    found = result(sources, votes={"attribute_scores": 0.5})
    np.testing.assert_allclose(found["attribute_scores"], [[0.5, 0.5]])


class Classifier:
    """Says the same of every box."""

    def __init__(self, probabilities, weight=1.0):
        self.probabilities, self.weight = np.array(probabilities), weight

    def masks(self, *_):
        return None

    def classes(self, kept, boxes):
        assert kept == "photo"
        return np.tile(self.probabilities, (len(boxes), 1))


def test_the_mean_of_probabilities_may_change_a_class_and_its_score():
    said = {"class_probabilities": [0.1, 0.5, 0.4]}
    detector, _ = source([(BOX, 0.6, 1)], said)
    partner = Classifier([0.0, 0.2, 0.8])
    found = result([detector], [(partner, ["photo"])], categories="mean")
    assert found["class_ids"].tolist() == [2] and "class_probabilities" not in found
    np.testing.assert_allclose(found["scores"], [(0.4 + 0.8) / 2], rtol=1e-6)
    agreeing = Classifier([0.0, 0.7, 0.3])
    found = result([detector], [(agreeing, ["photo"])], categories="mean")
    assert found["class_ids"].tolist() == [1]
    np.testing.assert_allclose(found["scores"], [(0.6 + 0.7) / 2], rtol=1e-6)


def test_votes_are_weighted_and_a_tie_keeps_the_class():
    said = {"class_probabilities": [0.1, 0.5, 0.4]}
    detector, _ = source([(BOX, 0.6, 1)], said)
    for weight, class_id, share in ((1.0, 1, 0.5), (3.0, 2, 0.75)):
        partner = Classifier([0.9, 0.0, 0.1], weight)
        found = result([detector], [(partner, ["photo"])], categories="vote")
        assert found["class_ids"].tolist() == [class_id]
        np.testing.assert_allclose(found["scores"], [0.6 * share], rtol=1e-6)


def test_boxes_that_become_of_one_class_are_one_object():
    said = {"class_probabilities": [0.0, 0.5, 0.5]}
    detector, _ = source([(BOX, 0.6, 1), (BOX, 0.5, 2)], said)
    partner = Classifier([0.0, 0.0, 1.0])
    found = result([detector], [(partner, ["photo"])], categories="mean")
    assert found["class_ids"].tolist() == [2]


class Masks:
    weight = 2.0

    def masks(self, kept, boxes, class_ids, mask_hw):
        return np.ones((len(boxes), *mask_hw)), class_ids == 1

    def classes(self, *_):
        return None


def test_a_partner_joins_the_masks_of_the_classes_that_it_knows():
    detector, _ = source([(BOX, 0.6, 1), ([60, 60, 90, 90], 0.5, 2)])
    found = result([detector], [(Masks(), [None])])
    np.testing.assert_allclose(found["mask_probabilities"][0], (0.5 + 2) / 3, rtol=1e-6)
    np.testing.assert_allclose(found["mask_probabilities"][1], 0.5)


def test_an_image_without_detections_has_empty_fields():
    detector, _ = source([], {"attribute_scores": [0.1], "class_probabilities": [0.2, 0.8, 0]})
    for rule in ("boxes", "mean", "vote"):
        found = result([detector], [(Classifier([0, 1, 0]), ["photo"])], categories=rule)
        assert found["scores"].shape == (0,) and found["attribute_scores"].shape == (0, 1)
        assert found["mask_probabilities"].shape == (0, 2, 2)


def test_an_unknown_rule_is_told():
    with pytest.raises(ValueError, match="boxes, mean, vote"):
        Rules(1, 0.0, categories="median")
