"""Breakdowns: AP50 and recall of small and large, plain and intricate, covered and crowded objects."""

import numpy as np

from fashion.evaluation.errors.object_properties import crowding, occlusion, shapes
from fashion.evaluation.errors.precision import (
    average_precisions,
    found_objects,
    match,
    mean_ap,
    outcomes,
)

# What objects are sorted by: heading, lower edges of the bins (the last is open), and their names.
MEASURES = {
    "area": (
        "Area in pixels",
        (0, 32**2, 96**2),
        ("small, below 32²", "medium", "large, from 96² on"),
    ),
    "size": (
        "Size: square root of the area, over the photo's longer edge",
        (0, 0.04, 0.08, 0.16, 0.32),
        ("below 4 %", "4–8 %", "8–16 %", "16–32 %", "from 32 % on"),
    ),
    "aspect": (
        "Width of the box over its height",
        (0, 1 / 3, 2 / 3, 1.5, 3),
        ("below 1:3", "1:3 to 2:3", "2:3 to 3:2", "3:2 to 3:1", "from 3:1 on"),
    ),
    "intricacy": (
        "Intricacy: perimeter² over 4π times the area, 1 for a disc",
        (0, 1.25, 2, 3, 5),
        ("below 1.25", "1.25–2", "2–3", "3–5", "from 5 on"),
    ),
    "crowding": (
        "Objects in the photo",
        (0, 4, 7, 10, 15),
        ("up to 3", "4–6", "7–9", "10–14", "from 15 on"),
    ),
    "occlusion": (
        "Share of the object's box that other objects' masks cover",
        (0, 0.01, 0.1, 0.25, 0.5),
        ("below 1 %", "1–10 %", "10–25 %", "25–50 %", "from 50 % on"),
    ),
}
OF_OBJECTS_ONLY = ("occlusion",)  # a detection has no such measure


def measure(overlaps):
    """({measure: (M,) float64 of the objects}, {measure: (N,) of the detections}), for all of MEASURES that each has."""
    of_objects = shapes(overlaps.objects, overlaps.object_photo, overlaps.photos)
    of_rows = shapes(overlaps.detections, overlaps.row_photo, overlaps.photos)
    number = crowding(overlaps)
    return (
        of_objects | {"crowding": number[overlaps.object_photo], "occlusion": occlusion(overlaps)},
        of_rows | {"crowding": number[overlaps.row_photo]},
    )


def break_down(overlaps, binned, of_objects, of_rows, score_threshold):
    """AP50 and recall in every bin of every measure. of_objects, of_rows: of `measure`

    Returns: {measure: [{"label", "from", "to" (null: no end), "objects", "ap50", "recall": share that is found at IoU 0.5 by any
        detection, "sure_recall": by one of at least `score_threshold`, "expected_recall": what it would be if every object were found as
        often as its category is on the whole}]}. -1 where a bin has no objects, and for AP50 by a measure that a detection does not have.
    """
    found, sure, expected = recall_columns(overlaps, binned, score_threshold)
    result = {}
    for name, (_, edges, labels) in MEASURES.items():
        place = np.searchsorted(edges, of_objects[name], side="right") - 1
        row_place = (
            None
            if name in OF_OBJECTS_ONLY
            else np.searchsorted(edges, of_rows[name], side="right") - 1
        )
        result[name] = []
        for i, label in enumerate(labels):
            inside = (place == i) & ~overlaps.crowd
            result[name].append(
                {
                    "label": label,
                    "from": float(edges[i]),
                    "to": float(edges[i + 1]) if i + 1 < len(edges) else None,
                    "objects": int(inside.sum()),
                    "ap50": -1.0
                    if row_place is None
                    else ap50_of(overlaps, inside, row_place == i),
                    "recall": share(found[inside]),
                    "sure_recall": share(sure[inside]),
                    "expected_recall": share(expected[inside]),
                }
            )
    return result


def ap50_of(overlaps, objects, rows):
    """AP50 among some objects, as COCO has AP of areas: the others are ignored, and so are detections that find nothing and lie outside.

    objects: (M,) bool; rows: (N,) bool, the detections that count where they find nothing
    """
    ignored = ~objects | overlaps.crowd
    partner = match(overlaps, overlaps.hits, ignored)
    outcome = outcomes(partner, ignored)
    from_outside = (partner < 0) & ~rows
    average = average_precisions(
        overlaps.row_category[~from_outside],
        overlaps.score[~from_outside],
        outcome[~from_outside],
        np.bincount(overlaps.object_category[~ignored], minlength=len(overlaps.categories)),
    )
    return mean_ap(average)


def recall_columns(overlaps, binned, score_threshold):
    """Found by any detection (M,) bool, by one of at least the threshold (M,) bool, and the recall of its category (M,) float64."""
    found = found_objects(binned.partner, len(overlaps.objects))
    sure = found_objects(binned.partner[overlaps.score >= score_threshold], len(found))
    regular, number = ~overlaps.crowd, len(overlaps.categories)
    objects, hits = (
        np.bincount(overlaps.object_category[where], minlength=number)
        for where in (regular, regular & found)
    )
    return found, sure, (hits / np.maximum(objects, 1))[overlaps.object_category]


def share(values):
    """Mean; -1 of nothing."""
    return float(values.mean()) if len(values) else -1.0
