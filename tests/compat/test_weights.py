"""Weight files of every kind that scripts have: their own, those of forks, whole models, those of
other classes, and wrong ones."""

import h5py
import numpy as np
import pytest

import mrcnn.model as modellib

CLASS_LAYERS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]


@pytest.fixture
def file(model, tmp_path):
    """The weights of `model`, saved as scripts do."""
    path = str(tmp_path / "weights.h5")
    model.keras_model.save_weights(path)
    return path


@pytest.fixture
def target(made, shapes_config):
    """A model with other weights than those of `file`."""
    target = made(shapes_config())
    for weight in target.keras_model.weights:
        weight.assign(np.full(weight.shape, 0.123, np.float32))
    return target


def assert_same_weights(a, b, but=()):
    for one, other in zip(a.get_trainable_layers(), b.get_trainable_layers(), strict=True):
        for x, y in zip(one.get_weights(), other.get_weights(), strict=True):
            if one.name not in but:
                np.testing.assert_array_equal(x, y, err_msg=one.name)


def rewritten(path, to, where="", extra=(), order=1):
    """The file once more, laid out as another program would: under a group, with more layers, in
    another order."""
    with h5py.File(path) as old, h5py.File(to, "w") as new:
        root = new.create_group(where) if where else new
        names = list(old.attrs["layer_names"])[::order]
        for name in names:
            old.copy(name.decode(), root)
        for name, weights in extra:
            group = root.create_group(name)
            group.attrs["weight_names"] = [f"{key}".encode() for key in weights]
            for key, value in weights.items():
                group[key] = value
        root.attrs["layer_names"] = names + [name.encode() for name, _ in extra]
        root.attrs["backend"], root.attrs["keras_version"] = b"tensorflow", b"2.4.0"
        if not where:
            new.create_group("top_level_model_weights").attrs["weight_names"] = np.zeros(0)
        else:
            new.attrs["model_config"] = b"{}"
            new.create_group("optimizer_weights")
    return str(to)


@pytest.mark.parametrize("by_name", [True, False])
def test_a_file_fills_every_layer(model, target, file, by_name):
    report = target.load_weights(file, by_name=by_name)
    assert not report.only_in_model and not report.only_in_file
    assert_same_weights(model, target)


@pytest.mark.parametrize("by_name", [True, False])
def test_a_training_graphs_file_of_a_fork_fills_every_layer(model, target, file, tmp_path, by_name):
    """It holds more layers, most of them empty, and the anchors, which the forks made a weight."""
    extra = [
        ("input_rpn_match", {}),
        ("lambda_1", {}),
        ("proposal_targets", {}),
        ("rpn_class_loss", {}),
        ("output_rois", {}),
        ("anchors", {"anchors/Variable:0": np.zeros((2, 100, 4), np.float32)}),
    ]
    report = target.load_weights(
        rewritten(file, tmp_path / "fork.h5", extra=extra, order=-1), by_name=by_name
    )
    assert report.only_in_file == ["anchors"] and not report.only_in_model
    assert_same_weights(model, target)


def test_a_whole_models_file_fills_every_layer(model, target, file, tmp_path):
    target.load_weights(rewritten(file, tmp_path / "model.h5", where="model_weights"), by_name=True)
    assert_same_weights(model, target)


def test_excluded_layers_keep_their_weights(model, target, file):
    report = target.load_weights(file, by_name=True, exclude=CLASS_LAYERS)
    assert set(report.excluded) == set(CLASS_LAYERS) - {"mrcnn_bbox"}  # which has no weights
    assert_same_weights(model, target, but=CLASS_LAYERS)
    logits = {layer.name: layer for layer in target.get_trainable_layers()}["mrcnn_class_logits"]
    assert (logits.get_weights()[0] == np.float32(0.123)).all()


@pytest.mark.slow
def test_a_file_of_other_classes_is_loaded_without_its_class_layers(
    shapes_config, model, file, shapes, tmp_path
):
    class MoreClasses(shapes_config):
        NUM_CLASSES = 1 + 4

    larger = modellib.MaskRCNN(mode="training", config=MoreClasses(), model_dir=tmp_path)
    with pytest.raises(ValueError, match=r"exclude=\[.*mrcnn_class_logits.*mrcnn_mask"):
        larger.load_weights(file, by_name=True)
    larger.load_weights(file, by_name=True, exclude=CLASS_LAYERS)
    for layer in model.get_trainable_layers():
        if layer.name not in CLASS_LAYERS:
            other = {own.name: own for own in larger.get_trainable_layers()}[layer.name]
            np.testing.assert_array_equal(layer.get_weights()[0], other.get_weights()[0])
    (r,) = larger.detect([shapes(1).load_image(0)])  # made for training, and detects all the same
    assert set(r["class_ids"]) <= {1, 2, 3, 4} and len(r["class_ids"])


def test_a_file_that_fits_nothing_is_refused(target, file, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        group = other.create_group("dense_1")
        group["dense_1/kernel:0"] = np.zeros((3, 4), np.float32)
        group.attrs["weight_names"], other.attrs["layer_names"] = (
            [b"dense_1/kernel:0"],
            [b"dense_1"],
        )
    with pytest.raises(ValueError, match="nothing was loaded.*dense_1.*the model has bn"):
        target.load_weights(str(tmp_path / "other.h5"), by_name=True)
    with pytest.raises(FileNotFoundError, match="no weight file.*nowhere.h5"):
        target.load_weights(str(tmp_path / "nowhere.h5"), by_name=True)


def test_keras_models_methods_save_and_load_too(model, target, file, tmp_path):
    target.keras_model.load_weights(file, by_name=True)
    assert_same_weights(model, target)
    target.keras_model.save_weights(str(tmp_path / "again.h5"), overwrite=True)
    target.keras_model.summary(print_fn=lambda line, **_: None)
