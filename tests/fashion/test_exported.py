"""Exported models: the same results as the checkpoint's, in the same commands, and clear refusals.

The file is metadata alone here, and Keras stands for its runtime; real files are in test_export.
"""

import json

import numpy as np
import pytest

from fashion import evaluate, predict, submit
from fashion.exported import ExportedModel
from fashion.loading import default_confidence, load_model, noted_split, settings_beside
from mrcnn.data.resize import normalise
from mrcnn.inference import exported


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def write_onnx(path, metadata):
    text = json.dumps(metadata).encode()
    pair = b"\x0a\x08metadata\x12" + varint(len(text)) + text
    path.write_bytes(b"\x72" + varint(len(pair)) + pair)


@pytest.fixture
def metadata(tiny_model):
    config = tiny_model.config
    return {
        "format_version": 1,
        "task": "detection",
        "min_score": 0.03,
        "batch": config.BATCH_SIZE,
        "image_hw": list(config.image_hw),
        "convention": tiny_model.detector.convention.name,
        "config": config.to_dict() | {"CONFIDENCE_THRESHOLD": 0.04},
        "labels": tiny_model.ontology.to_dict(),
    }


@pytest.fixture
def file(metadata, tiny_model, tmp_path, monkeypatch):
    write_onnx(tmp_path / "model.onnx", metadata)

    def open_runtime(path, threads):
        def run(inputs):
            config = tiny_model.config
            pixels = normalise(inputs["images"], config.MEAN_PIXEL, config.PIXEL_STD)
            found = tiny_model.predictor.detect_molded(pixels, inputs["windows"])
            return found | {"count": found.pop("valid").sum(axis=1)}

        return run

    monkeypatch.setattr(exported, "open_runtime", open_runtime)
    return tmp_path / "model.onnx"


@pytest.mark.slow
def test_an_exported_model_predicts_what_its_checkpoint_predicts(file, tiny_model):
    photos = [
        np.random.default_rng(i).integers(0, 256, (*size, 3)).astype(np.uint8)
        for i, size in enumerate([(70, 50), (64, 64), (90, 200)])
    ]
    ours, theirs = tiny_model.predict(photos), load_model(file).predict(photos)
    assert sum(len(result["scores"]) for result in ours) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys() and one["attributes"] == other["attributes"]
        for name in ("boxes", "scores", "class_ids", "mask_probabilities", "attribute_scores"):
            np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_the_commands_take_exported_models(file, sample_folder, tmp_path):
    images = sample_folder / "images"
    common = ["--weights", str(file), "--limit", "2"]
    predict.main([*common, "--images", str(images), "--out", str(tmp_path / "p")])
    found = json.loads((tmp_path / "p" / "predictions.json").read_text())
    assert len(found["images"]) == 2
    assert all(row["score"] >= 0.04 for row in found["annotations"])
    out = ["--out", str(tmp_path / "e"), "--no-pages", "--ap-conf", "0.03"]
    scores = evaluate.main([*common, "--data", str(sample_folder), *out])
    assert scores["coco"]["segm"]["AP"] >= 0 and (tmp_path / "e" / "metrics.json").exists()
    rows = submit.main([*common, "--images", str(images), "--out", str(tmp_path / "s.csv")])
    assert len(rows.read_text().splitlines()) > 2


def test_settings_inside_the_file_cannot_be_changed(file):
    model = ExportedModel(file, DETECTION_MIN_CONFIDENCE=0.2, ATTRIBUTE_THRESHOLD=0.9)
    assert model.config.ATTRIBUTE_THRESHOLD == 0.9
    with pytest.raises(ValueError, match="fixed inside the exported model"):
        ExportedModel(file, DETECTION_NMS_THRESHOLD=0.9)
    with pytest.raises(ValueError, match="0.001 was asked for"):
        ExportedModel(file, DETECTION_MIN_CONFIDENCE=0.001)
    with pytest.raises(ValueError, match="--tta"):
        ExportedModel(file, views=["mirror"])
    with pytest.raises(ValueError, match="--tiles"):
        ExportedModel(file, tiles="2x2")
    with pytest.raises(ValueError, match="--rescore"):
        ExportedModel(file, rescorer="rescorer.h5")
    with pytest.raises(ValueError, match="--true-boxes"):
        model.describe([], [], [])


def test_the_default_confidence_is_in_the_file(file):
    assert default_confidence(file) == 0.04
    assert settings_beside(file) == {} and noted_split(file) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "does not say which categories"),
        ({"labels": {}}, "its labels are invalid"),
        ({"task": "semantic"}, "is a network for semantic"),
        ({"config": None}, "metadata of the exported file are damaged: their types are wrong"),
        ({"image_hw": None}, "metadata of the exported file are damaged"),
    ],
)
def test_files_that_are_no_models_say_why(changes, message, metadata, file):
    write_onnx(file, metadata | changes)
    with pytest.raises(ValueError, match=message):
        ExportedModel(file)


def test_a_checkpoint_is_asked_for_where_it_is_needed(file):
    from fashion import rescore

    with pytest.raises(ValueError, match="is an exported model"):
        rescore.parse(["--weights", str(file)])
