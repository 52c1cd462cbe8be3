"""Scores of a classification: accuracy, F1, what is taken for what. One label and one prediction for each image."""

import numpy as np

from fashion.classify.data import CLASSES

_LEAST = 1e-7  # of a probability, under a logarithm


def accuracy(probabilities, labels):
    """The share of images whose most probable class is the right one. probabilities: (N, K); labels: (N,) int"""
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def mean_loss(probabilities, labels):
    """The mean cross-entropy, in nats."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], _LEAST)).mean())


def confusion(predicted, labels, classes):
    """(K, K) int64 counts. Row: the truth, column: the prediction."""
    return np.bincount(labels.astype(np.int64) * classes + predicted, minlength=classes**2).reshape(
        classes, classes
    )


def class_scores(matrix):
    """{"precision", "recall", "f1"}: (K,) float64 each, of a confusion matrix; 0 where nothing was predicted or nothing is there."""
    right, predicted, there = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    return {
        "precision": right / np.maximum(predicted, 1),
        "recall": right / np.maximum(there, 1),
        "f1": 2 * right / np.maximum(predicted + there, 1),
    }


def summary(probabilities, labels):
    """JSON-able: accuracy, loss, micro and macro F1, per_class {name: scores}, confusion.

    Micro F1 counts the right and wrong predictions of all classes together. With one label an image every wrong prediction is one
    false positive and one false negative, so that it is the accuracy. Macro F1 is the mean of the classes' F1.
    """
    matrix = confusion(probabilities.argmax(axis=1), labels, probabilities.shape[1])
    scores = class_scores(matrix)
    false = matrix.sum() - np.trace(matrix)
    return {
        "accuracy": accuracy(probabilities, labels),
        "loss": mean_loss(probabilities, labels),
        "micro_f1": float(2 * np.trace(matrix) / max(2 * np.trace(matrix) + 2 * false, 1)),
        "macro_f1": float(scores["f1"].mean()),
        "per_class": {
            name: {"images": int(matrix[i].sum())}
            | {key: float(values[i]) for key, values in scores.items()}
            for i, name in enumerate(CLASSES[: len(matrix)])
        },
        "confusion": matrix.tolist(),
    }


def surest_mistakes(probabilities, labels, count):
    """The rows (n,) of wrong predictions, the most probable first, `count` at most."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:count]
