"""Results: what is written of a run when it is measured after some epoch, and read for the page.

metrics_050.json    scores on the images trained on, validated on, and tested on
predictions_050.npz test and validation: probabilities (N, 10) float32, in the order of the files
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fashion.classify.scores import summary
from mrcnn.files import atomic_path, write_text
from mrcnn.training.run_folder import RunFolder


@dataclass(frozen=True)
class Result:
    """One measurement. folder: of the run; metrics: dict; history: list of dicts, up to its epoch; test: (N, 10) float32"""

    folder: Path
    metrics: dict
    history: list
    test: np.ndarray


def is_measured(folder, epoch):
    """Whether the run was measured after that epoch."""
    return _metrics_path(folder, epoch).exists()


def write_results(folder, epoch, probabilities, labels, about):
    """Write both files, the metrics last. probabilities, labels: {"train", "validation", "test": array}; about: JSON-able dict"""
    with atomic_path(folder / f"predictions_{epoch:03d}.npz") as path, open(path, "wb") as file:
        np.savez(
            file,
            **{
                name: probabilities[name]
                for name in ("validation", "test")
                if name in probabilities
            },
        )
    parts = {name: summary(values, labels[name]) for name, values in probabilities.items()}
    write_text(
        _metrics_path(folder, epoch), json.dumps(about | {"epoch": epoch} | parts, indent=1) + "\n"
    )


def read_result(folder, epoch):
    """The Result of a run after an epoch at which it was measured."""
    metrics = json.loads(_metrics_path(folder, epoch).read_text(encoding="utf-8"))
    with np.load(folder / f"predictions_{epoch:03d}.npz") as file:
        test = file["test"]
    return Result(
        folder,
        metrics,
        [row for row in RunFolder(folder).read_history() if row["epoch"] <= epoch],
        test,
    )


def _metrics_path(folder, epoch):
    return folder / f"metrics_{epoch:03d}.json"
