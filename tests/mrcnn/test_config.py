"""Config: Matterport's way of use, errors that say what would work, and the way to a file and
back."""

import copy
import functools
import json

import numpy as np
import pytest

import mrcnn.config
from mrcnn.config import Config, parse_setting


def config(**settings):
    return type("Mine", (Config,), settings)()


def test_a_subclass_overrides_class_attributes_and_may_add_its_own():
    mine = config(NAME="balloons", NUM_CLASSES=2, IMAGES_PER_GPU=3, GPU_COUNT=2, MY_OWN=7)
    assert (mine.NAME, mine.BATCH_SIZE, mine.MY_OWN, mine.IMAGE_META_SIZE) == ("balloons", 6, 7, 14)
    assert Config.NUM_CLASSES == 1


def test_square_canvases_go_by_the_longer_side_and_portraits_by_both():
    assert config(IMAGE_MAX_DIM=1024, IMAGE_MIN_DIM=800).image_hw == (1024, 1024)
    assert config(IMAGE_RESIZE_MODE="portrait", IMAGE_MAX_DIM=384, IMAGE_MIN_DIM=256).image_hw == (
        384,
        256,
    )
    assert config().IMAGE_SHAPE.tolist() == [1024, 1024, 3]


@pytest.mark.parametrize(
    ("backbone", "mean"),
    [("resnet50", 123.7), ("efficientnet_lite0", 127.0), (lambda config: None, 123.7)],
)
def test_pixels_are_normalised_as_the_backbone_was_trained(backbone, mean):
    assert config(BACKBONE=backbone).MEAN_PIXEL[0] == pytest.approx(mean)


@pytest.mark.parametrize(
    "backbone",
    [
        "resnext50_32x4d",
        "resnext101_32x8d",
        "efficientnet_b0",
        "efficientnet_b4",
        "efficientnetv2_b3",
        "convnext_tiny",
    ],
)
def test_imagenets_statistics_are_those_that_torchvision_and_keras_publish(backbone):
    mine = config(BACKBONE=backbone)
    np.testing.assert_allclose(mine.MEAN_PIXEL / 255, [0.485, 0.456, 0.406], rtol=1e-6)
    np.testing.assert_allclose(mine.PIXEL_STD / 255, [0.229, 0.224, 0.225], rtol=1e-6)


def test_mobilenetv3_reads_pixels_from_minus_1_to_1():
    mine = config(BACKBONE="mobilenetv3_small")
    assert mine.MEAN_PIXEL.tolist() == mine.PIXEL_STD.tolist() == [127.5] * 3


def test_efficientnetv2_s_reads_pixels_from_minus_1_to_1():
    mine = config(BACKBONE="efficientnetv2_s")
    assert mine.MEAN_PIXEL.tolist() == mine.PIXEL_STD.tolist() == [128, 128, 128]


def test_without_a_neck_one_level_has_every_pair_of_a_ratio_and_a_scale():
    mine = config(NECK="none", RPN_ANCHOR_SCALES=(8, 16), RPN_ANCHOR_RATIOS=(0.5, 1, 2))
    assert tuple(mine.BACKBONE_STRIDES) == (16,)
    assert mine.anchor_shapes == (((8, 16, 8, 16, 8, 16),), (0.5, 0.5, 1, 1, 2, 2))
    assert Config.from_dict(mine.to_dict()).anchor_shapes == mine.anchor_shapes


def test_a_mean_pixel_of_ones_own_is_kept():
    assert config(MEAN_PIXEL=[1, 2, 3]).MEAN_PIXEL.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"IMAGE_MAX_DIM": 1000}, "multiple of 64.*Got 1000.*960 and 1024"),
        ({"IMAGE_MAX_DIM": 32, "IMAGE_MIN_DIM": 32}, "Got 32.*64 and 128"),
        ({"IMAGE_RESIZE_MODE": "portrait", "IMAGE_MIN_DIM": 300}, "IMAGE_MIN_DIM.*256 and 320"),
        ({"IMAGE_RESIZE_MODE": "portrait", "IMAGE_MIN_DIM": 1088}, "must not exceed"),
        ({"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 300}, "IMAGE_MIN_DIM.*256 and 320"),
        ({"IMAGE_RESIZE_MODE": "round"}, "one of .*'square'.*Got 'round'"),
        ({"NECK": "pan"}, "fpn.*none.*Got 'pan'"),
        ({"NECK_GATE": "eca"}, "none.*se.*cbam.*Got 'eca'"),
        ({"OPTIMIZER": "adamax"}, "sgd.*adamw.*Got 'adamax'"),
        ({"LR_SCHEDULE": "linear"}, "constant.*cosine"),
        ({"ROI_ALIGN": "centres"}, "aligned.*corners"),
        ({"NUM_CLASSES": 0}, "NUM_CLASSES must be a whole number, at least 1. Got 0"),
        ({"IMAGES_PER_GPU": 0}, "IMAGES_PER_GPU must be a whole number, at least 1"),
        ({"MAX_GT_INSTANCES": 0}, "MAX_GT_INSTANCES must be a whole number, at least 1"),
        ({"ROI_POSITIVE_RATIO": 33}, "fraction.*0..1. Got 33"),
        (
            {"RPN_ANCHOR_SCALES": (8, 16, 32, 64, 128, 256)},
            r"each of the 5 pyramid levels.*set RPN_ANCHOR_SCALES = \(8, 16, 32, 64, 128\)",
        ),
        ({"WEIGHT_DECAY": -1}, "WEIGHT_DECAY must be a number, at least 0. Got -1"),
        ({"STEPS_PER_EPOCH": -5}, "STEPS_PER_EPOCH must be a number, at least 0, or None. Got -5"),
        ({"RPN_ANCHOR_RATIOS": ()}, "RPN_ANCHOR_RATIOS must be a list of one or more numbers"),
        ({"BBOX_STD_DEV": (0.1,)}, "BBOX_STD_DEV must be a list of 4 numbers"),
        ({"BBOX_STD_DEV": -1}, "BBOX_STD_DEV must be a list of 4 numbers above 0. Got -1"),
        ({"MASK_BUCKETS": []}, "MASK_BUCKETS must be a list"),
        ({"JIT_COMPILE": "off"}, "JIT_COMPILE must be True or False, or 'auto'. Got 'off'"),
        ({"IMAGE_MAX_DIM": "=cmd|x"}, "IMAGE_MAX_DIM must be a whole number.*'=cmd|x'"),
        ({"IMAGE_MAX_DIM": None}, "IMAGE_MAX_DIM must be a multiple of 64"),
        ({"ROI_POSITIVE_RATIO": None}, "ROI_POSITIVE_RATIO must be a fraction"),
        ({"IMAGE_CHANNEL_COUNT": ""}, "IMAGE_CHANNEL_COUNT must be a whole number"),
        ({"IMAGE_CHANNEL_COUNT": 10**30}, "IMAGE_CHANNEL_COUNT must be .* at most 4096"),
        (
            {"FPN_CLASSIF_FC_LAYERS_SIZE": [1, 2, 3]},
            r"FPN_CLASSIF_FC_LAYERS_SIZE must be .*Got \[1, 2, 3\]",
        ),
        ({"IMAGE_RESIZE_MODE": ["square"]}, "IMAGE_RESIZE_MODE must be one of"),
        ({"SCALE_JITTER": ["a", "b"]}, "SCALE_JITTER must be"),
        ({"MEAN_PIXEL": "grey"}, "MEAN_PIXEL must be a list"),
        ({"BACKBONE": None}, "BACKBONE must be the name"),
        ({"NUM_CLASSES": float("nan")}, "NUM_CLASSES must be a whole number"),
        (
            {"LOSS_WEIGHTS": {"mrcnn_maks_loss": 0}},
            "'mrcnn_maks_loss'. Did you mean 'mrcnn_mask_loss'",
        ),
        (
            {"LOSS_WEIGHTS": {"mrcnn_mask_loss": "1"}},
            r"LOSS_WEIGHTS\['mrcnn_mask_loss'\] must be a number",
        ),
        ({"LOSS_WEIGHTS": [1]}, "LOSS_WEIGHTS must be a dict"),
        ({"MASK_SHAPE": (42, 42)}, r"MASK_SHAPE = \(28, 28\) or \(56, 56\)"),
        ({"MASK_SHAPE": (28, 56)}, r"MASK_SHAPE must be twice.*Got \(28, 56\) for 14"),
        ({"IMAGE_CHANNEL_COUNT": 4}, "MEAN_PIXEL needs one number for each.*= 4"),
        ({"DETECTION_NMS": "soft"}, "DETECTION_NMS must be one of.*soft_gaussian.*Got 'soft'"),
        ({"DETECTION_NMS_SIGMA": 0}, "DETECTION_NMS_SIGMA must be a number above 0. Got 0"),
        ({"CASCADE_STAGES": 0}, "CASCADE_STAGES must be a whole number, at least 1, at most 3"),
        ({"CASCADE_STAGES": 4}, "CASCADE_STAGES must be .*at most 3. Got 4"),
        ({"CASCADE_STAGES": 3, "CASCADE_IOU": [0.6]}, r"CASCADE_IOU needs.*: 2 with.*Got \[0.6\]"),
        ({"CASCADE_STAGES": 2, "CASCADE_IOU": [0.4]}, r"CASCADE_IOU must not fall.*Got \[0.4\]"),
        ({"CASCADE_STAGES": 3, "CASCADE_IOU": [0.7, 0.6]}, "CASCADE_IOU must not fall"),
        ({"CASCADE_STAGES": 3, "CASCADE_IOU": [0.7, 1.0]}, "CASCADE_IOU.*stays below 1"),
        ({"CASCADE_IOU": 0.6}, "CASCADE_IOU must be a list of one or more fractions. Got 0.6"),
        ({"CASCADE_STD_DIVISORS": [0, 1]}, "CASCADE_STD_DIVISORS must be a list.*above 0"),
        ({"CASCADE_LOSS_WEIGHTS": [-1, 1]}, "CASCADE_LOSS_WEIGHTS must be a list"),
    ],
)
def test_what_cannot_work_is_refused_with_what_would(settings, message):
    with pytest.raises(ValueError, match=message):
        config(**settings)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ((16, 32, 64, 128), (16, 32, 64, 128, 256)),
        ([8, 16], (8, 16, 32, 64, 128)),
        ((24.5,), (24.5, 49.0, 98.0, 196.0, 392.0)),
    ],
)
def test_fewer_scales_than_levels_are_those_of_the_first_levels(given, meant, caplog):
    mrcnn.config._warn_once.cache_clear()
    mine = config(RPN_ANCHOR_SCALES=given)
    config(RPN_ANCHOR_SCALES=given)
    assert mine.RPN_ANCHOR_SCALES == meant
    assert len(caplog.records) == 1 and f"RPN_ANCHOR_SCALES = {meant}" in caplog.text


def test_a_mistyped_setting_is_warned_of_once(caplog):
    mrcnn.config._warn_once.cache_clear()
    for _ in range(2):
        config(IMAGE_MAXDIM=512, EPOCHS=3, LEARNING_RATE_HEADS=0.01)
    assert (
        len(caplog.records) == 1
        and "IMAGE_MAXDIM is not a setting" in caplog.text
        and "IMAGE_MAX_DIM?" in caplog.text
    )


def test_whole_numbers_may_be_floats_and_no_clipping_is_none():
    mine = config(IMAGE_MAX_DIM=512.0, PRE_NMS_LIMIT=np.float64(100), GRADIENT_CLIP_NORM=None)
    assert (mine.IMAGE_MAX_DIM, mine.PRE_NMS_LIMIT, mine.GRADIENT_CLIP_NORM) == (512, 100, 0)
    assert type(mine.PRE_NMS_LIMIT) is int


def test_what_follows_from_other_settings_follows_them_again_unless_it_was_set_by_hand():
    mine = config(IMAGES_PER_GPU=2, IMAGE_MAX_DIM=512)
    mine.IMAGES_PER_GPU, mine.IMAGE_MAX_DIM, mine.NUM_CLASSES = 3, 256, 5
    mine.derive()
    assert (mine.BATCH_SIZE, mine.image_hw, mine.IMAGE_META_SIZE) == (3, (256, 256), 17)
    mine.BATCH_SIZE, mine.IMAGES_PER_GPU, mine.IMAGE_MAX_DIM = 1, 4, 128
    mine.derive()
    assert (mine.BATCH_SIZE, mine.image_hw) == (1, (128, 128))


def test_losses_of_heads_of_ones_own_are_no_mistakes():
    class Mine(Config):
        losses_of_heads = ("mrcnn_masks_loss",)
        LOSS_WEIGHTS = {"mrcnn_masks_loss": 2.0}

    assert Mine().LOSS_WEIGHTS == {"mrcnn_masks_loss": 2.0}


def test_a_config_survives_json():
    mine = config(
        NUM_CLASSES=7,
        RPN_ANCHOR_SCALES=(8, 16, 32, 64, 128),
        MEAN_PIXEL=np.array([1.5, 2, 3]),
        IMAGES_PER_GPU=5,
        MY_OWN="x",
    )
    back = Config.from_dict(json.loads(json.dumps(mine.to_dict())))
    assert back.to_dict() == mine.to_dict() and back.BATCH_SIZE == 5


def test_what_a_saved_config_lacks_keeps_its_default():
    assert Config.from_dict({"NUM_CLASSES": 3}).TRAIN_ROIS_PER_IMAGE == Config.TRAIN_ROIS_PER_IMAGE


def test_derived_settings_follow_when_a_saved_config_is_changed():
    assert Config.from_dict(config().to_dict() | {"IMAGES_PER_GPU": 8}).BATCH_SIZE == 8


def test_a_callable_is_saved_by_its_name():
    def my_backbone(config):
        return None

    assert config(BACKBONE=my_backbone).to_dict()["BACKBONE"] == "my_backbone"


def function_of_ones_own(image, stage5=True, train_bn=True):
    return image, stage5, train_bn


class Callable:
    def __call__(self, image, stage5=True, train_bn=True):
        return image, stage5, train_bn

    method = __call__


@pytest.mark.parametrize(
    "given",
    [
        function_of_ones_own,
        staticmethod(function_of_ones_own),
        lambda image, stage5, train_bn: (image, stage5, train_bn),
        Callable(),
        Callable().method,
        functools.partial(function_of_ones_own, stage5=False),
    ],
    ids=["function", "staticmethod", "lambda", "object", "method", "partial"],
)
def test_a_callable_is_called_as_it_was_given(given):
    class Subclass(Config):
        BACKBONE = COMPUTE_BACKBONE_SHAPE = given

    class Inherits(Subclass):
        NAME = "inherits"

    late = type("Late", (Config,), {})
    late.BACKBONE = late.COMPUTE_BACKBONE_SHAPE = given
    settings = {"BACKBONE": given, "COMPUTE_BACKBONE_SHAPE": given}
    for mine in (
        Subclass(),
        Inherits(),
        late(),
        config(**settings),
        Config.from_dict(settings),
        copy.copy(Subclass()),
    ):
        for function in (mine.BACKBONE, mine.COMPUTE_BACKBONE_SHAPE):
            assert function("image", stage5=True, train_bn=False) == ("image", True, False)


def test_a_method_that_asks_for_self_is_given_the_config():
    class Mine(Config):
        COMPUTE_BACKBONE_SHAPE_STRIDE = 8

        def COMPUTE_BACKBONE_SHAPE(self, image_shape):
            return [[image_shape[0] // self.COMPUTE_BACKBONE_SHAPE_STRIDE]]

    assert Mine().COMPUTE_BACKBONE_SHAPE((64, 64, 3)) == [[8]]


def test_of_a_saved_callable_only_the_backbones_name_comes_back():
    back = Config.from_dict(
        config(BACKBONE=function_of_ones_own, COMPUTE_BACKBONE_SHAPE=function_of_ones_own).to_dict()
    )
    assert back.BACKBONE == "function_of_ones_own" and back.COMPUTE_BACKBONE_SHAPE is None


def test_display_prints_one_setting_a_line(capsys):
    config(NAME="shown").display()
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["NAME", "shown"] for line in lines) and len(lines) > 50


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("IMAGES_PER_GPU=4", 4),
        ("LEARNING_RATE=1e-3", 0.001),
        ("BACKBONE=resnet50", "resnet50"),
        ("TRAIN_BN=True", True),
        ("TRAIN_BN=false", False),
        ("MEAN_PIXEL=None", None),
        ("RPN_ANCHOR_SCALES=[8, 16]", [8, 16]),
        ("NAME=a=b", "a=b"),
    ],
)
def test_a_setting_on_a_command_line_is_json_or_a_word(text, value):
    assert parse_setting(text, Config) == (text.split("=")[0], value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("IMAGES_PER_GPU", "KEY=VALUE"), ("IMAGE_PER_GPU=4", "has no setting 'IMAGE_PER_GPU'")],
)
def test_a_setting_that_does_not_exist_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_setting(text, Config)


def test_a_square_may_be_smaller_than_the_least_side():
    """Matterport's default IMAGE_MIN_DIM is 800, and scripts that want 512 set IMAGE_MAX_DIM
    alone."""
    assert config(IMAGE_MAX_DIM=512).image_hw == (512, 512)


@pytest.mark.parametrize(("train_bn", "learns"), [(None, True), (True, True), (False, False)])
def test_statistics_are_learned_unless_train_bn_is_false(train_bn, learns):
    assert config(TRAIN_BN=train_bn).updates_statistics is learns


def test_without_a_least_confidence_there_is_none():
    assert config(DETECTION_MIN_CONFIDENCE=None).DETECTION_MIN_CONFIDENCE is None


@pytest.mark.parametrize(
    "settings",
    [
        {"IMAGE_MAX_DIM": 1_000_000},
        {"IMAGE_MAX_DIM": 8256},
        {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 64_000},
        {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 64_000},
        {"IMAGE_RESIZE_MODE": "portrait", "IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64_000},
    ],
)
def test_a_network_input_that_no_memory_holds_is_refused(settings):
    with pytest.raises(ValueError, match="_DIM is at most 8192.* GiB"):
        Config.from_dict(settings)
    Config.from_dict({"IMAGE_MAX_DIM": 8192})
