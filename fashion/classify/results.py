"""Results: the scores of a classifier after some epoch, written and read.

metrics_050.json     scores on the training, validation and test images after epoch 50
predictions_050.npz  probabilities `(N, 10)` float32 of validation and test, in the order of the
                     files
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fashion.classify.data import CLASSES
from mrcnn.files import atomic_path, write_text
from mrcnn.training.run_folder import RunFolder
from mrcnn.typing import Array

_LEAST = 1e-7  # least probability, before the logarithm


@dataclass(frozen=True)
class Result:
    """A run, measured after some epoch.

    Attributes:
        folder: Folder of the run.
        metrics: Content of its metrics file.
        history: Rows of its history, up to this epoch.
        test: `(N, 10)` float32, probabilities of the test images.
    """

    folder: Path
    metrics: dict[str, Any]
    history: list[dict[str, float]]
    test: Array


def is_measured(folder: Path, epoch: int) -> bool:
    """Returns whether a run was measured after an epoch.

    Args:
        folder: Folder of the run.
        epoch: Epoch from 1.

    Returns:
        Whether its metrics file exists.
    """
    return _metrics_path(folder, epoch).exists()


def write_results(
    folder: Path,
    epoch: int,
    probabilities: Mapping[str, Array],
    labels: Mapping[str, Array],
    about: Mapping[str, Any],
) -> None:
    """Writes both files, the metrics last.

    Args:
        folder: Folder of the run.
        epoch: Epoch from 1.
        probabilities: `(N, 10)` float32 of "train", "validation" and "test", as far as there are
            images.
        labels: `(N,)` int of the same parts.
        about: More JSON-able entries of the metrics file.
    """
    with atomic_path(folder / f"predictions_{epoch:03d}.npz") as path, open(path, "wb") as file:
        kept = [name for name in ("validation", "test") if name in probabilities]
        np.savez(file, **{name: probabilities[name] for name in kept})  # type: ignore[arg-type]
    parts = {name: summary(values, labels[name]) for name, values in probabilities.items()}
    content = {**about, "epoch": epoch, **parts}
    write_text(_metrics_path(folder, epoch), json.dumps(content, indent=1) + "\n")


def read_result(folder: Path, epoch: int) -> Result:
    """Reads what a run scored after an epoch.

    Args:
        folder: Folder of the run.
        epoch: Epoch from 1, at which it was measured.

    Returns:
        The result.
    """
    metrics = json.loads(_metrics_path(folder, epoch).read_text(encoding="utf-8"))
    with np.load(folder / f"predictions_{epoch:03d}.npz") as file:
        test = file["test"]
    history = [row for row in RunFolder(folder).read_history() if row["epoch"] <= epoch]
    return Result(folder, metrics, history, test)


def _metrics_path(folder, epoch):
    return folder / f"metrics_{epoch:03d}.json"


def summary(probabilities: Array, labels: Array) -> dict[str, Any]:
    """Computes all scores of a set of images.

    With one label for each image every wrong prediction is one false positive and one false
    negative, so micro F1 equals accuracy. Macro F1 is the mean of the classes' F1.

    Args:
        probabilities: `(N, K)` float32.
        labels: `(N,)` int.

    Returns:
        JSON-able: "accuracy", "loss", "micro_f1", "macro_f1", "per_class" by name, "confusion".
    """
    matrix = confusion(probabilities.argmax(axis=1), labels, probabilities.shape[1])
    scores = class_scores(matrix)
    right = np.trace(matrix)
    wrong = matrix.sum() - right
    per_class: dict[str, dict[str, float]] = {}
    for i, name in enumerate(CLASSES[: len(matrix)]):
        per_class[name] = {"images": int(matrix[i].sum())}
        per_class[name] |= {key: float(values[i]) for key, values in scores.items()}
    return {
        "accuracy": accuracy(probabilities, labels),
        "loss": mean_loss(probabilities, labels),
        "micro_f1": float(2 * right / max(2 * right + 2 * wrong, 1)),
        "macro_f1": float(scores["f1"].mean()),
        "per_class": per_class,
        "confusion": matrix.tolist(),
    }


def accuracy(probabilities: Array, labels: Array) -> float:
    """Computes the share of images whose most probable class is the label.

    Args:
        probabilities: `(N, K)` float32.
        labels: `(N,)` int.

    Returns:
        Accuracy in [0, 1].
    """
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def mean_loss(probabilities: Array, labels: Array) -> float:
    """Computes the mean cross-entropy.

    Args:
        probabilities: `(N, K)` float32.
        labels: `(N,)` int.

    Returns:
        Mean over the images, in nats.
    """
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], _LEAST)).mean())


def confusion(predicted: Array, labels: Array, num_classes: int) -> Array:
    """Counts how often each class is predicted for each label.

    Args:
        predicted: `(N,)` int.
        labels: `(N,)` int.
        num_classes: K.

    Returns:
        `(K, K)` int64; row: label, column: prediction.
    """
    pairs = labels.astype(np.int64) * num_classes + predicted
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def class_scores(matrix: Array) -> dict[str, Array]:
    """Computes precision, recall and F1 of each class.

    Args:
        matrix: `(K, K)` confusion matrix.

    Returns:
        "precision", "recall" and "f1", each `(K,)` float64; 0 where undefined.
    """
    right, predicted, labelled = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    return {
        "precision": right / np.maximum(predicted, 1),
        "recall": right / np.maximum(labelled, 1),
        "f1": 2 * right / np.maximum(predicted + labelled, 1),
    }


def most_confident_mistakes(probabilities: Array, labels: Array, count: int) -> Array:
    """Finds the wrong predictions with the highest probability.

    Args:
        probabilities: `(N, K)` float32.
        labels: `(N,)` int.
        count: Mistakes at most.

    Returns:
        `(n,)` int, their rows, the most probable first.
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:count]
