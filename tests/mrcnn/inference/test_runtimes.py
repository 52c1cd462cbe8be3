import pytest

from mrcnn.inference.runtimes import open_runtime


@pytest.mark.parametrize(
    ("package", "name", "runtime"),
    [("onnxruntime", "x.onnx", "ONNX Runtime"), ("ai_edge_litert", "x.tflite", "LiteRT")],
)
def test_a_refusal_gives_a_plain_reason_before_the_words_of_the_runtime(
    package, name, runtime, tmp_path
):
    pytest.importorskip(package)
    (tmp_path / name).write_bytes(b"no model" * 20)
    with pytest.raises(
        ValueError, match=f"{runtime} cannot open .*{name}. The file is damaged"
    ) as e:
        open_runtime(tmp_path / name)
    told = str(e.value)
    assert f"update {runtime}, which reports: " in told and "\n" not in told
    assert e.value.__cause__ is not None
