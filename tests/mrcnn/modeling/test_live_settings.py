"""Settings that are changed after the model was built."""

import types

import pytest

from mrcnn.modeling.build import settings_of
from mrcnn.modeling.live_settings import BUILT_IN, LiveSettings


@pytest.fixture
def watched(plain_config):
    config = plain_config(DETECTION_MIN_CONFIDENCE=0.3)
    return LiveSettings(types.SimpleNamespace(settings=settings_of(config)), config)


def test_nothing_is_to_be_done_where_nothing_changed(watched):
    before = watched.detector.settings
    assert not watched.follow() and watched.detector.settings is before


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("DETECTION_MIN_CONFIDENCE", 0.1, "detections.min_confidence"),
        ("DETECTION_NMS_THRESHOLD", 0.9, "detections.nms_threshold"),
        ("DETECTION_NMS", "soft_linear", "detections.nms"),
        ("DETECTION_NMS_SIGMA", 0.3, "detections.nms_sigma"),
        ("DETECTION_MAX_INSTANCES", 60, "detections.max_detections"),
        ("DETECTION_MAX_INSTANCES", 3, "detections.max_detections"),
        ("DETECTION_ALL_CLASSES", False, "detections.all_classes"),
        ("POST_NMS_ROIS_INFERENCE", 7, "rpn.post_nms_inference"),
        ("RPN_NMS_THRESHOLD", 0.5, "rpn.nms_threshold"),
        ("PRE_NMS_LIMIT", 9, "rpn.pre_nms"),
    ],
)
def test_what_no_layer_was_made_by_takes_effect(watched, name, value, field):
    setattr(watched.config, name, value)
    assert watched.follow() and watched.detector.settings.values()[field] == value
    assert not watched.follow()


def test_a_higher_confidence_needs_no_other_step_and_a_lower_one_does(watched):
    watched.config.DETECTION_MIN_CONFIDENCE = 0.9
    assert not watched.follow() and watched.detector.settings.detections.min_confidence == 0.3
    watched.config.DETECTION_MIN_CONFIDENCE = None
    assert watched.follow() and watched.detector.settings.detections.min_confidence == 0


def test_loss_weights_are_followed_when_their_dict_is_changed(watched):
    watched.config.LOSS_WEIGHTS = dict(watched.config.LOSS_WEIGHTS)
    watched.follow()
    watched.config.LOSS_WEIGHTS["mrcnn_mask_loss"] = 3.0
    watched.config.TRAIN_ROIS_PER_IMAGE = 8
    assert not watched.follow()  # predictions do not read them
    assert watched.detector.settings.roi_sampling.num_samples == 8
    assert watched.detector.settings.loss_weights["mrcnn_mask_loss"] == 3.0
    watched.config.CASCADE_IOU = (0.55, 0.65)
    assert not watched.follow()
    assert watched.detector.settings.roi_sampling.cascade_ious == (0.55, 0.65)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NUM_CLASSES", 9),
        ("BACKBONE", "resnet50"),
        ("MASK_CHANNELS", 4),
        ("TRAIN_BN", True),
        ("RPN_ANCHOR_RATIOS", [1.0]),
        ("ROI_ALIGN", "corners"),
        ("CASCADE_STAGES", 2),
        ("CASCADE_STD_DIVISORS", [4.0, 5.0]),
    ],
)
def test_what_layers_were_made_by_is_refused_until_it_is_set_back(watched, name, value):
    before = getattr(watched.config, name)
    setattr(watched.config, name, value)
    for _ in range(2):
        with pytest.raises(
            ValueError, match=f"{name} was changed from .* after the model was built"
        ):
            watched.follow()
    setattr(watched.config, name, before)
    assert not watched.follow()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DETECTION_MIN_CONFIDENCE", 7),
        ("LOSS_WEIGHTS", {"mrcnn_maks_loss": 0.0}),
        ("DETECTION_MAX_INSTANCES", "many"),
        ("IMAGE_MAX_DIM", 100),
    ],
)
def test_a_value_that_cannot_work_is_refused_as_when_a_config_is_made(watched, name, value):
    setattr(watched.config, name, value)
    with pytest.raises(ValueError, match=name):
        watched.follow()


def test_sizes_and_batches_follow_unless_the_script_has_set_them_too(watched):
    watched.config.IMAGE_MAX_DIM, watched.config.IMAGES_PER_GPU = 128, 5
    watched.follow()
    assert watched.config.image_hw == (128, 128) and watched.config.BATCH_SIZE == 5
    watched.config.IMAGES_PER_GPU, watched.config.BATCH_SIZE = 3, 1
    watched.follow()
    assert watched.config.BATCH_SIZE == 1


def test_built_in_are_settings(plain_config):
    assert all(hasattr(plain_config(), name) for name in BUILT_IN)
