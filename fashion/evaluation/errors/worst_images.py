"""Worst: the photos with the most wrong in them, and what is wrong there, object by object."""

import numpy as np

from fashion.evaluation.average_precision import FALSE, TRUE
from fashion.evaluation.errors.error_types import FALSE_BINS
from fashion.evaluation.errors.overlaps import rows_by_photo
from fashion.evaluation.errors.precision import found_objects


def worst_photos(overlaps, binned, score_threshold, number=20):
    """The photos of the lowest F1, the worst first; of equal ones that with more errors, then the first.

    F1 of a photo: 2 right / (2 right + false + missed) at mask IoU 0.5, among its detections of at least `score_threshold`.
    Returns: list of {"image_id", "file_name", "f1", "right", "false", "missed": numbers, "found": [[id of an annotation, place of its
        detection in the list that was given]], "errors": [{"kind": one of BINS, "category", "score" and "detection": its place in the list
        (both null for a missed object), "annotation_id": the object that it is about, or null, "true_category": of that object, or null,
        "found_at": of a missed object, the score of an unsure detection that finds it, or null}]}. Every object that is not found is among
        the errors as "missed", also where a wrong detection lies on it. Photos without an error are left out.
    """
    sure = overlaps.score >= score_threshold
    found = found_objects(np.where(sure, binned.partner, -1), len(overlaps.objects))
    false, right, missed = (
        sure & (binned.outcome == FALSE),
        sure & (binned.outcome == TRUE),
        ~found & ~overlaps.crowd,
    )
    count = {
        name: np.bincount(photo[where], minlength=len(overlaps.photos))
        for name, photo, where in (
            ("false", overlaps.row_photo, false),
            ("right", overlaps.row_photo, right),
            ("missed", overlaps.object_photo, missed),
        )
    }
    errors = count["false"] + count["missed"]
    f1 = 2 * count["right"] / np.maximum(2 * count["right"] + errors, 1)
    order = [i for i in np.lexsort((-errors, f1)).tolist() if errors[i]][:number]
    rows, objects = (
        rows_by_photo(overlaps.row_photo, len(overlaps.photos)),
        rows_by_photo(overlaps.object_photo, len(overlaps.photos)),
    )
    found_at = {
        int(binned.partner[i]): float(overlaps.score[i])
        for i in np.flatnonzero((binned.partner >= 0) & ~sure)
    }
    return [
        {
            "image_id": overlaps.photos[i]["id"],
            "file_name": name_of(overlaps.photos[i]),
            "f1": float(f1[i]),
            **{name: int(numbers[i]) for name, numbers in count.items()},
            "found": [
                [overlaps.objects[binned.partner[row]]["id"], int(overlaps.place[row])]
                for row in rows[i][right[rows[i]]]
            ],
            "errors": [
                _false(overlaps, binned, row)
                for row in sorted(rows[i][false[rows[i]]], key=lambda row: -overlaps.score[row])
            ]
            + [_missed(overlaps, found_at, row) for row in objects[i][missed[objects[i]]]],
        }
        for i in order
    ]


def name_of(photo):
    """The photo's file name, or its id where it has none."""
    return str(photo.get("file_name", photo["id"]))


def _false(overlaps, binned, row):
    target = binned.target[row]
    return {
        "kind": FALSE_BINS[binned.reason[row]],
        "category": overlaps.categories[overlaps.row_category[row]]["name"],
        "score": float(overlaps.score[row]),
        "detection": int(overlaps.place[row]),
        "annotation_id": overlaps.objects[target]["id"] if target >= 0 else None,
        "true_category": overlaps.categories[overlaps.object_category[target]]["name"]
        if target >= 0
        else None,
        "found_at": None,
    }


def _missed(overlaps, found_at, row):
    category = overlaps.categories[overlaps.object_category[row]]["name"]
    return {
        "kind": "missed",
        "category": category,
        "score": None,
        "detection": None,
        "annotation_id": overlaps.objects[row]["id"],
        "true_category": category,
        "found_at": found_at.get(int(row)),
    }
