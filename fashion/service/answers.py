"""Answers: detections and garments of an index as JSON, without anything about this machine."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np

from fashion.formats import rle
from fashion.labels.ontology import Ontology
from fashion.results import Result
from fashion.retrieval.garment import Garment, Match
from mrcnn.data.masks.outlines import joined, trace
from mrcnn.inference.pasting import paste_window
from mrcnn.typing import Array

Masks = Literal["rle", "polygons", "grid", "none"]

# The corners of all parts of a mask, squared, are what joining them takes: a second here.
_MOST_CORNERS = 20_000


def detection_answer(
    result: Result,
    ontology: Ontology,
    *,
    confidence: float,
    attribute_confidence: float,
    masks: Masks = "rle",
) -> dict[str, Any]:
    """Describes the detections of a photo.

    Args:
        result: Of `TrainedModel.predict`.
        ontology: Labels of the model.
        confidence: Minimum score of a detection.
        attribute_confidence: Minimum score of an attribute.
        masks: How masks are written: "rle" (COCO's compressed run lengths), "polygons", "grid" (the
            probabilities as the network gives them), or "none".

    Returns:
        "image" with its size, and "garments": JSON-able, best first, numbered from 1 among all
        detections of the photo.
    """
    height, width = (int(edge) for edge in result["image_hw"])
    garments = []
    for row in np.flatnonzero(result["scores"] >= confidence).tolist():
        category_id = int(ontology.category_id_of(int(result["class_ids"][row])))
        y1, x1, y2, x2 = np.asarray(result["boxes"][row], np.float64).tolist()
        garment = {
            "number": row + 1,
            "category_id": category_id,
            "category": _name_of(ontology, category_id),
            "score": float(result["scores"][row]),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "attributes": _attributes(result, row, category_id, ontology, attribute_confidence),
        }
        garments.append(garment | _mask(result, row, masks))
    return {"image": {"width": width, "height": height}, "garments": garments}


def garment_answer(garment: Garment) -> dict[str, Any]:
    """Describes a garment of an index.

    Args:
        garment: The garment.

    Returns:
        JSON-able; of its image only the file name.
    """
    y1, x1, y2, x2 = (float(value) for value in garment.box)
    return {
        "id": garment.id,
        "image": PurePosixPath(garment.image.replace("\\", "/")).name,
        "category": garment.category,
        "score": float(garment.score),
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "attributes": [
            {"name": name, "score": float(score)} for name, score in garment.attributes.items()
        ],
        "colors": list(garment.colors),
        "date": garment.date,
    }


def match_answers(matches: Iterable[Match]) -> list[dict[str, Any]]:
    """Describes what a search found.

    Args:
        matches: Most similar first.

    Returns:
        As of `garment_answer`, each with its "similarity".
    """
    return [
        garment_answer(match.garment) | {"similarity": float(match.similarity)} for match in matches
    ]


def _name_of(ontology: Ontology, category_id: int) -> str:
    return ontology.category_names[ontology.class_id_of(category_id) - 1]


def _attributes(
    result: Result, row: int, category_id: int, ontology: Ontology, least: float
) -> list[dict[str, Any]]:
    """The attributes that score `least` or more, best first; none where the category has none."""
    if not ontology.carries_attributes(category_id):
        return []
    scores = np.asarray(result["attribute_scores"][row])
    chosen = [i for i in np.argsort(-scores, kind="stable").tolist() if scores[i] >= least]
    return [
        {
            "id": int(ontology.attribute_ids[i]),
            "name": ontology.attribute_names[i],
            "group": ontology.attribute_supercategories[i],
            "score": float(scores[i]),
        }
        for i in chosen
    ]


def _mask(result: Mapping[str, Any], row: int, masks: Masks) -> dict[str, Any]:
    probabilities, box = result["mask_probabilities"][row], result["boxes"][row]
    size_hw = int(result["image_hw"][0]), int(result["image_hw"][1])
    if masks == "none":
        return {}
    if masks == "grid":
        values = np.ascontiguousarray(probabilities, "<f4")
        data = base64.b64encode(values.tobytes()).decode("ascii")
        return {"grid": {"size": list(values.shape), "data": data}}
    window, top, left = paste_window(probabilities, np.asarray(box, np.float64), size_hw)
    if masks == "polygons":
        return {"segmentation": _polygons(window, top, left)}
    runs = rle.encode_window(window, top, left, size_hw)
    return {"segmentation": rle.to_coco(runs, size_hw)}


def _polygons(window: Array, top: int, left: int) -> list[list[float]]:
    """Polygons along the edges of the pixels: one, which reaches parts and holes by bridges.

    A mask of very many parts gets a polygon for each of its parts and holes.
    """
    loops = trace(window)
    if len(loops) > 1 and sum(map(len, loops)) <= _MOST_CORNERS:
        loops = [joined(loops)]
    return [(loop + [left, top]).astype(float).ravel().tolist() for loop in loops]
