"""The stand-alone reader of ONNX files: its detections are those of the project."""

import runpy
import sys
import types
from pathlib import Path

import numpy as np
from PIL import Image

FILE = Path(__file__).parents[2] / "examples" / "onnx_predict.py"


def reader(monkeypatch):
    """The functions of the example, which imports ONNX Runtime only to open a file."""
    monkeypatch.setitem(sys.modules, "onnxruntime", types.ModuleType("onnxruntime"))
    return runpy.run_path(str(FILE))


def test_the_example_has_sixty_lines_at_most():
    assert len(FILE.read_text(encoding="utf-8").splitlines()) <= 60


def test_boxes_come_back_to_the_photo(monkeypatch):
    class Session:
        def get_outputs(self):
            return [types.SimpleNamespace(name=name) for name in ("boxes", "count", "scores")]

        def run(self, names, inputs):
            assert inputs["images"].shape == (1, 64, 64, 3) and inputs["images"].dtype == np.uint8
            np.testing.assert_array_equal(inputs["windows"], [[16, 0, 48, 64]])
            assert (inputs["images"][0, :16] == 0).all() and (inputs["images"][0, 16:48] == 7).all()
            boxes = np.array([[[16, 0, 48, 64], [0, 0, 0, 0]]], np.float32)
            return [boxes, np.array([1], np.int32), np.array([[0.9, 0.0]], np.float32)]

    photo = Image.fromarray(np.full((100, 200, 3), 7, np.uint8))
    rows = reader(monkeypatch)["detect"](Session(), {"image_hw": [64, 64]}, photo)
    np.testing.assert_allclose(rows["boxes"], [[0, 0, 100, 200]])
    np.testing.assert_allclose(rows["scores"], [0.9], rtol=1e-6)


def test_a_mask_of_ones_fills_its_box(monkeypatch):
    photo = Image.new("RGB", (30, 20))
    mask = reader(monkeypatch)["paste"](np.ones((28, 28), np.float32), [5, -2, 15.2, 8.4], photo)
    expected = np.zeros((20, 30), bool)
    expected[5:15, :8] = True
    np.testing.assert_array_equal(mask, expected)
