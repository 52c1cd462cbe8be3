"""Precision, recall and F1 of detection: at the score threshold, and at the best one.

Average precision does not say which predictions a person should see. This metric does.
"""

import numpy as np

from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.calibration import right_predictions
from fashion.evaluation.metrics.recall import UNDEFINED
from fashion.evaluation.metrics.registry import LAST, Inputs, metric
from mrcnn.typing import Array


def detection_scores(right: int, predictions: int, objects: int) -> dict[str, float]:
    """Computes precision, recall and F1 of counts.

    Args:
        right: Predictions that match an object.
        predictions: All predictions.
        objects: All objects, crowds excluded.

    Returns:
        {"precision", "recall", "f1"}, in [0, 1]; -1 where there is nothing to measure.
    """
    total = predictions + objects
    return {
        "precision": right / predictions if predictions else UNDEFINED,
        "recall": right / objects if objects else UNDEFINED,
        "f1": 2 * right / total if total else UNDEFINED,
    }


def best_confidence(table: MatchTable) -> dict[str, float]:
    """Finds the least confidence at which the F1 of detection is highest.

    Predictions match in order of confidence, so leaving out the least confident ones does not
    change how the others match.

    Args:
        table: All predictions and objects, masks compared.

    Returns:
        {"confidence", "precision", "recall", "f1"}; the confidence is -1 without predictions.
    """
    objects = int(np.count_nonzero(~table.gt_crowd))
    right = right_predictions(table)
    if not len(right):
        return {"confidence": UNDEFINED, **detection_scores(0, 0, objects)}
    confidence = least_score_of_best_f1(table.pred_score, right, objects)
    kept = table.pred_score >= confidence
    counts = int(np.count_nonzero(right[kept])), int(np.count_nonzero(kept))
    return {"confidence": confidence, **detection_scores(*counts, objects)}


def least_score_of_best_f1(scores: Array, right: Array, objects: int) -> float:
    """Finds the score from which the F1 of detection is highest.

    Args:
        scores: `(N,)` confidence scores, N > 0.
        right: `(N,)` bool, whether each prediction matches an object.
        objects: Number of objects.

    Returns:
        One of the scores.
    """
    # F1 = 2 right / (kept + objects), computed for every number of kept predictions at once.
    order = np.argsort(-scores, kind="stable")
    scores, found = scores[order], np.cumsum(right[order])
    # Predictions of one score stay or go together.
    last = np.append(scores[1:] < scores[:-1], True)
    f1 = np.where(last, 2 * found / (np.arange(1, len(scores) + 1) + objects), UNDEFINED)
    return float(scores[np.argmax(f1)])


def _rows(scores: dict) -> list[str]:
    here = scores["detection"]
    least, best = scores["score_threshold"], here["best"]
    return [
        f"detection from a score of {least:g} on: {_in_words(here)}",
        f"best F1, from a score of {best['confidence']:.2f} on: {_in_words(best)}",
    ]


def _in_words(numbers: dict) -> str:
    named = {"precision": "precision", "recall": "recall", "f1": "F1"}
    return ", ".join(f"{name} {numbers[key]:.3f}" for key, name in named.items())


@metric(
    "detection",
    "Precision and recall of detection",
    section=LAST,
    order=65,
    rows=_rows,
    formula="right predictions / predictions, right predictions / objects, and their F1",
    numbers={
        "precision": "right predictions of those at or above the score threshold",
        "recall": "objects that these predictions match",
        "f1": "of precision and recall",
        "best": "`confidence` that gives the best `f1`, and `precision`, `recall`, `f1` there",
    },
    documentation=(
        "Right is a prediction that matches an object of its category with mask IoU 0.5 or more, "
        "one to one. The best confidence is chosen on the same images, so it flatters a little. "
        "Choose a default on other images than those that you report."
    ),
)
def detection(inputs: Inputs) -> dict:
    """Precision, recall and F1 at the score threshold and at the best confidence.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        Numbers under the keys of metrics.json.
    """
    table = inputs.confident_masks
    right = int(np.count_nonzero(right_predictions(table)))
    objects = int(np.count_nonzero(~table.gt_crowd))
    here = detection_scores(right, len(table.pred_score), objects)
    return {**here, "best": best_confidence(inputs.masks)}
