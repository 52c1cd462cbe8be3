"""export: what a file computes is what Keras computes; else there is no file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from mrcnn.export import ExportCheckFailed, ScoreCheck, export, export_network, exporting
from mrcnn.export.files import TF2ONNX
from mrcnn.inference.exported import ExportedPredictor
from mrcnn.inference.exported_files import read_export_metadata
from mrcnn.inference.predict import Predictor
from mrcnn.inference.runtimes import RUNTIMES
from mrcnn.modeling.build import build_detector
from mrcnn.packages import PackageMissing

ROOT = Path(__file__).parents[3]
# Each part of the final scores is on.
SCORES = {
    "DETECTION_MASK_CERTAINTY": 1.0,
    "DETECTION_OTHER_CLASS": [0.5, 0.7],
    "SCORE_CALIBRATION": [1.2, -0.4],
    "DETECTION_BACKGROUND_LOGIT": 0.5,
    "IMAGE_RESIZE_MODE": "square",
}
PHOTOS = [
    np.random.default_rng(i).integers(0, 256, (*size, 3)).astype(np.uint8)
    for i, size in enumerate([(70, 50), (64, 64), (200, 90), (33, 120)])
]

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="files are written by TensorFlow"
)


@pytest.fixture(scope="module")
def config(plain_config):
    return plain_config(**SCORES)


@pytest.fixture(scope="module")
def detector(config):
    """Random weights, with logits far enough apart that rounding does not swap detections."""
    keras.utils.set_random_seed(3)
    detector = build_detector(config)
    for layer in ("mrcnn_class_logits", "rpn_class_raw", "mrcnn_mask"):
        kernel, *others = detector.get_layer(layer).get_weights()
        detector.get_layer(layer).set_weights([kernel * 6, *others])
    return detector


@pytest.fixture(scope="module")
def onnx_file(detector, config, tmp_path_factory):
    pytest.importorskip("tf2onnx", reason="the extra [export] is not installed")
    pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export(
        detector,
        path,
        config,
        images=PHOTOS,
        batch=None,
        embeddings=True,
        about={"labels": ["square", "bar"], "license": "MIT"},
    )
    return path


def same(one, other):
    assert one.keys() == other.keys() - {"embeddings"}
    np.testing.assert_array_equal(one["class_ids"], other["class_ids"])
    np.testing.assert_allclose(one["boxes"], other["boxes"], atol=1e-3)
    for name in ("scores", "mask_probabilities"):
        np.testing.assert_allclose(one[name], other[name], atol=1e-4)


@pytest.mark.full
def test_an_onnx_file_detects_what_keras_detects(onnx_file, detector, config):
    exported = ExportedPredictor(onnx_file)
    config.DETECTION_MIN_CONFIDENCE = exporting.MIN_SCORE
    ours = Predictor(detector, config)(PHOTOS)
    assert sum(len(result["scores"]) for result in ours) > 10
    for one, other in zip(ours, exported(PHOTOS), strict=True):
        same(one, other)
        np.testing.assert_allclose(np.linalg.norm(other["embeddings"], axis=1), 1, rtol=1e-5)


@pytest.mark.full
def test_a_file_says_what_it_takes_and_how_it_was_checked(onnx_file):
    found = read_export_metadata(onnx_file)
    assert found["image_hw"] == [64, 64] and found["batch"] is None and found["license"] == "MIT"
    assert found["scores"]["calibration"] == [1.2, -0.4] and found["opset"] == 18
    assert found["labels"] == ["square", "bar"]
    assert {row["name"] for row in found["inputs"]} == {"images", "windows"}
    shapes = {row["name"]: row["shape"] for row in found["outputs"]}
    assert shapes["boxes"] == [None, 10, 4] and shapes["embeddings"] == [None, 10, 32]
    assert found["check"]["rows"] > 10 and found["check"]["worst"]["boxes"] <= 1e-3
    card = onnx_file.with_suffix(".onnx.md").read_text(encoding="utf-8")
    assert "| license | MIT |" in card and f"{found['check']['rows']} detections" in card


@pytest.mark.full
def test_a_higher_least_score_is_asked_of_the_same_file(onnx_file):
    every = ExportedPredictor(onnx_file)(PHOTOS[:1])[0]
    least = float(np.median(every["scores"]))
    some = ExportedPredictor(onnx_file, min_score=least)(PHOTOS[:1])[0]
    np.testing.assert_array_equal(some["scores"], every["scores"][every["scores"] >= least])
    with pytest.raises(ValueError, match="with a score of 0.01 or more, and 0.001 was asked for"):
        ExportedPredictor(onnx_file, min_score=0.001)


@pytest.mark.full
def test_the_onnx_file_is_run_without_keras_and_tensorflow(onnx_file):
    code = f"""
import sys
import numpy as np
from mrcnn.inference.exported import ExportedPredictor
result, = ExportedPredictor({str(onnx_file)!r})([np.zeros((70, 50, 3), np.uint8)])
assert len(result["boxes"]) == len(result["scores"])
print(*{{"keras", "tensorflow", "jax", "h5py"}} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == ""


@pytest.mark.full
@pytest.mark.parametrize("name", ["model.savedmodel", "model.tflite"])
def test_other_formats_detect_what_keras_detects(name, detector, config, tmp_path):
    if name.endswith(".tflite"):
        pytest.importorskip("ai_edge_litert", reason="the extra [export] is not installed")
    found = export(detector, tmp_path / name, config, images=PHOTOS)
    assert found["check"]["rows"] > 10
    stored = read_export_metadata(tmp_path / name)
    assert stored["check"] == json.loads(json.dumps(found["check"])) and stored["batch"] == 1
    assert ExportedPredictor(tmp_path / name).config.BATCH_SIZE == 1
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    if name.endswith(".savedmodel"):  # only what is an export is replaced by another one
        export(detector, tmp_path / name, config, images=PHOTOS[:1])
        (tmp_path / "mine").mkdir()
        with pytest.raises(FileExistsError, match="not an exported model"):
            export(detector, tmp_path / "mine", config, images=PHOTOS)


@pytest.mark.full
def test_a_file_that_computes_something_else_is_refused(detector, config, tmp_path, monkeypatch):
    def of_another_network(model, *arguments):
        layer = model.get_layer("mrcnn_class_logits")
        before = layer.get_weights()
        layer.set_weights([before[0] * 1.001, *before[1:]])
        convert(model, *arguments)
        layer.set_weights(before)

    convert = exporting.convert
    monkeypatch.setattr(exporting, "convert", of_another_network)
    path = tmp_path / "model.savedmodel"
    with pytest.raises(ExportCheckFailed, match="does not detect what the Keras model detects"):
        export(detector, path, config, images=PHOTOS)
    assert list(tmp_path.iterdir()) == []
    settings = detector.settings
    assert settings.detections.min_confidence == 0.0  # as before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("model.pb", {}, "An export is a .onnx file"),
        ("model.onnx", {"precision": "fp8"}, "fp32, fp16, int8"),
        ("model.savedmodel", {"precision": "int8"}, "A SavedModel is of fp32"),
        ("model.onnx", {"precision": "int8"}, "checked by its score on ground truth"),
        ("model.onnx", {"image_hw": (100, 64)}, "multiples of 64"),
        ("model.onnx", {"min_score": 1.5}, "lies in"),
    ],
)
def test_arguments_that_do_not_fit_are_told(name, options, message, detector, config, tmp_path):
    with pytest.raises(ValueError, match=message):
        export(detector, tmp_path / name, config, images=PHOTOS, **options)


def test_a_config_without_a_fixed_canvas_needs_a_size(detector, plain_config, tmp_path):
    config = plain_config(IMAGE_RESIZE_MODE="pad64")
    with pytest.raises(ValueError, match="takes one size"):
        export(detector, tmp_path / "model.onnx", config, images=PHOTOS)


def test_without_its_package_an_export_says_what_to_install(
    detector, config, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(PackageMissing, match='tf2onnx: pip install "tf2onnx>=1.17'):
        export(detector, tmp_path / "model.onnx", config, images=PHOTOS)
    assert list(tmp_path.iterdir()) == []


def test_the_extra_installs_what_the_errors_name():
    extra = (ROOT / "setup.py").read_text(encoding="utf-8")
    for package, versions in RUNTIMES.values():
        assert f'"{package}{versions}"' in extra
    assert f'"{TF2ONNX}"' in extra


def labels_of(logits):
    from fashion.semantic.segmenter import label_outputs

    return label_outputs(logits)


@pytest.mark.slow
def test_labels_of_pixels_are_exported_without_argmax_of_floats(tmp_path):
    """tf2onnx writes that as an operation which ONNX Runtime does not have."""
    pytest.importorskip("tf2onnx", reason="the extra [export] is not installed")
    pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")
    image = keras.Input((32, 32, 3))
    model = keras.Model(image, keras.layers.Conv2D(4, 3, padding="same")(image))
    canvases = [np.random.default_rng(i).integers(0, 256, (32, 32, 3), np.uint8) for i in range(3)]
    found = export_network(
        model,
        tmp_path / "labels.onnx",
        labels_of,
        task="semantic",
        images=canvases,
        image_hw=(32, 32),
        mean=[127] * 3,
        std=[60] * 3,
    )
    assert found["check"]["batches"] == 3 and found["check"]["worst"]["labels"] == 0
    assert read_export_metadata(tmp_path / "labels.onnx")["task"] == "semantic"


@pytest.mark.full
def test_a_process_of_jax_exports_by_a_second_process(tmp_path):
    pytest.importorskip("tf2onnx", reason="the extra [export] is not installed")
    pytest.importorskip("jax")
    code = f"""
import numpy as np
from tests.conftest import TINY, register_plain_backbone
from mrcnn.config import Config
from mrcnn.export import export
from mrcnn.modeling.build import build_detector
register_plain_backbone()
config = Config.from_dict(TINY | {{"NUM_CLASSES": 3, "DETECTION_ALL_CLASSES": True}})
images = [np.random.default_rng(i).integers(0, 256, (64, 64, 3), np.uint8) for i in range(2)]
path = {str(tmp_path / "model.savedmodel")!r}
found = export(build_detector(config), path, config, images=images)
assert found["check"]["rows"] > 0 and found["versions"]["backend"] == "jax"
"""
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env=environment)


@pytest.mark.full
def test_files_of_lower_precision_are_judged_by_their_score(detector, config, tmp_path):
    pytest.importorskip("tf2onnx", reason="the extra [export] is not installed")
    pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")
    scored = []

    def score(predictor):
        scored.append(predictor)
        return float(predictor(PHOTOS[:1])[0]["scores"].mean())

    check = ScoreCheck(score, "mean score", max_loss=0.02)
    half = export(detector, tmp_path / "a.onnx", config, score=check, precision="fp16")
    assert half["check"]["keras"] > 0 and len(scored) == 2
    options = {"score": check, "precision": "int8", "calibration": PHOTOS}
    export(detector, tmp_path / "b.onnx", config, **options)
    with pytest.raises(ExportCheckFailed, match="a loss of more than"):
        worse = ScoreCheck(lambda p: float(isinstance(p, Predictor)), "score")
        export(detector, tmp_path / "c.onnx", config, score=worse, precision="fp16")
    assert not (tmp_path / "c.onnx").exists()
    with pytest.raises(ValueError, match="is calibrated with images"):
        export(detector, tmp_path / "c.onnx", config, score=check, precision="int8")


@pytest.mark.slow
def test_keras_own_export_writes_what_a_call_computes(detector, plain_config, tmp_path):
    import tensorflow as tf

    detector.export(tmp_path / "sm", verbose=False)
    inputs = {
        "images": np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype(np.float32),
        "windows": np.tile(np.float32([0, 0, 64, 64]), (2, 1)),
    }
    expected = detector(inputs)
    loaded = tf.saved_model.load(str(tmp_path / "sm"))
    found = loaded.serve({name: tf.constant(value) for name, value in inputs.items()})
    assert expected.keys() == found.keys()
    np.testing.assert_allclose(found["boxes"], expected["boxes"], atol=1e-3)
    np.testing.assert_array_equal(found["class_ids"], expected["class_ids"])
    with pytest.raises(ValueError, match="takes images of one size"):
        build_detector(plain_config(IMAGE_RESIZE_MODE="pad64")).export(tmp_path / "none")
