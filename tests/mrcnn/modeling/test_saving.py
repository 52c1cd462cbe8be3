"""A detector is a Keras model like any other: built in a few lines, saved, copied, pickled."""

import copy
import pickle

import keras
import numpy as np
import pytest

import mrcnn
from mrcnn.modeling.build import build_detector
from mrcnn.modeling.detector import DetectorSettings
from mrcnn.ops.pixel_convention import CORNERS

SETTINGS = {
    "plain": {},
    "half precision": {"MIXED_PRECISION": True, "NECK_GATE": "cbam"},
    "cascade, refined masks": {"CASCADE_STAGES": 3, "MASK_SHAPE": [56, 56]},
    "one level, by corners": {"NECK": "none", "ROI_ALIGN": "corners", "TRAIN_BN": None},
}


@pytest.fixture(scope="module", params=SETTINGS)
def detector(plain_config, request):
    return built(plain_config, request.param)


@pytest.fixture(scope="module")
def gated(plain_config):
    """In half precision and with gates, which have the most to save."""
    return built(plain_config, "half precision")


def built(plain_config, name):
    keras.utils.set_random_seed(0)
    return build_detector(plain_config(**SETTINGS[name]))


@pytest.fixture
def inputs(rng):
    images = rng.normal(size=(1, 64, 64, 3)).astype(np.float32)
    return {"images": images, "windows": np.float32([[0, 0, 64, 64]])}


def assert_equal(one, other, inputs):
    assert [w.path for w in one.weights] == [w.path for w in other.weights]
    assert (one.settings, one.convention) == (other.settings, other.convention)
    found = other(inputs)
    for name, column in one(inputs).items():
        np.testing.assert_array_equal(column, found[name])


@pytest.mark.slow
def test_a_config_makes_the_same_network_with_fresh_weights(detector, inputs):
    again = mrcnn.Detector.from_config(detector.get_config())
    again.set_weights(detector.get_weights())
    assert_equal(detector, again, inputs)


# Each of these makes the network of its config, as above, so one network will do.


@pytest.mark.slow
def test_a_clone_has_the_same_weights_and_a_config_as_text(gated):
    cloned = keras.models.clone_model(gated)
    assert [w.shape for w in cloned.weights] == [w.shape for w in gated.weights]
    assert cloned.to_json()


@pytest.mark.slow
def test_a_keras_file_holds_the_whole_model(gated, inputs, tmp_path):
    gated.save(tmp_path / "detector.keras")
    assert_equal(gated, keras.saving.load_model(tmp_path / "detector.keras"), inputs)


@pytest.mark.slow
def test_pickles_and_deep_copies_are_whole_models(gated, inputs):
    assert_equal(gated, pickle.loads(pickle.dumps(gated)), inputs)
    assert_equal(gated, copy.deepcopy(gated), inputs)


@pytest.mark.slow
def test_every_part_comes_back_from_its_config(detector):
    for part in (detector.neck, detector.rpn, *detector.heads):
        again = type(part).from_config(part.get_config())
        assert again.get_config() == part.get_config()


@pytest.mark.slow
def test_the_convention_of_loaded_weights_is_kept(plain_config):
    detector = build_detector(plain_config())
    detector.set_convention("corners")
    assert mrcnn.Detector.from_config(detector.get_config()).convention is CORNERS


@pytest.mark.slow
def test_a_detector_in_ten_lines_without_a_config(rng):
    """As the README shows it, but smaller."""
    from mrcnn.modeling.backbones.efficientnet_lite import efficientnet_lite
    from mrcnn.modeling.box_head import BoxHead
    from mrcnn.modeling.mask_head import MaskHead
    from mrcnn.modeling.necks import FPN
    from mrcnn.modeling.rpn import RPNHead

    detector = mrcnn.Detector(
        efficientnet_lite("efficientnet_lite0"),
        FPN(8),
        RPNHead(8),
        BoxHead(num_classes=4, hidden=16),
        [MaskHead(num_classes=4, channels=8)],
        DetectorSettings().replace({"detections.min_confidence": 0.0}),
    )
    images = rng.normal(size=(1, 64, 64, 3)).astype(np.float32)
    found = detector({"images": images, "windows": np.float32([[0, 0, 64, 64]])})
    assert found["boxes"].shape == (1, 100, 4)
    assert found["mask_probabilities"].shape == (1, 100, 28, 28)


def test_settings_are_listed_and_replaced_by_dotted_names():
    settings = DetectorSettings().replace({"rpn.pre_nms": 7, "roi_align": "corners"})
    assert settings.rpn.pre_nms == settings.values()["rpn.pre_nms"] == 7
    assert settings.roi_align == "corners" and DetectorSettings().rpn.pre_nms == 6000
    assert DetectorSettings.from_values(settings.values()) == settings
