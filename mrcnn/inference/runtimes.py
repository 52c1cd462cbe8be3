"""Runtimes: the libraries that run exported files, each behind one function.

A runtime is a function (images, windows) -> {name: array}. ONNX Runtime and LiteRT run without
TensorFlow, and none of them needs Keras.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.inference.exported_files import require_format
from mrcnn.packages import import_package
from mrcnn.typing import Array, PathLike

__all__ = ["RUNTIMES", "Runtime", "open_runtime"]

Runtime = Callable[[Mapping[str, Array]], dict[str, Array]]
# What each format needs, and the versions that are known to work.
RUNTIMES = {
    "savedmodel": ("tensorflow", ">=2.18,<3"),
    "onnx": ("onnxruntime", ">=1.20,<2"),
    "litert": ("ai-edge-litert", ">=2.0,<3"),
}


def open_runtime(path: PathLike, threads: int | None = None) -> Runtime:
    """Opens an exported file in its runtime.

    Args:
        path: A .onnx or .tflite file, or the folder of a SavedModel.
        threads: Threads that compute one batch; None leaves it to the runtime. A SavedModel follows
            TensorFlow's own settings.

    Returns:
        Arrays by name -> arrays by name. It must not be called by two threads at once.

    Raises:
        FileNotFoundError: There is nothing of that name.
        PackageMissing: The runtime is not installed; the message says how to get it.
        ValueError: The runtime refuses the file.
    """
    kind, path = require_format(path), Path(path).expanduser()
    return _OPENERS[kind](path, threads)


def _imported(module: str, kind: str) -> Any:
    package, versions = RUNTIMES[kind]
    return import_package(module, f"Running {kind} files", f"{package}{versions}")


def _refused(runtime: str, path: Path, error: Exception) -> ValueError:
    """The error of a file that a runtime does not open, with the first line that it says itself."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ValueError(
        f"{runtime} cannot open {path}. The file is damaged or incomplete, or it needs a newer "
        f"version of {runtime}. Copy or export it again, or update {runtime}, which reports: "
        f"{reason}"
    )


def _open_onnx(path: Path, threads: int | None) -> Runtime:
    onnxruntime = _imported("onnxruntime", "onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of initialisers that its own optimiser has removed
    if threads:
        options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=onnxruntime.get_available_providers()
        )
    except Exception as error:  # it has exceptions of its own, all derived from Exception
        raise _refused("ONNX Runtime", path, error) from error
    names = [output.name for output in session.get_outputs()]

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        return dict(zip(names, session.run(None, dict(inputs)), strict=True))

    return run


def _open_litert(path: Path, threads: int | None) -> Runtime:
    interpreters = _imported("ai_edge_litert.interpreter", "litert")
    try:
        interpreter = interpreters.Interpreter(model_path=str(path), num_threads=threads)
        runner = interpreter.get_signature_runner("serving_default")
    except (ValueError, RuntimeError) as error:
        raise _refused("LiteRT", path, error) from error

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        # The interpreter must outlive its runner, and its memory is written again by the next run.
        assert interpreter is not None
        return {name: np.array(value) for name, value in runner(**inputs).items()}

    return run


def _open_saved_model(path: Path, threads: int | None) -> Runtime:
    tf = _imported("tensorflow", "savedmodel")
    try:
        loaded = tf.saved_model.load(str(path))
        serve = loaded.signatures["serving_default"]
    except (OSError, KeyError, ValueError) as error:
        raise _refused("TensorFlow", path, error) from error

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        assert loaded is not None  # without a reference to it, its variables are gone
        outputs = serve(**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}

    return run


_OPENERS = {"savedmodel": _open_saved_model, "onnx": _open_onnx, "litert": _open_litert}
