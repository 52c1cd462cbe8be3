"""export: the options, and from a run to predictions without Keras."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fashion import export
from fashion.export import batch_size, size_hw
from fashion.exported import ExportedModel
from mrcnn.inference.exported_files import read_export_metadata

ROOT = Path(__file__).parents[2]


def test_sizes_and_batches_are_read():
    assert size_hw("384x256") == (384, 256) and size_hw("512") == (512, 512)
    assert batch_size("dynamic") is None and batch_size("4") == 4
    assert export.parse(["--to", "all"]).formats == ("savedmodel", "onnx", "litert")


def test_a_saved_model_is_left_out_of_all_where_it_has_no_such_precision(tmp_path):
    options = ["--to", "all", "--precision", "fp16"]
    assert export.parse(options).formats == ("onnx", "litert")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--imgsz", "big"], "needs HEIGHTxWIDTH"),
        (["--batch", "some"], "must be a whole number"),
        (["--to", "savedmodel", "--precision", "int8"], "a SavedModel has the precision fp32"),
        (["--to", "onnx", "--precision", "int8"], "--calibrate is missing"),
        (["--to", "caffe"], "--to"),
    ],
)
def test_options_that_do_not_fit_are_told(options, message, capsys):
    with pytest.raises(SystemExit):
        export.main(options)
    assert message in capsys.readouterr().err


@pytest.mark.full
def test_from_a_run_to_predictions_in_a_process_without_keras(tiny_export, sample_folder, tmp_path):
    file = tiny_export
    assert file.name == "tiny.onnx"
    assert "| license | CC0 |" in file.with_suffix(".onnx.md").read_text(encoding="utf-8")
    code = f"""
import sys
from fashion.__main__ import main
common = ["--weights", {str(file)!r}, "--limit", "2"]
images, data = {str(sample_folder / "images")!r}, {str(sample_folder)!r}
out = {str(tmp_path)!r}
for verb, *options in (
    ["predict", "--images", images, "--out", out + "/p", "--conf", "0.02"],
    ["evaluate", "--data", data, "--out", out + "/e", "--no-pages"],
    ["submit", "--images", images, "--out", out + "/s.csv"],
):
    assert main([verb, *options, *common]) == 0, verb
    assert not {{"keras", "tensorflow", "jax", "h5py"}} & set(sys.modules), verb
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=environment)
    assert json.loads((tmp_path / "p" / "predictions.json").read_text())["annotations"]


@pytest.mark.slow
def test_a_network_that_labels_pixels_is_exported(sample_folder, tmp_path):
    from fashion.semantic.networks import build_network
    from mrcnn.weights.layer_files import save_weights

    categories = [{"id": 3, "name": "coat"}, {"id": 7, "name": "skirt"}]
    about = {"network": "unet", "size": 64, "width": 4, "categories": categories}
    weights = tmp_path / "weights.h5"
    save_weights(build_network("unet", 64, 3, 4), weights, metadata=about)
    file = exported(weights, sample_folder, tmp_path)
    found = read_export_metadata(file)
    assert found["task"] == "semantic" and found["labels"] == {"categories": categories}
    assert found["check"]["batches"] == 2 and found["check"]["worst"]["labels"] == 0
    assert {row["name"]: row["shape"] for row in found["outputs"]} == {
        "labels": [1, 64, 64],
        "probabilities": [1, 64, 64],
    }
    with pytest.raises(ValueError, match="is a network for semantic"):
        ExportedModel(file)


@pytest.mark.slow
def test_a_classifier_of_crops_is_exported(sample_folder, ontology, tmp_path):
    from fashion.classify.garments.rescorer import Rescorer, build_classifier

    network = build_classifier("efficientnet_lite0", ontology.num_classes)
    Rescorer(network, "efficientnet_lite0", 32, ontology).save(tmp_path / "rescorer.h5")
    found = read_export_metadata(exported(tmp_path / "rescorer.h5", sample_folder, tmp_path))
    assert found["task"] == "classification" and found["labels"] == ontology.to_dict()
    (output,) = found["outputs"]
    assert output["shape"] == [1, ontology.num_classes]
    assert found["check"]["worst"]["probabilities"] <= 1e-4


def exported(weights, data, out):
    (file,) = export.main(
        [
            *("--weights", str(weights), "--to", "savedmodel", "--out", str(out)),
            *("--images", str(data / "images"), "--limit", "2"),
        ]
    )
    return file
