import json
from pathlib import Path

import pytest

from fashion.ensembles.files import ensemble_of
from fashion.formats import model_files
from fashion.formats.model_files import checkpoint_in, located, model_in, shipped_models
from fashion.loading import default_confidence
from fashion.train import parse

HDF5 = b"\x89HDF\r\n\x1a\n"


@pytest.fixture(autouse=True)
def nothing_near(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_shipped_model_is_named_without_folder_and_suffix():
    assert checkpoint_in("ccp") == shipped_models()["ccp"] == model_in("ccp")
    assert checkpoint_in("ccp").name == "ccp.h5"


def test_a_file_of_that_name_goes_first(tmp_path):
    Path("ccp").mkdir()
    Path("ccp/best.h5").write_bytes(HDF5)
    assert checkpoint_in("ccp").resolve() == tmp_path / "ccp" / "best.h5"


def test_other_names_stay_paths():
    assert located("runs/ccp") == Path("runs/ccp") and located("nothing") == Path("nothing")


def test_a_missing_file_is_answered_with_all_that_could_be_given():
    with pytest.raises(
        FileNotFoundError, match=r"no weight file nothing\.onnx.*\.h5.*\.onnx.*\.tflite.*: ccp"
    ):
        model_in("nothing.onnx")


def test_a_package_without_models_names_none(tmp_path, monkeypatch):
    monkeypatch.setattr(model_files, "SHIPPED_FOLDER", tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=r"SavedModel\)\.$"):
        checkpoint_in("ccp")


def test_members_of_an_ensemble_may_be_shipped_models():
    Path("e.json").write_text(json.dumps({"members": [{"weights": "ccp"}, {"weights": "ccp"}]}))
    assert [member.path for member in ensemble_of(["e.json"]).members] == [checkpoint_in("ccp")] * 2
    assert len(ensemble_of(["ccp", "ccp"]).members) == 2


def test_a_training_may_start_from_a_shipped_model():
    assert parse(["--weights", "ccp"]).weights == "ccp"
    with pytest.raises(FileNotFoundError, match=r"none.*ccp.*Did you mean ccp\?"):
        parse(["--weights", "cpp"])


def test_its_default_confidence_is_read_by_name():
    assert default_confidence("ccp") == default_confidence(checkpoint_in("ccp"))
