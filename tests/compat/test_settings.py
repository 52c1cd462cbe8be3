"""Configs as scripts write them: settings of their own, some that follow from others, lists where
tuples are meant."""

import json
from pathlib import Path

import numpy as np
import pytest

import mrcnn.model as modellib
from mrcnn.config import Config


class GarmentConfig(Config):
    NAME = "garments"
    IMAGE_SIZE = 256
    CLASSES = ["shirt", "sleeve"]
    NUM_CLASSES = len(CLASSES) + 1
    GPU_COUNT = 2
    IMAGES_PER_GPU = 4
    BATCH_SIZE = 3  # follows from the two above, whatever is written here
    IMAGE_MIN_DIM = IMAGE_SIZE
    IMAGE_MAX_DIM = IMAGE_SIZE
    IMAGE_SHAPE = (IMAGE_SIZE, IMAGE_SIZE, 3)
    STEPS_PER_EPOCH = 1001 / (GPU_COUNT * IMAGES_PER_GPU)
    VALIDATION_STEPS = 101 / (GPU_COUNT * IMAGES_PER_GPU)
    EPOCHS = [1, 6, 8]
    FOLDER = Path("data") / "train"
    COLOURS = {3: (255, 0, 0), np.int64(4): {"red", "blue"}}
    DTYPE = np.dtype("float32")
    PREPROCESS = staticmethod(lambda image: image)
    MEAN_PIXEL = np.array([1, 2, 3])
    LOSS_WEIGHTS = {"mrcnn_mask_loss": 2.0}


def test_the_batch_is_that_of_all_devices():
    class InferenceConfig(GarmentConfig):
        GPU_COUNT = 1
        IMAGES_PER_GPU = 1

    assert GarmentConfig().BATCH_SIZE == 8 and InferenceConfig().BATCH_SIZE == 1


def test_settings_may_follow_from_each_other_and_be_fractions():
    config = GarmentConfig()
    assert (
        config.NUM_CLASSES == 3
        and config.STEPS_PER_EPOCH == 125.125
        and list(config.IMAGE_SHAPE) == [256, 256, 3]
    )
    assert config.IMAGE_META_SIZE == 15


def test_settings_of_ones_own_are_kept():
    config = GarmentConfig()
    assert (
        config.EPOCHS == [1, 6, 8]
        and config.FOLDER == Path("data/train")
        and config.PREPROCESS(5) == 5
    )


def test_settings_of_any_type_can_be_written_into_a_checkpoint():
    written = json.loads(json.dumps(GarmentConfig().to_dict()))
    assert written["FOLDER"] == str(Path("data/train")) and written["DTYPE"] == "float32"
    assert written["COLOURS"]["3"] == [255, 0, 0] and sorted(written["COLOURS"]["4"]) == [
        "blue",
        "red",
    ]


def test_every_setting_is_displayed(capsys):
    GarmentConfig().display()
    shown = capsys.readouterr().out
    assert shown.startswith("\nConfigurations:\n") and shown.endswith("\n\n")
    lines = [line.split(maxsplit=1) for line in shown.strip().splitlines()[1:]]
    assert (
        ["NAME", "garments"] in lines
        and ["BATCH_SIZE", "8"] in lines
        and {"FOLDER", "EPOCHS", "LEARNING_RATE"} <= {k for k, _ in lines}
    )


@pytest.mark.parametrize("mean", [np.array([10.0, 20.0, 30.0]), (10, 20, 30), [10, 20, 30]])
def test_the_mean_pixel_may_be_an_array_a_tuple_or_a_list(mean):
    class Dark(Config):
        MEAN_PIXEL = mean

    molded = modellib.mold_image(np.full((2, 2, 3), 50, np.uint8), Dark())
    assert molded.dtype == np.float32 and molded[0, 0].tolist() == [40, 30, 20]
    assert modellib.unmold_image(molded, Dark()).tolist() == np.full((2, 2, 3), 50).tolist()


def test_a_config_may_have_a_constructor_of_its_own():
    class CountedConfig(Config):
        def __init__(self, classes, steps):
            self.NUM_CLASSES = 1 + classes
            self.STEPS_PER_EPOCH = steps
            super().__init__()

    config = CountedConfig(46, 10)
    config.STEPS_PER_EPOCH = 20
    assert (config.NUM_CLASSES, config.STEPS_PER_EPOCH, config.IMAGE_META_SIZE) == (47, 20, 59)


def test_lists_tuples_and_arrays_serve_alike():
    class Lists(Config):
        BACKBONE_STRIDES = [4, 8, 16, 32, 64]
        RPN_ANCHOR_SCALES = np.array([8, 16, 32, 64, 128])
        RPN_ANCHOR_RATIOS = [0.7, 0.9, 1.2]
        MASK_SHAPE = [28, 28]
        MINI_MASK_SHAPE = (112, 112)
        RPN_BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])

    shapes = modellib.compute_backbone_shapes(Lists(), Lists().IMAGE_SHAPE)
    assert shapes.tolist() == [[256, 256], [128, 128], [64, 64], [32, 32], [16, 16]]


def test_rois_from_elsewhere_are_no_setting():
    class OutsideRois(Config):
        USE_RPN_ROIS = False

    with pytest.raises(ValueError, match="USE_RPN_ROIS must be True.*keras_model.fit"):
        OutsideRois()


def test_settings_that_are_made_on_the_object_count_when_a_model_is_built(shapes_config, made):
    config = shapes_config()
    config.IMAGES_PER_GPU, config.IMAGE_MAX_DIM = 1, 128
    made(config)
    assert config.BATCH_SIZE == 1 and config.image_hw == (128, 128)
    config.DETECTION_MIN_CONFIDENCE = "0.5"
    with pytest.raises(
        ValueError, match="DETECTION_MIN_CONFIDENCE must be a fraction .* Got '0.5'"
    ):
        made(config)
