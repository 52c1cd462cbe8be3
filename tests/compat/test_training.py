"""A training in several calls, as notebooks write it: epochs counted on, histories joined, the best
epoch found again by its file."""

import glob
import os
import re

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

import mrcnn.model as modellib

pytestmark = pytest.mark.slow
LOSSES = [
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
]


@pytest.fixture(scope="module")
def run(shapes_config, shapes, tmp_path_factory):
    """What a notebook holds after two calls of `train`: its config, model and folder, and the
    history of each call."""

    class TrainConfig(shapes_config):
        STEPS_PER_EPOCH = 3 / 2  # a part of a step is none
        VALIDATION_STEPS = 3 / 2
        LOSS_WEIGHTS = {"mrcnn_mask_loss": 2.0, "rpn_bbox_loss": 0.5}  # the others count once

    config, root = TrainConfig(), str(tmp_path_factory.mktemp("working"))
    train_set, val_set = shapes(6), shapes(3)
    keras.utils.set_random_seed(2)
    model = modellib.MaskRCNN(mode="training", config=config, model_dir=root)
    histories = []
    for epochs, rate, layers in [(1, 0.002, "heads"), (3, 0.002 / 5, "all")]:
        model.train(
            train_set, val_set, learning_rate=rate, epochs=epochs, layers=layers, augmentation=None
        )
        histories.append(model.keras_model.history.history)
    return {
        "config": config,
        "model": model,
        "root": root,
        "histories": histories,
        "config_class": TrainConfig,
    }


@pytest.fixture(scope="module")
def history(run):
    first, new = run["histories"]
    return {key: first[key] + new[key] for key in first}


def test_epochs_are_counted_over_all_calls(run):
    assert run["model"].epoch == 3 and [len(h["loss"]) for h in run["histories"]] == [1, 2]
    assert sorted(os.path.basename(f) for f in glob.glob(run["model"].log_dir + "/mask_rcnn*")) == [
        f"mask_rcnn_shapes_{epoch:04d}.h5" for epoch in (1, 2, 3)
    ]


def test_histories_of_several_calls_can_be_joined(history):
    wanted = {"loss", *LOSSES}
    assert set(history) == wanted | {f"val_{name}" for name in wanted}
    assert all(
        len(values) == 3 and all(isinstance(v, float) for v in values)
        for values in history.values()
    )


def test_the_loss_is_the_sum_of_its_weighted_parts(history):
    """The parts are shown as they are weighted."""
    for prefix in ("", "val_"):
        parts = np.sum([history[prefix + name] for name in LOSSES], axis=0)
        np.testing.assert_allclose(history[prefix + "loss"], parts, rtol=1e-5)


def test_losses_are_weighted_as_the_config_says(run):
    assert run["model"].keras_model.settings.loss_weights == {
        "mrcnn_mask_loss": 2.0,
        "rpn_bbox_loss": 0.5,
    }


def test_the_loss_does_not_grow_with_each_call(history):
    assert max(history["loss"][1:]) < 1.5 * history["loss"][0]


def test_histories_are_plotted(history):
    epochs = range(1, len(history["loss"]) + 1)
    _, axes = plt.subplots(1, 3, figsize=(9, 3))
    for ax, name in zip(axes, ["loss", "mrcnn_class_loss", "mrcnn_mask_loss"]):
        ax.plot(epochs, history[name], label="train")
        ax.plot(epochs, history["val_" + name], label="valid")
        ax.legend()
    plt.close("all")


def found_by_glob(run, best_epoch):
    name = run["config"].NAME.lower()
    paths = glob.glob(f"{run['root']}/{name}*/mask_rcnn_{name}_{best_epoch:04d}.h5")
    return paths[0] if paths else ""


def found_by_walking(run, best_epoch):
    folders = sorted(
        name
        for name in next(os.walk(run["root"]))[1]
        if name.startswith(run["config"].NAME.lower())
    )
    files = sorted(
        name
        for name in next(os.walk(os.path.join(run["root"], folders[-1])))[2]
        if name.startswith("mask_rcnn")
    )
    return os.path.join(run["root"], folders[-1], files[best_epoch - 1])


def found_by_its_pattern(run, best_epoch):
    return run["model"].checkpoint_path.format(epoch=best_epoch)


@pytest.mark.parametrize("find", [found_by_glob, found_by_walking, found_by_its_pattern])
def test_the_best_epochs_file_is_found(run, history, find):
    best_epoch = np.argmin(history["val_loss"]) + 1
    path = find(run, best_epoch)
    assert path != "" and os.path.samefile(
        path, os.path.join(run["model"].log_dir, f"mask_rcnn_shapes_{best_epoch:04d}.h5")
    )


def test_the_last_file_is_found(run):
    assert re.fullmatch(
        r".*[/\\]shapes\d{8}T\d{4}[/\\]mask_rcnn_shapes_0003\.h5", run["model"].find_last()
    )


def test_the_best_weights_detect_in_a_new_model(run, history, shapes):
    class InferenceConfig(run["config_class"]):
        GPU_COUNT = 1
        IMAGES_PER_GPU = 1

    best_epoch = np.argmin(history["val_loss"]) + 1
    model = modellib.MaskRCNN(mode="inference", config=InferenceConfig(), model_dir=run["root"])
    model.load_weights(found_by_glob(run, best_epoch), by_name=True)
    assert (model.epoch, model.log_dir) == (best_epoch, run["model"].log_dir)
    image = shapes(1).load_image(0)
    (new,) = model.detect([image], verbose=0)
    run["model"].load_weights(found_by_glob(run, best_epoch), by_name=True)
    trained, other = run["model"].detect([image, image])
    for r in (trained, other):
        np.testing.assert_allclose(new["scores"], r["scores"], atol=1e-5)
    assert new["masks"].shape == (*image.shape[:2], len(new["scores"])) and len(new["scores"])


# Layers, on a network that is there already.


def weights_of(model):
    return {
        layer.name: np.concatenate([np.ravel(w) for w in layer.get_weights()])
        for layer in model.get_trainable_layers()
    }


@pytest.mark.parametrize(
    ("layers", "learns"),
    [
        ("heads", r"(mrcnn|rpn|fpn)_.*"),
        ("4+", r"(res[45]|bn[45]|mrcnn|rpn|fpn).*"),
        (r"mrcnn\_.*", "mrcnn_.*"),
    ],
)
def test_layers_are_named_or_given_as_a_regular_expression(
    shapes_config, shapes, made, layers, learns
):
    model = made(shapes_config())
    before = weights_of(model)
    model.train(shapes(2), shapes(2), learning_rate=0.01, epochs=1, layers=layers)
    changed = {name for name, values in weights_of(model).items() if (values != before[name]).any()}
    assert changed and all(re.fullmatch(learns, name) for name in changed)
    assert {name.split("_")[0] for name in changed} == {
        name.split("_")[0] for name in before if re.fullmatch(learns, name)
    }


def test_without_a_validation_set_it_trains_all_the_same(shapes_config, shapes, made):
    model = made(shapes_config())
    model.train(shapes(2), None, learning_rate=0.01, epochs=1, layers="heads")
    assert set(model.keras_model.history.history) == {"loss", *LOSSES}


def test_data_that_cannot_be_trained_on_leave_no_folder(shapes_config, shapes, made, tmp_path):
    with pytest.raises(ValueError, match="no images"):
        made(shapes_config()).train(shapes(0), None, learning_rate=0.01, epochs=1, layers="heads")
    with pytest.raises(ValueError, match="no images"):
        made(shapes_config()).train(
            shapes(2), shapes(0), learning_rate=0.01, epochs=1, layers="heads"
        )
    assert not list(tmp_path.iterdir())


def test_a_script_that_runs_again_joins_the_histories_it_had(shapes_config, shapes, made):
    """Each call tells of the epochs that it would have trained."""

    def script(model):
        joined = {}
        for epochs, layers in [(1, "heads"), (1, "4+"), (2, "all")]:
            model.train(shapes(2), shapes(2), learning_rate=0.001, epochs=epochs, layers=layers)
            new = model.keras_model.history.history
            joined = {name: joined.get(name, []) + new[name] for name in new}
        return joined

    model = made(shapes_config())
    first = script(model)
    again = made(shapes_config())
    again.load_weights(model.find_last(), by_name=True)
    second = script(again)
    assert len(first["loss"]) == 2 and set(second) == set(first) and again.epoch == 2
    for name, values in first.items():
        assert second[name] == pytest.approx(values)


def test_a_training_of_no_epochs_leaves_its_folder_and_empty_lists(
    shapes_config, shapes, made, caplog
):
    model = made(shapes_config())
    model.train(shapes(2), shapes(2), learning_rate=0.001, epochs=0, layers="heads")
    assert os.path.isdir(model.log_dir) and "Nothing to train" in caplog.text
    assert model.keras_model.history.history == {
        prefix + name: [] for prefix in ("", "val_") for name in ["loss", *LOSSES]
    }


def test_settings_that_change_between_two_calls_count(shapes_config, shapes, made):
    model = made(shapes_config())
    model.train(shapes(2), None, learning_rate=0.001, epochs=1, layers="heads")
    model.config.LOSS_WEIGHTS = dict.fromkeys(LOSSES, 0.0) | {"mrcnn_mask_loss": 1.0}
    model.config.TRAIN_ROIS_PER_IMAGE = 8
    model.train(shapes(2), None, learning_rate=0.001, epochs=2, layers="heads")
    history = model.keras_model.history.history
    assert history["loss"] == history["mrcnn_mask_loss"] and history["rpn_class_loss"] == [0.0]
    assert model.keras_model.settings.roi_sampling.num_samples == 8
