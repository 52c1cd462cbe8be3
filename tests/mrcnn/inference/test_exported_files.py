"""Exported files: their format by name, and metadata that are read without their libraries."""

import json
import zipfile

import pytest

from mrcnn.inference.exported_files import (
    digest_of_export,
    format_of,
    read_export_metadata,
)

ABOUT = {"format_version": 1, "task": "detection"}


def onnx_with(text, graph=b"\x0a\x03abc"):
    """Fields of ModelProto: ir_version, a graph, and a model property."""
    pair = b"\x0a\x08metadata\x12" + varint(len(text)) + text
    return b"\x08\x09\x3a" + varint(len(graph)) + graph + b"\x72" + varint(len(pair)) + pair


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


@pytest.fixture
def files(tmp_path):
    text = json.dumps(ABOUT).encode()
    (tmp_path / "a.onnx").write_bytes(onnx_with(text, graph=bytes(300)))
    (tmp_path / "a.tflite").write_bytes(b"TFL3" * 10)
    with zipfile.ZipFile(tmp_path / "a.tflite", "a") as archive:
        archive.writestr("metadata.json", text)
    (tmp_path / "sm").mkdir()
    (tmp_path / "sm" / "saved_model.pb").touch()
    (tmp_path / "sm" / "metadata.json").write_bytes(text)
    return tmp_path


def test_each_format_holds_metadata(files):
    formats = {"a.onnx": "onnx", "a.tflite": "litert", "sm": "savedmodel"}
    for name, expected in formats.items():
        assert format_of(files / name) == expected
        assert read_export_metadata(files / name) == ABOUT
    assert format_of(files) is None and format_of(files / "a.h5") is None
    assert digest_of_export(files / "sm").startswith("sm/metadata.json ")


def test_the_parser_agrees_with_onnx(tmp_path):
    onnx = pytest.importorskip("onnx", reason="the extra [export] is not installed")
    graph = onnx.helper.make_graph([], "g", [], [])
    model = onnx.helper.make_model(graph, producer_name="x" * 200)
    text = json.dumps(ABOUT | {"long": "é" * 5000})
    onnx.helper.set_model_props(model, {"other": "1", "metadata": text})
    onnx.save(model, str(tmp_path / "b.onnx"))
    assert read_export_metadata(tmp_path / "b.onnx")["long"] == "é" * 5000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not say how its network is used"),
        (onnx_with(b"{}"), "does not say how"),
        (onnx_with(b"{"), "is damaged"),
        (onnx_with(json.dumps(ABOUT).encode())[:-4], "is damaged"),
        (b"\xff" * 40, "is damaged"),
        (onnx_with(b'{"format_version": 99}'), "Install a newer version"),
    ],
)
def test_files_that_cannot_be_used_say_why(content, message, tmp_path):
    (tmp_path / "c.onnx").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_export_metadata(tmp_path / "c.onnx")


def test_what_is_no_export_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no exported model"):
        read_export_metadata(tmp_path / "d.onnx")
    with pytest.raises(ValueError, match="is not an exported model"):
        read_export_metadata(tmp_path)
