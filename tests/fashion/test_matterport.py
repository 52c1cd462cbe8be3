"""The attribute forks' names, used as their scripts use them."""

import functools

import keras
import numpy as np
import pytest

import fashion.matterport as modellib
import mrcnn.model
from mrcnn.config import Config
from mrcnn.modeling.detector import Detector


class Garments(modellib.Dataset):
    """Dark squares are plain, light ones striped."""

    def __init__(self):
        super().__init__(self)
        self.add_class("garments", 1, "shirt")
        for i, name in enumerate(("plain", "striped", "torn")):
            self.add_attribute("garments", i + 100, name)
        for i in range(4):
            self.add_image("garments", image_id=i, path=None, labels=[1], attributes=[[i % 2]])

    def load_image(self, image_id):
        image = np.full((64, 64, 3), 120, np.uint8)
        image[10:50, 10:50] = 40 + 180 * (image_id % 2)
        return image

    def load_mask(self, image_id):
        mask, attributes = (
            np.zeros((64, 64, 1), np.uint8),
            np.zeros((1, self.num_attributes), np.int64),
        )
        mask[10:50, 10:50] = 1
        attributes[0, self.image_info[image_id]["attributes"][0]] = 1
        return mask, np.array([1]), attributes


@pytest.fixture(scope="module")
def config(tiny_settings):
    class ForkConfig(Config):
        NAME = "garments"
        NUM_CLASSES = 2
        NUM_ATTR = 3
        VALIDATION_STEPS = 1
        DETECTION_MIN_CONFIDENCE = 0
        DETECTION_ALL_CLASSES = True  # whatever chance makes of the weights, something is found

    for name, value in tiny_settings.items():
        setattr(ForkConfig, name, value)
    return ForkConfig()


@pytest.fixture
def eagerly(monkeypatch):
    monkeypatch.setattr(
        Detector, "compile", functools.partialmethod(Detector.compile, run_eagerly=True)
    )


@pytest.fixture(scope="module")
def model(config, tmp_path_factory):
    keras.utils.set_random_seed(0)
    return modellib.MaskRCNN(
        mode="training", config=config, model_dir=tmp_path_factory.mktemp("logs")
    )


def test_attributes_are_listed_in_the_order_of_adding():
    dataset = Garments()
    dataset.add_attribute("garments", 100, "plain again")
    dataset.prepare()
    assert (dataset.attr_names, dataset.num_attributes) == (["plain", "striped", "torn"], 3)
    assert dataset.attribute_from_source_map["garments.102"] == 2


@pytest.mark.slow
def test_only_the_attribute_head_learns(model, config, eagerly):
    dataset = Garments()
    dataset.prepare()
    before = {w.path: np.asarray(w).copy() for w in model.keras_model.weights}
    model.train(dataset, dataset, learning_rate=0.01, epochs=1, layers="attribute")
    changed = {w.path for w in model.keras_model.weights if (np.asarray(w) != before[w.path]).any()}
    assert changed and all("mrcnn_attribute" in path for path in changed)
    assert "mrcnn_attribute_loss" in model.keras_model.history.history


@pytest.mark.slow
def test_results_hold_the_attributes_above_the_threshold(model):
    layer = model.keras_model.heads[2].logits
    layer.kernel.assign(np.zeros(layer.kernel.shape))
    layer.bias.assign([2.0, -2.0, 0.5])
    (result,) = model.detect([np.full((64, 64, 3), 120, np.uint8)])
    assert len(result["rois"]) > 0 and result["attribute_scores"].shape == (len(result["rois"]), 3)
    assert [found.tolist() for found in result["attribute_indices"]] == [[0, 2]] * len(
        result["rois"]
    )
    assert (result["attributes"] > 0.5).tolist() == [[True, False, True]] * len(result["rois"])


def test_an_image_without_objects_has_no_attributes():
    dataset = Garments()
    dataset.prepare()
    for nothing in (
        (np.zeros((64, 64, 0)), np.zeros(0, int)),
        (np.zeros((64, 64, 0)), np.zeros(0, int), []),
    ):
        dataset.load_mask = lambda image_id, nothing=nothing: nothing
        assert dataset.load_objects(0)[2]["gt_attributes"].shape == (0, 3)


def test_a_config_without_attributes_is_told_what_to_set(tiny_settings):
    with pytest.raises(ValueError, match="NUM_ATTRIBUTES"):
        modellib.MaskRCNN("training", Config.from_dict(tiny_settings | {"NUM_CLASSES": 2}), "logs")


def test_the_other_names_are_those_of_the_library():
    assert modellib.mold_image is mrcnn.model.mold_image and modellib.log is mrcnn.model.log


def test_the_ground_truth_of_an_image_has_the_attributes_as_its_sixth_item(config):
    dataset = Garments()
    dataset.prepare()
    *found, attributes = modellib.load_image_gt(dataset, config, 1, use_mini_mask=False)
    assert attributes.tolist() == [[0, 1, 0]]
    for mine, theirs in zip(found, mrcnn.model.load_image_gt(dataset, config, 1), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    dataset.load_mask = lambda image_id: (np.zeros((64, 64, 0)), np.zeros(0, int))
    assert modellib.load_image_gt(dataset, config, 1)[5].shape == (0, 3)


@pytest.mark.parametrize("known", [np.zeros((2, 4)), np.zeros(3), np.full((2, 3), 0.5)])
def test_attributes_of_another_shape_are_told_with_what_was_expected(known):
    dataset = Garments()
    dataset.prepare()
    dataset.load_mask = lambda image_id: (np.zeros((4, 4, 2), bool), np.array([1, 1]), known)
    with pytest.raises(ValueError, match=r"of shape \(2, 3\), for 3 were added"):
        dataset.load_objects(0)


@pytest.mark.parametrize(
    "known",
    [
        np.array([[0, 2, -1, -1, -1], [-1, -1, -1, -1, -1]]),
        np.array([[2, 0, -1], [-1, -1, -1]]),
        np.array([[100, 102, -1], [-1, -1, -1]]),
        [[0, 2], []],
        [np.array([102, 100]), np.array([])],
        np.array([[0.0, 2.0], [-1.0, -1.0]]),
    ],
)
def test_attributes_may_be_lists_of_ids(known):
    dataset = Garments()
    dataset.prepare()
    dataset.load_mask = lambda image_id: (np.zeros((4, 4, 2), bool), np.array([1, 1]), known)
    assert dataset.load_objects(0)[2]["gt_attributes"].tolist() == [[1, 0, 1], [0, 0, 0]]


def test_an_attribute_id_that_was_not_added_is_named():
    dataset = Garments()
    dataset.prepare()
    dataset.load_mask = lambda image_id: (np.zeros((4, 4, 1), bool), np.array([1]), [[0, 7]])
    with pytest.raises(ValueError, match="attribute id 7"):
        dataset.load_objects(0)
