"""The error analysis as one dict that JSON can hold."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fashion.evaluation.errors.attribute_errors import attribute_errors
from fashion.evaluation.errors.breakdowns import break_down, measure_properties
from fashion.evaluation.errors.confusion import confusion_matrix
from fashion.evaluation.errors.error_types import classify_errors, cost_of_errors
from fashion.evaluation.errors.findings import findings
from fashion.evaluation.errors.overlaps import read_overlaps
from fashion.evaluation.errors.size_and_intricacy import compare_size_and_intricacy
from fashion.evaluation.errors.viewpoint import compare_viewpoints
from fashion.evaluation.errors.worst_images import worst_images
from fashion.evaluation.matching import MatchTable


def analyse(
    ground_truth: dict[str, Any],
    detections: Sequence[dict[str, Any]],
    *,
    score_threshold: float = 0.5,
    worst: int = 20,
    seed: int = 0,
    table: MatchTable | None = None,
) -> dict[str, Any]:
    """Analyses the errors of predicted masks. Neither argument is changed.

    Args:
        ground_truth: COCO dict, from `read_ground_truth`.
        detections: COCO results, from `read_detections`.
        score_threshold: Confident detections reach this score; counts of them are named "sure".
        worst: How many images to list.
        seed: Of the bootstrap behind standard errors.
        table: Match table of the masks, if there is one already.

    Returns:
        The content of errors.json. Counts are without crowds; "categories" names the order of
        every "per_category".

    Raises:
        ValueError: If `score_threshold` is not in [0, 1].
    """
    if not 0 <= score_threshold <= 1:
        raise ValueError(f"score_threshold is a score, from 0 to 1. Got {score_threshold}.")
    overlaps = read_overlaps(ground_truth, detections, table)
    outcomes = classify_errors(overlaps)
    properties = measure_properties(overlaps)
    regular = overlaps.object_category[~overlaps.crowd]
    objects = np.bincount(regular, minlength=len(overlaps.categories)).tolist()
    result = {
        "photos": len(overlaps.images),
        "objects": sum(objects),
        "detections": len(overlaps.detections),
        "score_threshold": score_threshold,
        "categories": [category["name"] for category in overlaps.categories],
        "objects_per_category": objects,
        **cost_of_errors(overlaps, outcomes, score_threshold),
        "attributes": attribute_errors(ground_truth, overlaps, outcomes, score_threshold),
        "confusion": confusion_matrix(overlaps, score_threshold),
        "breakdowns": break_down(overlaps, outcomes, *properties, score_threshold),
        "small_or_intricate": compare_size_and_intricacy(
            overlaps, outcomes, *properties, score_threshold, seed=seed
        ),
        "viewpoint": compare_viewpoints(overlaps, outcomes, score_threshold, seed=seed),
        "worst": worst_images(overlaps, outcomes, score_threshold, worst),
    }
    return result | {"findings": findings(result)}
