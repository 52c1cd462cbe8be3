"""Re-scoring: what other scores of the same detections do to the average precision."""

from collections.abc import Callable, Collection, Sequence

import numpy as np

from fashion.evaluation.metrics.coco import evaluate_coco_ap
from mrcnn.typing import Array

MAX_IMAGES = 500  # that a search evaluates: it compares their masks once for every weight


def with_scores(detections: Sequence[dict], scores: Array) -> list[dict]:
    """Replaces scores.

    Args:
        detections: N COCO results.
        scores: `(N,)`.

    Returns:
        Copies with these scores.
    """
    return [row | {"score": float(score)} for row, score in zip(detections, scores, strict=True)]


def search_weight(
    ground_truth: dict,
    detections: Sequence[dict],
    scores_at: Callable[[float], Array],
    weights: Sequence[float],
    on_step: Callable[[], object] = lambda: None,
) -> dict:
    """Searches the weight whose scores give the best mask AP.

    Args:
        ground_truth: COCO dict.
        detections: N COCO results.
        scores_at: Weight -> `(N,)` scores.
        weights: To be tried, of which the first changes nothing.
        on_step: Called after each of 3 * len(weights) evaluations.

    Returns:
        {"photos": how many were evaluated; "ap": {weight: mask AP}; "weight": the best; "held_out":
        {"before", "after"}: the mean AP of two halves of the images, by the first weight and by the
        best of the other half}.
    """
    ids = [image["id"] for image in ground_truth["images"]]
    ids = ids[:: max(1, -(-len(ids) // MAX_IMAGES))]
    tables = []
    # All images choose the weight; two halves, each judged by the other's choice, measure the gain.
    for chosen in (ids, ids[::2], ids[1::2]):
        part, rows = _of_images(ground_truth, detections, set(chosen))
        table = {}
        for weight in weights:
            scored = with_scores([detections[i] for i in rows], scores_at(weight)[rows])
            table[weight] = evaluate_coco_ap(part, scored)["AP"]
            on_step()
        tables.append(table)
    whole, one, other = tables
    return {
        "photos": len(ids),
        "ap": whole,
        "weight": max(whole, key=whole.__getitem__),
        "held_out": {
            "before": (one[weights[0]] + other[weights[0]]) / 2,
            "after": (one[max(other, key=other.__getitem__)] + other[max(one, key=one.__getitem__)])
            / 2,
        },
    }


def separation(scores: Array, right: Array) -> float:
    """Computes how often a right detection scores more than a wrong one (area under the ROC curve).

    Args:
        scores: `(N,)`.
        right: `(N,)` bool.

    Returns:
        In [0, 1], ties count half; NaN without one of either.
    """
    scores, right = np.asarray(scores, np.float64), np.asarray(right, bool)
    wrong = np.sort(scores[~right])
    if not len(wrong) or not right.any():
        return float("nan")
    below = sum(np.searchsorted(wrong, scores[right], side) for side in ("left", "right"))
    return float(below.mean() / (2 * len(wrong)))


def _of_images(
    ground_truth: dict, detections: Sequence[dict], ids: Collection
) -> tuple[dict, Array]:
    """The ground truth of some images, and the rows of their detections `(n,)`."""
    part = ground_truth | {
        "images": [image for image in ground_truth["images"] if image["id"] in ids],
        "annotations": [row for row in ground_truth["annotations"] if row["image_id"] in ids],
    }
    rows = [i for i, row in enumerate(detections) if row["image_id"] in ids]
    return part, np.array(rows, np.int64)
