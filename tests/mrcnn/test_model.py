"""The front door, used as Matterport's shapes example uses it."""

import inspect
import logging
import re
from pathlib import Path

import keras
import numpy as np
import pytest

import mrcnn.model as modellib
from mrcnn.config import Config
from mrcnn.data.augmentation.imgaug_import import import_imgaug


@pytest.fixture(scope="module")
def config(tiny_settings):
    class ShapesConfig(Config):
        NAME = "shapes"
        NUM_CLASSES = 1 + 2
        VALIDATION_STEPS = 1
        DETECTION_MIN_CONFIDENCE = 0
        LEARNING_MOMENTUM = 0.9
        MY_OWN_SETTING = "kept"

    for name, value in tiny_settings.items():
        setattr(ShapesConfig, name, value)
    ShapesConfig.STEPS_PER_EPOCH = 3 / 2  # notebooks divide; a part of a step is none
    ShapesConfig.DETECTION_ALL_CLASSES = True
    return ShapesConfig()


@pytest.fixture(scope="module")
def model(config, tmp_path_factory):
    keras.utils.set_random_seed(0)
    return modellib.MaskRCNN(
        mode="inference", config=config, model_dir=tmp_path_factory.mktemp("logs")
    )


@pytest.mark.slow
def test_detections_are_arrays_of_the_photos_size_that_may_be_written_to(model):
    photos = [
        np.random.default_rng(0).integers(0, 256, (70, 50, 3)).astype(np.uint8),
        np.zeros((40, 90, 3), np.uint8),
    ]
    results = model.detect(photos, verbose=0)
    assert len(results) == 2
    for photo, result in zip(photos, results):
        n = len(result["scores"])
        assert n > 0 and result["rois"].shape == (n, 4) and result["rois"].dtype == np.int32
        assert result["class_ids"].shape == (n,) and result["class_ids"].dtype == np.int32
        assert result["masks"].shape == (*photo.shape[:2], n) and result["masks"].dtype == bool
        for name in ("rois", "class_ids", "scores", "masks"):
            result[name][:] = 0


@pytest.mark.slow
def test_a_photo_without_objects_has_empty_arrays(model, monkeypatch):
    settings = model.keras_model.settings
    monkeypatch.setattr(
        model.keras_model, "settings", settings.replace({"detections.min_confidence": 1.0})
    )
    monkeypatch.setattr(model, "_predictor", None)
    (result,) = model.detect([np.zeros((40, 90, 3), np.uint8)])
    assert (
        result["masks"].shape == (40, 90, 0)
        and result["rois"].shape == (0, 4)
        and result["scores"].shape == (0,)
    )


@pytest.mark.slow
def test_a_run_is_trained_found_and_taken_up_again(
    config, model, shapes, tmp_path, uncompiled, monkeypatch, caplog
):
    """Heads for one epoch, then all up to the second, in a new object from the last checkpoint;
    epochs count from the start."""
    train_set, val_set = shapes(4), shapes(2)
    monkeypatch.setattr(modellib, "build_detector", lambda config, extra_heads: model.keras_model)
    first = modellib.MaskRCNN(mode="training", config=config, model_dir=str(tmp_path))
    with pytest.raises(FileNotFoundError, match="No checkpoint shapes.*mask_rcnn"):
        first.find_last()
    assert not Path(
        first.log_dir
    ).exists()  # a folder made too early would be found as the newest training
    first.train(train_set, val_set, learning_rate=config.LEARNING_RATE, epochs=1, layers="heads")
    assert (
        first.epoch == 1
        and Path(first.find_last()) == Path(first.log_dir) / "mask_rcnn_shapes_0001.h5"
    )
    assert re.fullmatch(r"shapes\d{8}T\d{4}", Path(first.log_dir).name)
    assert {"loss", "val_loss", "mrcnn_class_loss", "val_mrcnn_mask_loss"} <= set(
        first.keras_model.history.history
    )

    second = modellib.MaskRCNN(mode="training", config=config, model_dir=str(tmp_path))
    assert not second.load_weights(second.find_last(), by_name=True).only_in_file
    assert (second.epoch, second.log_dir) == (1, first.log_dir)
    with caplog.at_level(logging.WARNING):
        second.train(train_set, val_set, learning_rate=0.1, epochs=1, layers="heads")
    assert "Nothing to train" in caplog.text and second.epoch == 1
    iaa = import_imgaug().augmenters
    second.train(
        train_set,
        val_set,
        learning_rate=config.LEARNING_RATE / 10,
        epochs=2,
        layers="all",
        augmentation=iaa.Fliplr(0.5),
    )
    lines = (Path(second.log_dir) / "history.csv").read_text().splitlines()
    assert lines[0].startswith("epoch,stage,loss") and "val_mrcnn_mask_loss" in lines[0]
    assert [line.split(",")[:2] for line in lines[1:]] == [["1", "heads"], ["2", "all"]]
    assert (
        Path(second.find_last()).name == "mask_rcnn_shapes_0002.h5"
        and not (Path(second.log_dir) / "last.h5").exists()
    )


@pytest.mark.slow
def test_a_checkpoint_goes_on_in_a_folder_of_its_name_where_it_can_be_written(model, tmp_path):
    """Kaggle's input folders cannot be written to; the epoch and the folder's name are those of the
    file."""
    folder = tmp_path / "input" / "shapes20190521T1212"
    model.keras_model.save_weights(folder / "mask_rcnn_shapes_0008.h5")
    exclude = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
    report = model.load_weights(
        str(folder / "mask_rcnn_shapes_0008.h5"), by_name=True, exclude=exclude
    )
    assert len(report.excluded) == 3
    assert (model.epoch, Path(model.log_dir)) == (8, Path(model.model_dir) / "shapes20190521T1212")
    assert model.checkpoint_path == str(Path(model.log_dir) / "mask_rcnn_shapes_{epoch:04d}.h5")
    model.load_weights(
        _renamed(folder / "mask_rcnn_shapes_0008.h5", "mask_rcnn_coco.h5"), by_name=True
    )
    assert model.epoch == 0 and Path(model.log_dir).name != "shapes20190521T1212"


def _renamed(path, name):
    return str(path.rename(path.with_name(name)))


@pytest.mark.slow
def test_boxes_are_measured_as_the_loaded_heads_learned_to(config, model, tmp_path, caplog):
    with_corners = modellib.MaskRCNN(
        "inference", Config.from_dict(config.to_dict() | {"ROI_ALIGN": "corners"}), tmp_path
    )
    with_corners.keras_model.save_weights(tmp_path / "matterports.h5")
    open_to_both = modellib.MaskRCNN(
        "inference", Config.from_dict(config.to_dict() | {"ROI_ALIGN": "auto"}), tmp_path
    )
    assert open_to_both.keras_model.convention.name == "aligned"
    open_to_both.load_weights(tmp_path / "matterports.h5", exclude=["mrcnn_mask"])
    assert (
        open_to_both.keras_model.convention.name == "corners"
        and open_to_both.config.ROI_ALIGN == "auto"
    )
    with caplog.at_level(logging.WARNING):
        model.keras_model.save_weights(tmp_path / "aligned.h5")
        with_corners.load_weights(tmp_path / "aligned.h5")
    assert "trained with ROI_ALIGN = 'aligned', and the config says 'corners'" in caplog.text


@pytest.mark.slow
def test_two_models_on_one_config_do_not_disturb_each_other(config, tmp_path):
    shared = Config.from_dict(config.to_dict() | {"ROI_ALIGN": "auto"})
    one, other = (modellib.MaskRCNN("inference", shared, tmp_path) for _ in range(2))
    corners = modellib.MaskRCNN(
        "inference", Config.from_dict(config.to_dict() | {"ROI_ALIGN": "corners"}), tmp_path
    )
    corners.keras_model.save_weights(tmp_path / "corners.h5")
    other.keras_model.save_weights(tmp_path / "aligned.h5")
    photo = np.random.default_rng(3).integers(0, 256, (70, 50, 3)).astype(np.uint8)
    one.keras_model.load_weights(tmp_path / "corners.h5")
    before = one.detect([photo])[0]["rois"]
    other.load_weights(tmp_path / "aligned.h5")
    assert (
        one.keras_model.convention.name,
        other.keras_model.convention.name,
        shared.ROI_ALIGN,
    ) == (
        "corners",
        "aligned",
        "auto",
    )
    np.testing.assert_array_equal(one.detect([photo])[0]["rois"], before)
    np.testing.assert_array_equal(corners.detect([photo])[0]["rois"], before)
    one.load_weights(
        tmp_path / "aligned.h5"
    )  # and back: what was compiled for the other measure is not used again
    np.testing.assert_array_equal(one.detect([photo])[0]["rois"], other.detect([photo])[0]["rois"])


def test_the_newest_checkpoint_of_this_name_is_found(model, tmp_path, monkeypatch):
    monkeypatch.setattr(model, "model_dir", str(tmp_path))
    names = [
        "shapes20240101T0000",
        "shapes20250101T1200",
        "shapes220260101T0000",
        "other20270101T0000",
        "shapes20280101T0000",
    ]
    for name in names:
        (tmp_path / name).mkdir()
        for epoch in (1, 10, 2) if "2028" not in name else ():
            (tmp_path / name / f"mask_rcnn_shapes_{epoch:04d}.h5").touch()
    assert Path(model.find_last()) == tmp_path / "shapes20250101T1200" / "mask_rcnn_shapes_0010.h5"


def test_own_settings_are_kept(config):
    assert config.MY_OWN_SETTING == "kept" and config.to_dict()["MY_OWN_SETTING"] == "kept"


def test_a_wrong_mode_is_refused(config):
    with pytest.raises(ValueError, match='"training" or "inference". Got \'train\''):
        modellib.MaskRCNN("train", config, "logs")


def test_signatures_are_matterports():
    def names(function):
        return [name for name in inspect.signature(function).parameters if name != "self"]

    assert names(modellib.MaskRCNN)[:3] == ["mode", "config", "model_dir"]
    assert names(modellib.MaskRCNN.train) == [
        "train_dataset",
        "val_dataset",
        "learning_rate",
        "epochs",
        "layers",
        "augmentation",
        "custom_callbacks",
        "no_augmentation_sources",
    ]
    assert names(modellib.MaskRCNN.detect) == ["images", "verbose"]
    assert names(modellib.MaskRCNN.load_weights) == ["filepath", "by_name", "exclude"]
    assert names(modellib.MaskRCNN.set_trainable) == [
        "layer_regex",
        "keras_model",
        "indent",
        "verbose",
    ]


def test_log_prints_shape_range_and_type(capsys):
    modellib.log("image", np.array([[1, 5]], np.uint8))
    modellib.log("nothing", np.zeros((0, 4)))
    image, nothing = capsys.readouterr().out.splitlines()
    assert "(1, 2)" in image and "1.0" in image and "5.0" in image and "uint8" in image
    assert "(0, 4)" in nothing and "empty" in nothing


def test_two_models_of_one_minute_train_in_folders_of_their_own(config, tmp_path, monkeypatch):
    monkeypatch.setattr(modellib.MaskRCNN, "build", lambda self, mode, config: None)
    one, other = (modellib.MaskRCNN("training", config, tmp_path) for _ in range(2))
    assert one.log_dir == other.log_dir and not Path(one.log_dir).exists()
    for model in (one, other, one):
        model._claim_log_dir()
    assert one.log_dir != other.log_dir and all(
        Path(model.log_dir).is_dir() for model in (one, other)
    )
    assert Path(other.checkpoint_path).parent == Path(other.log_dir)
    mine = modellib.MaskRCNN("training", config, tmp_path)
    mine.log_dir = one.log_dir  # a script may choose the folder itself
    mine._claim_log_dir()
    assert mine.log_dir == one.log_dir


def test_weights_of_epochs_go_where_checkpoint_path_says(config, tmp_path, monkeypatch):
    monkeypatch.setattr(modellib.MaskRCNN, "build", lambda self, mode, config: None)
    model = modellib.MaskRCNN("training", config, tmp_path)
    assert model._run_folder().weights_of(7) == Path(model.log_dir) / "mask_rcnn_shapes_0007.h5"
    model.checkpoint_path = str(tmp_path / "elsewhere" / "w{epoch:02d}.h5")
    assert model._run_folder().weights_of(7) == tmp_path / "elsewhere" / "w07.h5"
    model.checkpoint_path = str(tmp_path / "w_{epoch:02d}_{val_loss:.2f}.h5")
    with pytest.raises(ValueError, match="no other field"):
        model._run_folder()


@pytest.mark.slow
def test_loss_weights_are_those_of_the_moment_a_training_begins(
    config, shapes, tmp_path, uncompiled, monkeypatch
):
    mine = type(config)()
    model = modellib.MaskRCNN("training", mine, tmp_path)
    mine.LOSS_WEIGHTS = mine.LOSS_WEIGHTS | {"mrcnn_mask_loss": 0.0}
    model.train(shapes(2), shapes(1), 0.01, epochs=1, layers="heads")
    assert model.keras_model.history.history["mrcnn_mask_loss"] == [0.0]


@pytest.mark.slow
def test_a_generator_of_photos_is_as_good_as_a_list(model):
    photos = [np.zeros((40, 90, 3), np.uint8)] * 2
    assert [r["masks"].shape[:2] for r in model.detect(photo for photo in photos)] == [(40, 90)] * 2


def test_a_checkpoint_is_not_overwritten_by_what_cannot_be_saved(model, tmp_path):
    model.keras_model.save(tmp_path / "w.h5")
    whole = (tmp_path / "w.h5").read_bytes()
    assert model.keras_model.load_weights(tmp_path / "w.h5").loaded
    with pytest.raises(ValueError, match="save_weights with a .h5 name"):
        model.keras_model.save(tmp_path / "w.zip")
    assert (tmp_path / "w.h5").read_bytes() == whole and not (tmp_path / "w.keras").exists()
