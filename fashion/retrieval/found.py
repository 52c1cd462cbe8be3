"""FoundGarment: a detection with all that an index keeps of it, except for its vector."""

import dataclasses
from collections.abc import Mapping, Sequence

from fashion.formats import rle
from fashion.labels.ontology import Ontology
from fashion.results import Result
from fashion.retrieval.colors import dominant_colors, some_pixels
from fashion.retrieval.embedding import mask_pixels, mask_window
from fashion.retrieval.photos import thumbnail_of
from mrcnn.typing import Array

__all__ = ["FoundGarment", "found_garments"]


@dataclasses.dataclass(frozen=True)
class FoundGarment:
    """A detection on its way into an index.

    Attributes:
        box: yxyx, pixels of the upright original image.
        category: Name of its category.
        score: Confidence score.
        attributes: Score of each attribute that is reported, by name, the most certain first.
        colors: Dominant colors as "#rrggbb", the largest share of the mask first.
        mask: "counts" of COCO's compressed run lengths.
        thumbnail: JPEG.
    """

    box: tuple[float, float, float, float]
    category: str
    score: float
    attributes: Mapping[str, float]
    colors: Sequence[str]
    mask: str
    thumbnail: bytes


def found_garments(image: Array, result: Result, ontology: Ontology) -> list[FoundGarment]:
    """Describes the detections of an image.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        result: Of a model for this image.
        ontology: Labels of the model.

    Returns:
        A description of each detection, in their order.
    """
    height, width = (int(edge) for edge in result["image_hw"])
    found = []
    for i, box in enumerate(result["boxes"].tolist()):
        window, top, left = mask_window(result, i)
        runs = rle.encode_window(window, top, left, (height, width))
        found.append(
            FoundGarment(
                (box[0], box[1], box[2], box[3]),
                _category(result, i, ontology),
                float(result["scores"][i]),
                _attributes(result, i, ontology),
                dominant_colors(some_pixels(mask_pixels(image, result, i))),
                rle.to_coco(runs, (height, width))["counts"],
                thumbnail_of(image, box),
            )
        )
    return found


def _category(result: Result, i: int, ontology: Ontology) -> str:
    # A class id is 1 + the number of the category.
    return ontology.category_names[int(result["class_ids"][i]) - 1]


def _attributes(result: Result, i: int, ontology: Ontology) -> dict[str, float]:
    scores = []
    for attribute_id in result["attributes"][i]:
        index = ontology.attribute_index_of(attribute_id)
        score = round(float(result["attribute_scores"][i][index]), 4)
        scores.append((score, ontology.attribute_names[index]))
    scores.sort(key=lambda row: -row[0])
    return {name: score for score, name in scores}
