"""`average`: the mean of checkpoints, with the labels and settings of the first."""

import json

import numpy as np
import pytest

from fashion import average
from fashion.model import load_model
from mrcnn.weights.h5_files import read_metadata
from mrcnn.weights.layer_files import load_weights, save_weights


@pytest.fixture(scope="module")
def files(tiny_model, tmp_path_factory):
    """Checkpoints of a network: its weights, and three times these."""
    folder = tmp_path_factory.mktemp("average")
    detector = tiny_model.detector
    of_one = {"epoch": 8, "score": 0.25}
    save_weights(detector, folder / "one.h5", metadata=tiny_model.metadata() | of_one)
    for weight in detector.weights:
        weight.assign(3 * weight)
    save_weights(detector, folder / "three.h5", metadata=tiny_model.metadata())
    load_weights(detector, folder / "one.h5")
    return [folder / "one.h5", folder / "three.h5"]


@pytest.mark.slow
def test_the_mean_of_weights_is_written(files, tiny_model, tmp_path):
    out = average.main([*map(str, files), "--out", str(tmp_path / "new" / "mean")])
    assert out == tmp_path / "new" / "mean.h5"
    mean = load_model(out)
    for weight, single in zip(mean.detector.weights, tiny_model.detector.weights, strict=True):
        np.testing.assert_allclose(np.asarray(weight), 2 * np.asarray(single), rtol=1e-6)
    assert read_metadata(out) == read_metadata(files[1])


@pytest.mark.slow
def test_copies_of_a_checkpoint_give_that_checkpoint(files, tiny_model, tmp_path):
    out = average.main([str(files[0])] * 3 + ["--out", str(tmp_path / "same.h5")])
    for weight, single in zip(
        load_model(out).detector.weights, tiny_model.detector.weights, strict=True
    ):
        np.testing.assert_array_equal(np.asarray(weight), np.asarray(single))


@pytest.mark.slow
def test_float16_halves_the_file(files, tmp_path):
    sizes = []
    for option in ([], ["--float16"]):
        out = average.main([*map(str, files), "--out", str(tmp_path / "mean.h5"), *option])
        sizes.append(out.stat().st_size)
    assert sizes[1] < 0.75 * sizes[0]


@pytest.mark.slow
def test_settings_beside_a_checkpoint_are_not_taken_along(files, tmp_path):
    beside = files[0].with_suffix(".settings.json")
    beside.write_text(json.dumps({"DETECTION_NMS_THRESHOLD": 0.2}))
    try:
        out = average.main([*map(str, files), "--out", str(tmp_path / "mean.h5")])
    finally:
        beside.unlink()
    assert load_model(out).config.DETECTION_NMS_THRESHOLD != 0.2


@pytest.mark.slow
def test_other_labels_are_refused(files, tiny_model, tmp_path):
    metadata = json.loads(json.dumps(tiny_model.metadata()))
    metadata["ontology"]["categories"] = metadata["ontology"]["categories"][::-1]
    other = tmp_path / "other.h5"
    save_weights(tiny_model.detector, other, metadata=metadata)
    with pytest.raises(ValueError, match=r"other\.h5 was trained for other categories"):
        average.main([str(files[0]), str(other), "--out", str(tmp_path / "mean.h5")])
    assert not (tmp_path / "mean.h5").exists()


@pytest.mark.slow
def test_other_layers_are_refused(files, tiny_model, tmp_path):
    import h5py

    other = tmp_path / "other.h5"
    other.write_bytes(files[0].read_bytes())
    with h5py.File(other, "r+") as file:
        names = list(file.attrs["layer_names"])
        file.attrs["layer_names"] = [name for name in names if name != b"fpn_p3"]
    with pytest.raises(ValueError, match=r"other\.h5 has other layers .* such as fpn_p3"):
        average.main([*map(str, files), str(other), "--out", str(tmp_path / "mean.h5")])
    assert not (tmp_path / "mean.h5").exists()


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (lambda files: [], "Name two or more checkpoints"),
        (lambda files: [files[1], "--out", files[1]], "three.h5 is one of the checkpoints"),
    ],
)
def test_wrong_arguments_are_refused(files, last, message, capsys):
    with pytest.raises(SystemExit):
        average.parse([str(word) for word in [files[0], *last(files)]])
    assert message in capsys.readouterr().err


def test_a_missing_checkpoint_is_named(files):
    with pytest.raises(FileNotFoundError, match="no weight file nothing"):
        average.parse([str(files[0]), "nothing"])
