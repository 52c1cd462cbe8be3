"""AP50 and recall by properties of the objects: size, shape, occlusion and crowding."""

import dataclasses
from typing import Any

import numpy as np

from fashion.evaluation.errors.ap50 import (
    average_precisions,
    match,
    matched_objects,
    mean_ap,
    outcomes_of,
)
from fashion.evaluation.errors.error_types import Outcomes
from fashion.evaluation.errors.object_properties import crowding, occlusion, shape_properties
from fashion.evaluation.errors.overlaps import Overlaps
from mrcnn.typing import Array

Columns = dict[str, Array]  # a property of each object or detection


@dataclasses.dataclass(frozen=True)
class Property:
    """A property that objects are sorted by.

    Attributes:
        title: Heading on the page.
        edges: Lower edges of the bins; the last is open.
        labels: Names of the bins.
        of_detections: Whether predictions have it too, so that AP50 can be measured.
    """

    title: str
    edges: tuple[float, ...]
    labels: tuple[str, ...]
    of_detections: bool = True


PROPERTIES = {
    "area": Property(
        "Area in pixels", (0, 32**2, 96**2), ("small, below 32²", "medium", "large, from 96² on")
    ),
    "size": Property(
        "Size: square root of the area, over the image's longer side",
        (0, 0.04, 0.08, 0.16, 0.32),
        ("below 4 %", "4–8 %", "8–16 %", "16–32 %", "from 32 % on"),
    ),
    "aspect": Property(
        "Width / height of the box",
        (0, 1 / 3, 2 / 3, 1.5, 3),
        ("below 1:3", "1:3 to 2:3", "2:3 to 3:2", "3:2 to 3:1", "from 3:1 on"),
    ),
    "intricacy": Property(
        "Complexity of the outline: perimeter² / (4π · area), 1 for a disc",
        (0, 1.25, 2, 3, 5),
        ("below 1.25", "1.25–2", "2–3", "3–5", "from 5 on"),
    ),
    "crowding": Property(
        "Objects in the image",
        (0, 4, 7, 10, 15),
        ("up to 3", "4–6", "7–9", "10–14", "from 15 on"),
    ),
    "occlusion": Property(
        "Share of the object's box that masks of other objects cover",
        (0, 0.01, 0.1, 0.25, 0.5),
        ("below 1 %", "1–10 %", "10–25 %", "25–50 %", "from 50 % on"),
        of_detections=False,
    ),
}


def measure_properties(overlaps: Overlaps) -> tuple[Columns, Columns]:
    """Measures all properties.

    Args:
        overlaps: Objects and detections.

    Returns:
        `{property: (M,) float64}` of the objects and `{property: (N,)}` of the detections.
    """
    images = overlaps.images
    number = crowding(overlaps)
    of_objects = shape_properties(overlaps.objects, overlaps.object_image, images)
    of_objects["crowding"] = number[overlaps.object_image]
    of_objects["occlusion"] = occlusion(overlaps)
    of_rows = shape_properties(overlaps.detections, overlaps.row_image, images)
    of_rows["crowding"] = number[overlaps.row_image]
    return of_objects, of_rows


def break_down(
    overlaps: Overlaps,
    outcomes: Outcomes,
    of_objects: Columns,
    of_rows: Columns,
    score_threshold: float,
) -> dict[str, list[dict[str, Any]]]:
    """Measures AP50 and recall in every bin of every property.

    Args:
        overlaps: Objects, detections and pairs.
        outcomes: From `classify_errors`.
        of_objects: Properties of the objects.
        of_rows: Properties of the detections.
        score_threshold: Confident detections reach this score.

    Returns:
        For each property a list of bins: "label", "from", "to" (None: open), "objects", "ap50",
        "recall" by any detection, "sure_recall" by confident ones, and "expected_recall": recall
        if every object were matched as often as its category is overall. -1 where undefined.
    """
    matched, confident, expected = recall_columns(overlaps, outcomes, score_threshold)
    result = {}
    for name, prop in PROPERTIES.items():
        edges = prop.edges
        bins = np.searchsorted(edges, of_objects[name], side="right") - 1
        rows = []
        for i, label in enumerate(prop.labels):
            inside = (bins == i) & ~overlaps.crowd
            ap50 = -1.0
            if prop.of_detections:
                row_bins = np.searchsorted(edges, of_rows[name], side="right") - 1
                ap50 = ap50_of(overlaps, inside, row_bins == i)
            rows.append(
                {
                    "label": label,
                    "from": float(edges[i]),
                    "to": float(edges[i + 1]) if i + 1 < len(edges) else None,
                    "objects": int(inside.sum()),
                    "ap50": ap50,
                    "recall": mean_or_undefined(matched[inside]),
                    "sure_recall": mean_or_undefined(confident[inside]),
                    "expected_recall": mean_or_undefined(expected[inside]),
                }
            )
        result[name] = rows
    return result


def ap50_of(overlaps: Overlaps, objects: Array, rows: Array) -> float:
    """Returns AP50 among some objects, as COCO measures AP of small objects.

    Other objects are ignored, and so are false positives outside of `rows`.

    Args:
        overlaps: Objects, detections and pairs.
        objects: `(M,)` bool.
        rows: `(N,)` bool, detections that count as false positives.

    Returns:
        AP50, -1 without objects.
    """
    ignored = ~objects | overlaps.crowd
    partner = match(overlaps, overlaps.can_match, ignored)
    outcome = outcomes_of(partner, ignored)
    # As in COCO: a false positive counts in the bin of its own size.
    counted = (partner >= 0) | rows
    average = average_precisions(
        overlaps.row_category[counted],
        overlaps.score[counted],
        outcome[counted],
        np.bincount(overlaps.object_category[~ignored], minlength=len(overlaps.categories)),
    )
    return mean_ap(average)


def recall_columns(
    overlaps: Overlaps, outcomes: Outcomes, score_threshold: float
) -> tuple[Array, Array, Array]:
    """Returns which objects are matched, and how often their category is.

    Args:
        overlaps: Objects and detections.
        outcomes: From `classify_errors`.
        score_threshold: Confident detections reach this score.

    Returns:
        `(M,)` bool by any detection, `(M,)` bool by a confident one, and `(M,)` float64 recall of
        the object's category.
    """
    matched = matched_objects(outcomes.partner, len(overlaps.objects))
    confident = outcomes.partner[overlaps.score >= score_threshold]
    matched_by_confident = matched_objects(confident, len(matched))
    regular, number = ~overlaps.crowd, len(overlaps.categories)
    objects = np.bincount(overlaps.object_category[regular], minlength=number)
    hits = np.bincount(overlaps.object_category[regular & matched], minlength=number)
    category_recall = (hits / np.maximum(objects, 1))[overlaps.object_category]
    return matched, matched_by_confident, category_recall


def mean_or_undefined(values: Array) -> float:
    """Returns the mean, or -1 without values.

    Args:
        values: `(n,)`.

    Returns:
        The mean.
    """
    return float(values.mean()) if len(values) else -1.0
