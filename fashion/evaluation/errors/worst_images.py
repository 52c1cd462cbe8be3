"""The images with the lowest F1 among confident detections, and every error in them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fashion.evaluation.average_precision import FALSE, TRUE
from fashion.evaluation.errors.ap50 import matched_objects
from fashion.evaluation.errors.error_types import FALSE_TYPES, Outcomes
from fashion.evaluation.errors.overlaps import Overlaps, rows_by_image
from mrcnn.typing import Array


def worst_images(
    overlaps: Overlaps, outcomes: Outcomes, score_threshold: float, number: int = 20
) -> list[dict[str, Any]]:
    """Lists the images of lowest F1, then of most errors. Images without errors are left out.

    Args:
        overlaps: Objects and detections.
        outcomes: From `classify_errors`.
        score_threshold: Confident detections reach this score.
        number: At most this many images.

    Returns:
        See `image_outcomes`.
    """
    rows = image_outcomes(overlaps, outcomes, score_threshold)
    num_errors = np.array([len(row["errors"]) for row in rows])
    f1 = np.array([row["f1"] for row in rows])
    worst = [i for i in np.lexsort((-num_errors, f1)).tolist() if num_errors[i]]
    return [rows[i] for i in worst[:number]]


def image_outcomes(
    overlaps: Overlaps,
    outcomes: Outcomes,
    score_threshold: float,
    images: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """Lists what was matched, wrong and missed in images.

    F1 of an image is 2 TP / (2 TP + FP + FN) at mask IoU 0.5, class-aware. Every object without a
    match is an error of kind "missed", even if a wrong detection overlaps it.

    Args:
        overlaps: Objects and detections.
        outcomes: From `classify_errors`.
        score_threshold: Confident detections reach this score.
        images: Indices into the images; default: all.

    Returns:
        For each: "image_id", "file_name", "f1"; "right", "false" and "missed" (TP, FP, FN);
        "found": `[[annotation id, index of its detection]]`; "errors": dicts of "kind",
        "category", "score" and "detection" (both None for a missed object), "annotation_id" and
        "true_category" of the object it is about (or None), and "found_at": for a missed object
        the score of a less confident detection that matches it (or None).
    """
    confident = overlaps.score >= score_threshold
    by_confident = np.where(confident, outcomes.partner, -1)
    false, true = confident & (outcomes.outcome == FALSE), confident & (outcomes.outcome == TRUE)
    missed = ~matched_objects(by_confident, len(overlaps.objects)) & ~overlaps.crowd
    num_images = len(overlaps.images)
    of_rows, of_objects = overlaps.row_image, overlaps.object_image
    images_of = {"false": of_rows[false], "right": of_rows[true], "missed": of_objects[missed]}
    count = {name: np.bincount(of, minlength=num_images) for name, of in images_of.items()}
    twice_right = 2 * count["right"]
    f1 = twice_right / np.maximum(twice_right + count["false"] + count["missed"], 1)
    rows = rows_by_image(overlaps.row_image, num_images)
    objects = rows_by_image(overlaps.object_image, num_images)
    result = []
    for i in range(num_images) if images is None else images:
        errors = _false_positives(overlaps, outcomes, rows[i][false[rows[i]]])
        errors += _missed(overlaps, outcomes, confident, objects[i][missed[objects[i]]])
        outcome = {
            "image_id": overlaps.images[i]["id"],
            "file_name": _file_name(overlaps.images[i]),
            "f1": float(f1[i]),
            **{name: int(numbers[i]) for name, numbers in count.items()},
            "found": _matches(overlaps, outcomes, rows[i][true[rows[i]]]),
            "errors": errors,
        }
        result.append(outcome)
    return result


def _file_name(image: Mapping[str, Any]) -> str:
    """The file name, or the id where it has none."""
    return str(image.get("file_name", image["id"]))


def _matches(overlaps: Overlaps, outcomes: Outcomes, rows: Array) -> list[list[int]]:
    """[annotation id, index of its detection] of true positives."""
    matches = []
    for row in rows:
        annotation = overlaps.objects[outcomes.partner[row]]
        matches.append([annotation["id"], int(overlaps.place[row])])
    return matches


def _false_positives(overlaps: Overlaps, outcomes: Outcomes, rows: Array) -> list[dict[str, Any]]:
    errors = []
    for row in sorted(rows, key=lambda row: -overlaps.score[row]):
        target = outcomes.target[row]
        annotation_id = true_category = None
        if target >= 0:
            annotation_id = overlaps.objects[target]["id"]
            true_category = overlaps.categories[overlaps.object_category[target]]["name"]
        errors.append(
            {
                "kind": FALSE_TYPES[outcomes.error[row]],
                "category": overlaps.categories[overlaps.row_category[row]]["name"],
                "score": float(overlaps.score[row]),
                "detection": int(overlaps.place[row]),
                "annotation_id": annotation_id,
                "true_category": true_category,
                "found_at": None,
            }
        )
    return errors


def _missed(
    overlaps: Overlaps, outcomes: Outcomes, confident: Array, objects: Array
) -> list[dict[str, Any]]:
    less_confident = np.flatnonzero((outcomes.partner >= 0) & ~confident).tolist()
    found_at = {int(outcomes.partner[i]): float(overlaps.score[i]) for i in less_confident}
    errors = []
    for i in objects.tolist():
        category = overlaps.categories[overlaps.object_category[i]]["name"]
        errors.append(
            {
                "kind": "missed",
                "category": category,
                "score": None,
                "detection": None,
                "annotation_id": overlaps.objects[i]["id"],
                "true_category": category,
                "found_at": found_at.get(i),
            }
        )
    return errors
