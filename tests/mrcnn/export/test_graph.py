"""The exported graph: final scores equal those of NumPy, and loops survive their conversion."""

import numpy as np
import pytest
from keras import backend, ops

from mrcnn.export.graph import with_final_scores
from mrcnn.inference import final_scores
from mrcnn.inference.final_scores import ScoreSettings
from mrcnn.ops.nms import non_max_suppression, soft_non_max_suppression

SETTINGS = [
    ScoreSettings(),
    ScoreSettings(mask_certainty=1.0),
    ScoreSettings(mask_certainty=0.5),
    ScoreSettings(other_class=(0.4, 0.6)),
    ScoreSettings(calibration=(1.139, -0.695)),
    ScoreSettings(2.0, (0.3, 0.5), (0.8, 0.2)),
]


def batch(seed, rows=12):
    rng = np.random.default_rng(seed)
    valid = np.arange(rows) < rng.integers(1, rows, (2, 1))
    corner = rng.uniform(0, 20, (2, rows, 2))
    scores = -np.sort(-rng.uniform(0.02, 1, (2, rows)).astype(np.float32), axis=1)
    return {
        "boxes": np.concatenate([corner, corner + 15], axis=2).astype(np.float32),
        "class_ids": rng.integers(1, 4, (2, rows)).astype(np.int32) * valid,
        "scores": scores * valid,
        "valid": valid,
        "mask_probabilities": rng.uniform(0, 1, (2, rows, 4, 4)).astype(np.float32),
    }


@pytest.mark.parametrize("settings", SETTINGS)
def test_final_scores_in_a_graph_equal_those_of_numpy(settings):
    for seed in range(4):
        given = batch(seed)
        expected = final_scores.with_final_scores(given, settings, 0.1)
        tensors = {name: ops.convert_to_tensor(column) for name, column in given.items()}
        found = with_final_scores(tensors, settings, 0.1)
        found = {name: ops.convert_to_numpy(column) for name, column in found.items()}
        valid = expected["valid"]
        np.testing.assert_array_equal(found["valid"], valid)
        np.testing.assert_allclose(found["scores"][valid], expected["scores"][valid], atol=2e-6)
        for name in ("boxes", "class_ids", "mask_probabilities"):
            np.testing.assert_array_equal(found[name][valid], expected[name][valid])


def chain(n=12):
    """Boxes, each over the next, and falling scores."""
    corners = np.stack([np.zeros(n), 4.0 * np.arange(n)], axis=1)
    boxes = np.concatenate([corners, corners + [10, 10]], axis=1)[None].astype(np.float32)
    return {"boxes": boxes, "scores": np.linspace(0.9, 0.3, n, dtype=np.float32)[None]}


def in_onnx(run, inputs, folder):
    """What ONNX Runtime computes of a function."""
    pytest.importorskip("tf2onnx", reason="the extra [export] is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")
    from mrcnn.export.files import Network, write_network

    shapes = {name: (value.shape, "float32") for name, value in inputs.items()}
    write_network(Network(run, shapes, []), folder / "nms.onnx", "onnx")
    session = runtime.InferenceSession(str(folder / "nms.onnx"))
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


needs_tensorflow = pytest.mark.skipif(
    backend.backend() != "tensorflow", reason="files are written by TensorFlow"
)


@pytest.mark.slow
@needs_tensorflow
def test_suppression_takes_as_many_rounds_in_onnx_as_in_keras(tmp_path):
    """A loop that stops after one round keeps too few. That is what tf2onnx makes of a loop which
    hands its state through unchanged."""

    def run(inputs):
        index, kept = non_max_suppression(
            inputs["boxes"],
            inputs["scores"],
            inputs["scores"] > 0,
            iou_threshold=0.3,
            max_outputs=12,
        )
        return {"index": index, "kept": ops.cast(kept, "int32")}

    found = in_onnx(run, chain(), tmp_path)
    assert found["index"][0][found["kept"][0] > 0].tolist() == list(range(0, 12, 2))


@pytest.mark.slow
@needs_tensorflow
@pytest.mark.parametrize("method", ["soft_linear", "soft_gaussian"])
def test_soft_suppression_lowers_the_same_scores_in_onnx(method, tmp_path):
    """With argmax of floats, ONNX Runtime refuses the file."""

    def run(inputs):
        scores = inputs["scores"]
        index, found, kept = soft_non_max_suppression(
            inputs["boxes"],
            scores,
            scores > 0,
            method=method,
            iou_threshold=0.3,
            sigma=0.5,
            min_score=0.05,
            max_outputs=8,
            class_ids=ops.cast(scores * 0, "int32"),
        )
        return {"index": index, "found": found, "kept": ops.cast(kept, "int32")}

    inputs = chain()
    expected = run({name: ops.convert_to_tensor(value) for name, value in inputs.items()})
    found = in_onnx(run, inputs, tmp_path)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], ops.convert_to_numpy(value), atol=1e-6)
