"""Weight files: what is saved comes back, what does not fit is named, and a broken write leaves the
old file."""

import sys

import h5py
import keras
import numpy as np
import pytest

from mrcnn.modeling.build import build_detector
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.weights import layer_files
from mrcnn.weights.layer_files import (
    LoadReport,
    convention_in,
    load_weights,
    own_weights,
    save_weights,
    weight_layers,
)


@pytest.fixture(scope="module")
def detector(plain_config):
    keras.utils.set_random_seed(0)
    return build_detector(plain_config())


@pytest.fixture(scope="module")
def other(plain_config):
    """The same network with other random weights."""
    keras.utils.set_random_seed(1)
    return build_detector(plain_config())


@pytest.fixture
def spoiled(other):
    for variable in other.variables:
        if variable.dtype == "float32":
            variable.assign(np.full(variable.shape, 0.5))
    return other


def arrays(model):
    return {
        (name, w.name): np.asarray(w).copy()
        for name, layer in weight_layers(model).items()
        for w in layer.weights
    }


def test_a_round_trip_changes_no_bit(detector, spoiled, tmp_path):
    save_weights(detector, tmp_path / "a.h5")
    report = load_weights(spoiled, tmp_path / "a.h5")
    assert set(report.loaded) == set(weight_layers(detector)) and not (
        report.only_in_file or report.only_in_model or report.excluded
    )
    found = arrays(spoiled)
    for key, value in arrays(detector).items():
        np.testing.assert_array_equal(found[key], value, err_msg=str(key))


def test_float16_is_half_as_large_and_near(detector, spoiled, tmp_path):
    save_weights(detector, tmp_path / "a.h5")
    save_weights(detector, tmp_path / "half.h5", dtype="float16")
    load_weights(spoiled, tmp_path / "half.h5")
    found = arrays(spoiled)
    for key, value in arrays(detector).items():
        np.testing.assert_allclose(found[key], value, atol=1e-6, rtol=1e-3)
    with h5py.File(tmp_path / "half.h5") as file:
        assert (
            file["fpn_p2/fpn_p2/kernel:0"].dtype == np.float16
            and file["bn_conv1/bn_conv1/moving_variance:0"].dtype == np.float32
        )
    assert (tmp_path / "half.h5").stat().st_size < 0.75 * (tmp_path / "a.h5").stat().st_size


def test_the_layout_is_matterports(detector, tmp_path):
    save_weights(detector, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        names = [n.decode() for n in file.attrs["layer_names"]]
        assert set(file) == set(names) and len(set(names)) == len(names)
        assert (
            names[0] == "image"
            and names[-1] == "mrcnn_mask"
            and file["roi_align_mask"].attrs["weight_names"].size == 0
        )
        assert [n.decode() for n in file["rpn_model"].attrs["weight_names"]] == [
            f"{layer}/{weight}:0"
            for layer in ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred")
            for weight in ("kernel", "bias")
        ]
        assert set(weight_layers(detector)) - set(names) == {
            "rpn_conv_shared",
            "rpn_class_raw",
            "rpn_bbox_pred",
        }
        assert [n.decode() for n in file["bn_conv1"].attrs["weight_names"]] == [
            f"bn_conv1/{weight}:0" for weight in ("gamma", "beta", "moving_mean", "moving_variance")
        ]
        kernel = file["conv1"]["conv1/kernel:0"][()]
    np.testing.assert_array_equal(kernel, arrays(detector)["conv1", "kernel"])


def test_a_file_saved_as_a_whole_keras_model_is_read_too(detector, spoiled, tmp_path):
    """Keras 2 put the weights under model_weights when it saved more than weights."""
    save_weights(detector, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file, h5py.File(tmp_path / "whole.h5", "w") as whole:
        group = whole.create_group("model_weights")
        group.attrs["layer_names"] = file.attrs["layer_names"]
        for name in file:
            file.copy(name, group)
    load_weights(spoiled, tmp_path / "whole.h5")
    np.testing.assert_array_equal(
        arrays(spoiled)["conv1", "kernel"], arrays(detector)["conv1", "kernel"]
    )


@pytest.mark.slow
def test_a_file_says_how_its_heads_measure_boxes(detector, plain_config, tmp_path):
    corners = build_detector(plain_config(ROI_ALIGN="corners"))
    save_weights(detector, tmp_path / "aligned.h5")
    save_weights(corners, tmp_path / "matterports.h5")
    save_weights(corners, tmp_path / "corners.h5", metadata={"config": {}})
    found = [
        convention_in(tmp_path / f"{name}.h5") for name in ("aligned", "matterports", "corners")
    ]
    assert found == ["aligned", "corners", "corners"]
    with h5py.File(tmp_path / "matterports.h5") as file:
        assert set(file.attrs) == {"layer_names", "backend", "keras_version"}
    with h5py.File(tmp_path / "backbone.h5", "w") as file:
        file.attrs["layer_names"] = [b"conv1"]
    assert convention_in(tmp_path / "backbone.h5") is None


def test_excluded_layers_stay_as_they_are(detector, spoiled, tmp_path):
    save_weights(detector, tmp_path / "a.h5")
    report = load_weights(spoiled, tmp_path / "a.h5", exclude=["mrcnn_mask", "mrcnn_bbox"])
    assert report.excluded == ["mrcnn_mask"] and "1 left out as asked: mrcnn_mask" in str(report)
    assert (arrays(spoiled)["mrcnn_mask", "kernel"] == 0.5).all()


@pytest.mark.slow
def test_another_number_of_classes_is_refused_naming_the_way_out(detector, plain_config, tmp_path):
    save_weights(detector, tmp_path / "a.h5")
    more = build_detector(plain_config(NUM_CLASSES=5))
    before = arrays(more)
    with pytest.raises(
        ValueError,
        match=(
            r"\(32, 3\).*\(32, 5\).*exclude=\['mrcnn_class_logits', 'mrcnn_bbox_fc', "
            r"'mrcnn_mask'\]"
        ),
    ):
        load_weights(more, tmp_path / "a.h5")
    assert all((value == before[key]).all() for key, value in arrays(more).items())
    load_weights(
        more, tmp_path / "a.h5", exclude=["mrcnn_bbox_fc", "mrcnn_class_logits", "mrcnn_mask"]
    )


def test_layers_of_one_side_only_are_reported(detector, spoiled, tmp_path):
    np.savez(
        tmp_path / "a.npz",
        **{
            "conv1/kernel": arrays(detector)["conv1", "kernel"],
            "conv1/bias": np.zeros(8, np.float16),
            "logits/bias": np.zeros(3),
        },
    )
    report = load_weights(spoiled, tmp_path / "a.npz")
    assert (
        report.loaded == ["conv1"]
        and report.only_in_file == ["logits"]
        and "fpn_p2" in report.only_in_model
    )


def test_a_report_says_what_happens_to_each_kind_of_layer():
    report = LoadReport(["a", "b"], ["c"], ["d"], list("efghij"))
    assert str(report) == (
        "2 layers loaded; 1 left out as asked: c; 1 of the file not in the network: d; 6 not in "
        "the file keep their values, random in a new network: e, f, g, h, i …"
    )
    assert str(LoadReport(["a"])) == "1 layer loaded"


def test_an_npz_may_list_its_weights_in_any_order(detector, spoiled, tmp_path):
    names = ["moving_variance", "beta", "moving_mean", "gamma"]
    np.savez(
        tmp_path / "a.npz",
        **{f"bn_conv1/{name}": np.full(8, i, np.float32) for i, name in enumerate(names)},
    )
    load_weights(spoiled, tmp_path / "a.npz")
    assert [arrays(spoiled)["bn_conv1", name][0] for name in names] == [0, 1, 2, 3]


class Query(RoIHead):
    """A head with a weight of its own beside those of its layer."""

    def __init__(self, size=16):
        super().__init__(name="mrcnn_query")
        self.query = self.add_weight(shape=(size,), initializer="zeros", name="query")
        self.dense = keras.layers.Dense(2, name="mrcnn_query_logits")

    def call(self, inputs, training=False):
        return {"logits": self.dense(inputs[..., : self.query.shape[0]] * self.query)}


class Scaled(keras.layers.Layer):
    """A backbone's stage: a convolution, and two factors that are called alike, of which one is
    trained."""

    def __init__(self, name):
        super().__init__(name=name)
        self.conv = keras.layers.Conv2D(4, 3, 2, "same", name=f"{name}_conv")
        self.factors = [
            self.add_weight(shape=(4,), initializer="ones", trainable=trained, name="factor")
            for trained in (True, False)
        ]

    def call(self, image):
        return self.conv(image) * self.factors[0] * self.factors[1]


def scaled(image, stage5, train_bn):
    return [image := Scaled(f"stage{i}")(image) for i in range(1, 6)]


@pytest.mark.slow
def test_weights_beside_those_of_the_layers_inside_come_back_too(plain_config, tmp_path):
    first, second = (build_detector(plain_config(BACKBONE=scaled), [Query]) for _ in range(2))
    for name, layer in weight_layers(first).items():
        for i, weight in enumerate(own_weights(layer)):
            weight.assign(np.full(weight.shape, i + len(name) / 64))
    save_weights(first, tmp_path / "a.h5")
    report = load_weights(second, tmp_path / "a.h5")
    assert {"stage3", "stage3_conv", "mrcnn_query", "mrcnn_query_logits"} <= set(report.loaded)
    assert not (report.only_in_file or report.only_in_model)
    assert (np.asarray(second.heads[2].query) == 11 / 64).all()
    for mine, theirs in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs, err_msg=mine.path)
    with h5py.File(tmp_path / "a.h5") as file:
        names = {
            name: [key.decode() for key in file[name].attrs["weight_names"]]
            for name in ("mrcnn_query", "stage3", "stage3_conv")
        }
    assert names == {
        "mrcnn_query": ["mrcnn_query/query:0"],
        "stage3": ["stage3/factor:0", "stage3/factor_:0"],
        "stage3_conv": ["stage3_conv/kernel:0", "stage3_conv/bias:0"],
    }


@pytest.mark.slow
def test_own_weights_are_missed_in_a_file_without_them_and_refused_in_another_shape(
    detector, plain_config, tmp_path
):
    save_weights(detector, tmp_path / "without.h5")
    with_query = build_detector(plain_config(), [Query])
    assert load_weights(with_query, tmp_path / "without.h5").only_in_model == [
        "mrcnn_query",
        "mrcnn_query_logits",
    ]
    save_weights(with_query, tmp_path / "a.h5")
    shorter = build_detector(plain_config(), [lambda: Query(8)])
    with pytest.raises(
        ValueError,
        match=(
            r"'mrcnn_query' of .*\[\(16,\)\], the model expects "
            r"\[\(8,\)\].*\['mrcnn_query', 'mrcnn_q"
        ),
    ):
        load_weights(shorter, tmp_path / "a.h5")
    assert (
        "mrcnn_query"
        in load_weights(
            shorter, tmp_path / "a.h5", exclude=["mrcnn_query", "mrcnn_query_logits"]
        ).excluded
    )


def test_a_weight_that_a_wrapper_holds_as_well_is_its_layers():
    wrapper = keras.layers.SpectralNormalization(
        keras.layers.Dense(2, name="inner"), name="wrapper"
    )
    model = keras.Sequential([keras.Input((3,)), wrapper])
    assert {
        name: [w.name for w in own_weights(layer)] for name, layer in weight_layers(model).items()
    } == {"wrapper": ["vector_u"], "inner": ["kernel", "bias"]}


def test_loading_nothing_is_an_error(detector, tmp_path):
    np.savez(tmp_path / "a.npz", **{"other/kernel": np.zeros(3)})
    with pytest.raises(ValueError, match="nothing was loaded.*other"):
        load_weights(detector, tmp_path / "a.npz")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.h5", "a.npz"])
def test_a_missing_or_cut_off_file_is_told(detector, tmp_path, name):
    with pytest.raises(FileNotFoundError, match=f"no weight file .*{name}"):
        load_weights(detector, tmp_path / name)
    save_weights(detector, tmp_path / "a.h5")
    np.savez(tmp_path / "a.npz", **{"conv1/kernel": np.zeros((3, 3, 3, 8))})
    whole = (tmp_path / name).read_bytes()
    for length in (0, 100, len(whole) // 2):
        (tmp_path / name).write_bytes(whole[:length])
        with pytest.raises(ValueError, match="cut off"):
            load_weights(detector, tmp_path / name)


def test_a_write_that_fails_leaves_the_old_file(detector, tmp_path, monkeypatch):
    path = tmp_path / "last.h5"
    save_weights(detector, path)
    before = path.read_bytes()

    def full_disk(*arguments, **options):
        raise OSError("No space left on device")

    monkeypatch.setattr(layer_files.json, "dumps", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_weights(detector, path, metadata={"epoch": 2})
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["last.h5"]


@pytest.mark.slow
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("name", ["a.h5", "a.npz"])
def test_weights_that_are_not_finite_are_refused_by_layer_before_anything_is_assigned(
    detector, spoiled, tmp_path, name, value
):
    """1e300 is finite as float64 and infinite as a weight."""
    kernel = arrays(detector)["conv1", "kernel"].astype(np.float64)
    kernel.flat[5] = value
    if name == "a.npz":
        np.savez(
            tmp_path / name,
            **{"conv1/kernel": kernel, "conv1/bias": np.zeros(8), "fpn_p2/bias": np.ones(16)},
        )
    else:
        save_weights(detector, tmp_path / name)
        with h5py.File(tmp_path / name, "r+") as file:
            del file["conv1/conv1/kernel:0"]
            file["conv1/conv1/kernel:0"] = kernel
            file["mrcnn_mask/mrcnn_mask/bias:0"][0] = np.nan
    with pytest.raises(
        ValueError,
        match=rf"Layer 'conv1' of .*{name} cannot be used: 1 of the 216 values of its kernel",
    ) as raised:
        load_weights(spoiled, tmp_path / name, exclude=["fpn_p2"])
    assert (arrays(spoiled)["fpn_c2p2", "kernel"] == 0.5).all() and raised.value.layers[
        0
    ] == "conv1"
    if name == "a.h5":
        assert raised.value.layers == ["conv1", "mrcnn_mask"] and "so are mrcnn_mask" in str(
            raised.value
        )
        report = load_weights(spoiled, tmp_path / name, exclude=raised.value.layers)
        assert set(report.excluded) == {"conv1", "mrcnn_mask"}


@pytest.mark.slow
def test_a_negative_variance_is_refused_since_it_makes_nan(detector, spoiled, tmp_path):
    save_weights(detector, tmp_path / "a.h5")
    for value, fits in ((-1e-9, True), (-0.5, False)):
        with h5py.File(tmp_path / "a.h5", "r+") as file:
            file["bn_conv1/bn_conv1/moving_variance:0"][0] = value
        if fits:
            load_weights(spoiled, tmp_path / "a.h5")
        else:
            with pytest.raises(
                ValueError, match="'bn_conv1' of .*its moving_variance is negative, -0.5"
            ):
                load_weights(spoiled, tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"conv1/kernel": np.array(["a"])}, "not numbers"),
        ({"conv1/kernel": np.array([1j])}, "not numbers"),
        ({"conv1/kernel": np.array([None])}, "arrays of numbers"),
        ({"conv1/weights": np.zeros(3)}, "'conv1/weights' is no <layer>"),
    ],
)
def test_an_npz_of_other_things_is_refused(detector, tmp_path, content, told):
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(ValueError, match=rf"a\.npz is not a readable .*{told}"):
        load_weights(detector, tmp_path / "a.npz")


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.99])
def test_a_full_disk_is_an_error_that_names_the_file_and_leaves_the_old_one(
    detector, tmp_path, share
):
    """A limit on the size of files stands in for the disk; HDF5 itself would end the process."""
    import resource

    path = tmp_path / "last.h5"
    save_weights(detector, path, metadata={"epoch": 1})
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(len(before) * share), limits[1]))
    try:
        with pytest.raises(
            OSError,
            match=r"last\.h5 could not be written: File too large.*unchanged.* It needs .* MB, and",
        ):
            save_weights(detector, path, metadata={"epoch": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_save_that_fails_keeps_no_view_of_the_files_bytes(detector, tmp_path, monkeypatch):
    """The traceback would hold the view, and Python 3.12.1 crashes when it collects that."""
    written = []

    def full(path, data):
        written.append(data)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(layer_files, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        save_weights(detector, tmp_path / "w.h5")
    assert isinstance(written[0], bytes)
