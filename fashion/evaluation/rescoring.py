"""Rescoring: what other scores of the same detections do to the average precision."""

import numpy as np

from fashion.evaluation.metrics.coco import evaluate_coco_ap

MOST_PHOTOS = 500  # that a search looks at: the same masks are compared anew for every weight


def with_scores(detections, scores):
    """The COCO results `detections` with other scores (N,)."""
    return [row | {"score": float(score)} for row, score in zip(detections, scores, strict=True)]


def search_weight(truth, detections, scores_at, weights, on_step=lambda: None):
    """Which of `weights` gives detections the scores of the best mask AP, and what such a choice is worth on photos that it has not seen.

    truth: COCO dict; detections: list of COCO results; scores_at: callable weight -> (N,) scores; weights: of which the first changes
    nothing; on_step: called after each of 3 * len(weights) evaluations
    Returns: {"photos": how many were looked at; "ap": {weight: mask AP}; "weight": the best; "held_out": {"before", "after"}: the mean AP
        of two halves of the photos, by the first weight and by the best of the other half}.
    """
    ids = [image["id"] for image in truth["images"]]
    ids = ids[:: max(1, -(-len(ids) // MOST_PHOTOS))]
    tables = []
    for chosen in (ids, ids[::2], ids[1::2]):
        part, rows = _of_photos(truth, detections, set(chosen))
        table = {}
        for weight in weights:
            table[weight] = evaluate_coco_ap(
                part, with_scores([detections[i] for i in rows], scores_at(weight)[rows])
            )["AP"]
            on_step()
        tables.append(table)
    whole, one, other = tables
    return {
        "photos": len(ids),
        "ap": whole,
        "weight": max(whole, key=whole.get),
        "held_out": {
            "before": (one[weights[0]] + other[weights[0]]) / 2,
            "after": (one[max(other, key=other.get)] + other[max(one, key=one.get)]) / 2,
        },
    }


def separation(scores, right):
    """How often a right detection scores more than a wrong one (area under the ROC curve), ties half; NaN without one of either.

    scores: (N,); right: (N,) bool
    """
    scores, right = np.asarray(scores, np.float64), np.asarray(right, bool)
    wrong = np.sort(scores[~right])
    if not len(wrong) or not right.any():
        return float("nan")
    below = np.searchsorted(wrong, scores[right], "left") + np.searchsorted(
        wrong, scores[right], "right"
    )
    return float(below.mean() / (2 * len(wrong)))


def _of_photos(truth, detections, ids):
    """The truth of some photos, and the rows of their detections (n,)."""
    part = truth | {
        "images": [image for image in truth["images"] if image["id"] in ids],
        "annotations": [row for row in truth["annotations"] if row["image_id"] in ids],
    }
    return part, np.array(
        [i for i, row in enumerate(detections) if row["image_id"] in ids], np.int64
    )
