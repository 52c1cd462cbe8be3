"""A table of thresholds, and its application to predictions.

From general to specific: one for all, one for the attributes of a super-category, one for a
category, one for an attribute of a category. The most specific counts.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from fashion.formats import rle
from fashion.labels.ontology import Ontology
from mrcnn.inference.pasting import paste_window
from mrcnn.typing import Array, Size

STORED_MASK = 0.5  # threshold of the masks that predictions are stored with
NEVER = 1.01  # a threshold that no score reaches; 1 would let certain attributes pass
NOT_PREDICTED = -1.0  # a score that reaches no threshold


@dataclasses.dataclass(frozen=True)
class CategoryThresholds:
    """What differs for one category. None: the general threshold counts.

    Attributes:
        name: Of the category, to recognise other label lists.
        on: Whether the category is predicted at all.
        score: Threshold on the detection score.
        mask: Threshold on the mask probability.
        attribute: Threshold on the scores of all its attributes.
        attributes: `{attribute id: threshold}`.
    """

    name: str = ""
    on: bool = True
    score: float | None = None
    mask: float | None = None
    attribute: float | None = None
    attributes: dict[int, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """Detections, mask pixels and attributes count from these scores on.

    Attributes:
        score: Threshold on detection scores.
        mask: Threshold on mask probabilities.
        attribute: Threshold on attribute scores.
        detections_per_photo: Most detections of an image, by score. None: no limit.
        supercategories: `{super-category of attributes: attribute threshold}`.
        categories: `{category id: CategoryThresholds}`, where they differ.
        attribute_names: `{attribute id: name}` of those with a threshold of their own.
    """

    score: float = 0.5
    mask: float = 0.5
    attribute: float = 0.5
    detections_per_photo: int | None = None
    supercategories: dict[str, float] = dataclasses.field(default_factory=dict)
    categories: dict[int, CategoryThresholds] = dataclasses.field(default_factory=dict)
    attribute_names: dict[int, str] = dataclasses.field(default_factory=dict)

    def of(self, kind: str, category_id: int) -> float:
        """Looks up a threshold of a category.

        Args:
            kind: "score", "mask" or "attribute".
            category_id: Of the label list.

        Returns:
            The threshold.
        """
        own = getattr(self.categories.get(category_id), kind, None)
        return getattr(self, kind) if own is None else own

    def attributes_of(
        self,
        category_id: int | None,
        attribute_ids: Sequence[int],
        supercategories: Sequence[str],
    ) -> Array:
        """Looks up the thresholds of attributes on a category.

        Args:
            category_id: Of the label list; None: no category in particular.
            attribute_ids: T ids.
            supercategories: T names.

        Returns:
            `(T,)` float64.
        """
        category = CategoryThresholds()
        if category_id is not None:
            category = self.categories.get(category_id, category)
        if category.attribute is not None:
            general = [category.attribute] * len(attribute_ids)
        else:
            general = [self.supercategories.get(name, self.attribute) for name in supercategories]
        own = category.attributes
        return np.array(
            [own.get(i, level) for i, level in zip(attribute_ids, general, strict=True)], np.float64
        )

    def min_score(self) -> float:
        """Returns the score below which no detection counts.

        Returns:
            The lowest score threshold of a category that is on.
        """
        scores = [self.score]
        for category in self.categories.values():
            if category.score is not None and category.on:
                scores.append(category.score)
        return min(scores)

    def kept(self, category_ids: Sequence[int], scores: Array | Sequence[float]) -> Array:
        """Selects the detections of an image that count.

        Args:
            category_ids: N category ids.
            scores: `(N,)`.

        Returns:
            `(n,)` int64 indices, the highest score first.
        """
        scores = np.asarray(scores, np.float64)
        on = []
        for category_id, score in zip(category_ids, scores):
            category = self.categories.get(category_id, CategoryThresholds())
            on.append(category.on and reaches(score, self.of("score", category_id)))
        # Stable: detections of equal scores stay in the model's order.
        order = np.argsort(-scores, kind="stable")
        return order[np.array(on, bool)[order]][: self.detections_per_photo]

    def check_ontology(self, ontology: Ontology, name: str = "The table") -> None:
        """Checks that the thresholds belong to a label list.

        Args:
            ontology: The label list.
            name: Of the table, for the message.

        Raises:
            ValueError: If a category, attribute or super-category is not in the list.
        """
        self._check(
            dict(zip(ontology.category_ids, ontology.category_names)),
            dict(zip(ontology.attribute_ids, ontology.attribute_names)),
            ontology.attribute_supercategories,
            name,
        )

    def check_ground_truth(self, ground_truth: Mapping[str, Any], name: str = "The table") -> None:
        """Checks that the thresholds belong to the labels of a COCO dict.

        Args:
            ground_truth: COCO dict.
            name: Of the table, for the message.

        Raises:
            ValueError: If a category, attribute or super-category is not in the dict.
        """
        attributes = ground_truth.get("attributes", ())
        self._check(
            {row["id"]: row.get("name", "") for row in ground_truth.get("categories", ())},
            {row["id"]: row.get("name", "") for row in attributes},
            {row.get("supercategory", "") for row in attributes},
            name,
        )

    def apply_to_result(self, result: Mapping[str, Any], ontology: Ontology) -> dict[str, Any]:
        """Applies the table to a result of a model.

        Args:
            result: Result dict of `FashionModel` with "attribute_scores"; not changed.
            ontology: The model's label list.

        Returns:
            The detections that count, with the "attributes" that count, and "mask_thresholds"
            `(N,)` float64.
        """
        categories = [ontology.category_id_of(int(class_id)) for class_id in result["class_ids"]]
        rows = self.kept(categories, result["scores"])
        categories = [categories[i] for i in rows]
        ids, kinds = ontology.attribute_ids, ontology.attribute_supercategories
        attributes = []
        for i, category in zip(rows, categories):
            passed = np.zeros(0, bool)
            if ontology.carries_attributes(category):
                thresholds = self.attributes_of(category, ids, kinds)
                passed = reaches(result["attribute_scores"][i], thresholds)
            attributes.append(ontology.ids_of(passed))
        selected = dict(result)
        for key, value in result.items():
            if key in ("attributes", "image_hw") or not isinstance(value, np.ndarray):
                continue
            if len(value) == len(result["scores"]):
                selected[key] = value[rows]
        selected["attributes"] = attributes
        selected["mask_thresholds"] = np.array([self.of("mask", c) for c in categories])
        return selected

    def apply_to_coco(
        self, detections: Iterable[Mapping[str, Any]], ground_truth: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Applies the table to COCO results.

        Args:
            detections: From `read_detections`; not changed. Listed attributes count as certain
                where there are no "attribute_scores"; masks stay as they are where there are no
                "mask_probabilities".
            ground_truth: COCO dict with images and attributes.

        Returns:
            The detections that count, with the masks and attributes that count.
        """
        attributes = []
        for row in ground_truth.get("attributes", ()):
            attributes.append((row["id"], row.get("supercategory", "")))
        size_of = {row["id"]: (row["height"], row["width"]) for row in ground_truth["images"]}
        by_image: dict[Any, list] = {}
        for row in detections:
            by_image.setdefault(row["image_id"], []).append(row)
        result = []
        for image_id, rows in by_image.items():
            kept = self.kept([row["category_id"] for row in rows], [row["score"] for row in rows])
            result += [self._apply_to_row(rows[i], attributes, size_of[image_id]) for i in kept]
        return result

    def _apply_to_row(
        self, row: Mapping[str, Any], attributes: Sequence[tuple[int, str]], size_hw: Size
    ) -> dict[str, Any]:
        category, row = row["category_id"], dict(row)
        if attributes:
            ids, kinds = zip(*attributes)
            thresholds = self.attributes_of(category, ids, kinds)
            passed = np.flatnonzero(reaches(attribute_scores_of(row, ids), thresholds))
            row["attribute_ids"] = sorted(ids[i] for i in passed)
        if "mask_probabilities" in row and self.of("mask", category) != STORED_MASK:
            row["segmentation"] = mask_at(row, self.of("mask", category), size_hw)
            row["area"] = int(coco_mask.area(row["segmentation"]))
        return row

    def _check(
        self,
        categories: Mapping[int, str],
        attributes: Mapping[int, str],
        supercategories: Iterable[str],
        name: str = "The table",
    ) -> None:
        remedy = "Thresholds belong to the label list that they were searched with."
        used = {i: row.name for i, row in self.categories.items()}
        used_attributes = {}
        for row in self.categories.values():
            for i in row.attributes:
                used_attributes[i] = self.attribute_names.get(i, "")
        checks = ("category", used, categories), ("attribute", used_attributes, attributes)
        for kind, here, known in checks:
            for i, label in here.items():
                if i not in known or label not in ("", known[i]):
                    raise ValueError(
                        f"{name} has thresholds of {kind} {i} ({label or 'no name'}), which here "
                        f"is {known.get(i, 'unknown')}. {remedy}"
                    )
        unknown = sorted(self.supercategories.keys() - set(supercategories))
        if unknown:
            raise ValueError(
                f"{name} has thresholds of super-category {unknown[0]!r}; here attributes have "
                f"{sorted(set(supercategories))}. {remedy}"
            )


def reaches(scores: Array | float, thresholds: Array | float) -> Array:
    """Compares scores with thresholds in float32, so that 0.7 reaches 0.7 whatever its dtype.

    Args:
        scores: Any shape.
        thresholds: Broadcasts with `scores`.

    Returns:
        Bool, True where the score is at least the threshold.
    """
    return np.asarray(scores, np.float32) >= np.asarray(thresholds, np.float32)


def attribute_scores_of(row: Mapping[str, Any], attribute_ids: Sequence[int]) -> Array:
    """Returns the attribute scores of a COCO result.

    Args:
        row: COCO result. Without "attribute_scores", its "attribute_ids" score 1, and the others
            -1, which reaches no threshold.
        attribute_ids: T ids of the ground truth.

    Returns:
        `(T,)` float32.
    """
    if "attribute_scores" in row:
        return np.asarray(row["attribute_scores"], np.float32)
    listed = np.isin(attribute_ids, list(row.get("attribute_ids") or ()))
    return np.where(listed, np.float32(1), np.float32(NOT_PREDICTED))


def mask_at(row: Mapping[str, Any], threshold: float, size_hw: Size) -> dict[str, Any]:
    """Returns the mask of a COCO result at another threshold.

    Args:
        row: COCO result with "bbox" and "mask_probabilities", uint8 of 255.
        threshold: On the probabilities.
        size_hw: Of the image, pixels.

    Returns:
        Compressed run lengths.
    """
    x, y, width, height = row["bbox"]
    probabilities = row["mask_probabilities"] / np.float32(255)
    box = np.array([y, x, y + height, x + width], np.float64)
    window, top, left = paste_window(probabilities, box, size_hw, threshold)
    return rle.to_coco(rle.encode_window(window, top, left, size_hw), size_hw)
