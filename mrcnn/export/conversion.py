"""Conversion: writes a file in this process, or in one whose Keras backend is TensorFlow.

Weights do not depend on the backend. With JAX the model goes into a .keras file, and a process of
its own converts it:

    python -m mrcnn.export.conversion JOB.json
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mrcnn.export.files import write_network
from mrcnn.export.networks import as_exported, detection_network, dotted_name, named, settings_from
from mrcnn.typing import Arrays

__all__ = ["convert"]

log = logging.getLogger(__name__)
# Last lines of a failed process that are shown.
SHOWN_LINES = 12


def convert(
    model: keras.Model,
    maker: str,
    values: Mapping[str, Any],
    path: Path,
    to: str,
    precision: str = "fp32",
    calibration: Sequence[Arrays] = (),
) -> None:
    """Writes a file, which nothing has checked yet.

    Args:
        model: Of any backend.
        maker: "module:function" of a maker of `mrcnn.export.networks`.
        values: What it takes beside the model; JSON-able.
        path: As of `write_network`.
        to: As of `write_network`.
        precision: As of `write_network`.
        calibration: As of `write_network`.

    Raises:
        RuntimeError: The other process failed.
    """
    if keras.backend.backend() == "tensorflow":
        network = named(maker)(model, **values)
        write_network(network, path, to, precision, calibration)
        return
    log.info(
        "Files are written by TensorFlow, and this process runs %s: a second process converts.",
        keras.backend.backend(),
    )
    with tempfile.TemporaryDirectory() as folder:
        job = _write_job(Path(folder), model, calibration)
        job |= {"maker": maker, "values": values, "path": str(path), "to": to}
        (Path(folder) / "job.json").write_text(json.dumps(job | {"precision": precision}))
        environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(Path(folder) / "job.json")],
            env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        lines = "\n".join(done.stderr.strip().splitlines()[-SHOWN_LINES:])
        raise RuntimeError(f"The process that converts the network failed:\n{lines}")


def _write_job(folder: Path, model: keras.Model, calibration: Sequence[Arrays]) -> dict[str, Any]:
    model.save(folder / "model.keras")
    for i, batch in enumerate(calibration):
        np.savez(folder / f"batch{i:05}.npz", **dict[str, Any](batch))
    # Keras finds classes by name once their modules are imported.
    layers = getattr(model, "heads", [])
    return {"modules": sorted({type(layer).__module__ for layer in layers})}


def _run_job(file: Path) -> None:
    """What the other process does."""
    job = json.loads(file.read_text())
    for module in job["modules"]:
        named(f"{module}:__name__")
    model = keras.models.load_model(file.with_name("model.keras"))
    calibration = [dict(np.load(batch)) for batch in sorted(file.parent.glob("batch*.npz"))]
    write = [Path(job["path"]), job["to"], job["precision"], calibration]
    maker, values = named(job["maker"]), job["values"]
    if job["maker"] == dotted_name(detection_network):
        with as_exported(model, settings_from(values["settings"])):
            write_network(maker(model, **values), *write)
    else:
        write_network(maker(model, **values), *write)


if __name__ == "__main__":
    _run_job(Path(sys.argv[1]))
