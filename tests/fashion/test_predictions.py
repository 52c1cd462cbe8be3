"""The verb predictions."""

import json
import zipfile

import pytest

from fashion.predictions import FILES, main


@pytest.fixture
def predictions(tmp_path, validation):
    content = validation.to_coco()
    for i, row in enumerate(content["annotations"]):
        row["score"] = 0.4 + 0.6 * (i % 2)
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("tool", FILES)
def test_every_tool_gets_its_files(tool, predictions, capsys):
    out = main([str(predictions), "--to", tool])
    assert out == predictions.with_name(FILES[tool]) and out.stat().st_size
    assert str(out) in capsys.readouterr().out


def test_objects_below_the_confidence_are_left_out(predictions, capsys):
    some = json.loads(main([str(predictions), "--to", "coco"]).read_text())
    every = json.loads(main([str(predictions), "--to", "coco", "--conf", "0"]).read_text())
    told = capsys.readouterr().out
    assert "with a confidence score of at least 0.5 (--conf)" in told
    assert "with a confidence score of at least 0 (--conf)" in told
    assert {row["score"] for row in some["annotations"]} == {1.0}
    assert len(every["annotations"]) > len(some["annotations"])


def test_cvat_is_a_zip_with_the_labels_beside_it(predictions, tmp_path):
    out = main([str(predictions), "--to", "cvat", "--out", str(tmp_path / "x.zip")])
    assert zipfile.ZipFile(out).namelist() == ["annotations.xml"]
    assert json.loads((tmp_path / "x_labels.json").read_text())[0]["type"] == "mask"
    xml = main([str(predictions), "--to", "cvat", "--out", str(tmp_path / "x.xml")])
    assert xml.read_bytes() == zipfile.ZipFile(out).read("annotations.xml")


@pytest.mark.parametrize(
    ("tool", "name", "written"),
    [
        ("cvat", "X", "X.zip"),
        ("cvat", "X.ZIP", "X.ZIP"),
        ("coco", "v1.2", "v1.2.json"),
        ("label-studio", "X", "X.json"),
        ("fiftyone", "X.json", "X.json"),
        ("coco", "", "coco.json"),
    ],
)
def test_a_file_has_the_ending_that_its_tool_expects(tool, name, written, predictions, tmp_path):
    out = main([str(predictions), "--to", tool, "--out", str(tmp_path / name)])
    assert out == tmp_path / written and out.is_file()
    assert zipfile.is_zipfile(out) == (tool == "cvat")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "list of results"),
        ("{}", "it lacks images, annotations, categories"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        main([str(tmp_path / "x.json"), "--to", "coco"])


def test_a_prediction_without_a_score_is_named(predictions):
    content = json.loads(predictions.read_text())
    del content["annotations"][1]["score"]
    predictions.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="has no score"):
        main([str(predictions), "--to", "coco"])
