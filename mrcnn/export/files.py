"""Files of each format: a function of TensorFlow tensors written as SavedModel, ONNX or LiteRT."""

import contextlib
import dataclasses
import io
import json
import logging
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from mrcnn.inference.exported_files import METADATA_FILE
from mrcnn.packages import import_package
from mrcnn.typing import Arrays, Tensor

__all__ = ["Network", "OPSET", "set_metadata", "write_network"]

OPSET = 18
TF2ONNX = "tf2onnx>=1.17,<1.18"  # the extra [export] of setup.py says the same


@dataclasses.dataclass(frozen=True)
class Network:
    """What is written.

    Attributes:
        run: (tensors by name) -> tensors by name.
        inputs: Shape, None for any size, and dtype of each input.
        variables: Of the network.
    """

    run: Callable[[dict[str, Tensor]], dict[str, Tensor]]
    inputs: Mapping[str, tuple[tuple[int | None, ...], str]]
    variables: Sequence[Any]


def write_network(
    network: Network,
    path: Path,
    to: str,
    precision: str = "fp32",
    calibration: Sequence[Arrays] = (),
) -> None:
    """Writes a file, which nothing has checked yet.

    Args:
        network: Of a process whose Keras backend is TensorFlow.
        path: The file, or the folder of a SavedModel, which must not exist.
        to: One of `mrcnn.inference.exported_files.FORMATS`.
        precision: "fp32", "fp16" or "int8".
        calibration: Inputs by name of some batches, for an ONNX file of int8.

    Raises:
        PackageMissing: A package that converts is not installed; the message says how to get it.
        ValueError: The format has no such precision.
    """
    with _quietly():
        if to == "savedmodel":
            _write_saved_model(network, path)
        elif to == "onnx":
            _write_onnx(network, path, precision, calibration)
        else:
            _write_litert(network, path, precision)


def set_metadata(path: Path, to: str, metadata: Mapping[str, Any]) -> None:
    """Stores metadata in a file; those that it has are replaced.

    Args:
        path: The file, or the folder of a SavedModel.
        to: Its format.
        metadata: JSON-able.
    """
    text = json.dumps(metadata)
    if to == "savedmodel":
        (path / METADATA_FILE).write_text(text, encoding="utf-8")
    elif to == "onnx":
        import onnx

        model = onnx.load(str(path))
        onnx.helper.set_model_props(model, {"metadata": text})
        onnx.save(model, str(path))
    else:
        _append_archive(path, {METADATA_FILE: text})


def _append_archive(path: Path, texts: Mapping[str, str]) -> None:
    """Puts files into the ZIP archive behind a LiteRT network, in place of the one that is there.

    Readers of ZIP archives look for its end, and readers of the network look at its beginning.
    """
    content = path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            content = content[: min(info.header_offset for info in archive.infolist())]
    archived = io.BytesIO(content)
    with zipfile.ZipFile(archived, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    path.write_bytes(archived.getvalue())


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Holds back what the converters tell of their steps; what fails is raised."""
    logs = [logging.getLogger(name) for name in ("tensorflow", "absl", "tf2onnx")]
    before = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.setLevel(level)


# ---- the formats ---------------------------------------------------------------------------------


def _traced(network: Network) -> tuple[Any, list]:
    """(the function of TensorFlow, the specs of its inputs)."""
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            "Only a process whose Keras backend is TensorFlow can export. mrcnn.export.export "
            "starts one."
        )
    specs = [
        tf.TensorSpec(shape, dtype, name=name) for name, (shape, dtype) in network.inputs.items()
    ]
    names = list(network.inputs)

    # Nothing here is Python that AutoGraph would have to rewrite, which takes it seven seconds.
    @tf.function(input_signature=specs, autograph=False)
    def serve(*tensors):
        return network.run(dict(zip(names, tensors, strict=True)))

    return serve, specs


def _write_saved_model(network: Network, path: Path) -> None:
    import tensorflow as tf

    serve, _ = _traced(network)
    module = tf.Module()
    # Keras' own export stores each variable twice: 66 MB instead of 35.
    module.serve = serve
    module.weights = [variable.value for variable in network.variables]
    tf.saved_model.save(module, str(path), signatures={"serving_default": serve})


def _write_onnx(
    network: Network, path: Path, precision: str, calibration: Sequence[Arrays]
) -> None:
    tf2onnx = import_package("tf2onnx", "Writing ONNX files", TF2ONNX)
    serve, specs = _traced(network)
    tf2onnx.convert.from_function(serve, specs, opset=OPSET, output_path=str(path))
    if precision != "fp32":
        from mrcnn.export import onnx_precision

        onnx_precision.reduce(path, precision, calibration)


def _write_litert(network: Network, path: Path, precision: str) -> None:
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model"
        _write_saved_model(network, saved)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
        # Flex operations need a runtime of their own: an error, not a fallback.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if precision != "fp32":
            # Weights of 8 bits and activations of 32: with a representative data set, the
            # arithmetic of boxes would be in 8 bits, too, and divide by zero.
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "fp16":
            converter.target_spec.supported_types = [tf.float16]
        path.write_bytes(converter.convert())
        shutil.rmtree(saved)
