"""A candidate of the search: thresholds as arrays, and the predictions that they leave."""

import dataclasses
from typing import Any

import numpy as np

from fashion.evaluation.thresholds.table import (
    STORED_MASK,
    CategoryThresholds,
    Thresholds,
    reaches,
)
from fashion.evaluation.thresholds.tuning_data import TuningData, TuningImage
from mrcnn.typing import Array

NO_LIMIT = 1 << 30


@dataclasses.dataclass
class Candidate:
    """Thresholds of K categories and T attributes.

    Attributes:
        on: `(K,)` bool, whether a category is predicted at all.
        score: `(K,)` float64.
        mask: `(K,)` int64 index into `TuningData.masks`.
        attribute: `(K, T)` float64.
        limit: Most detections of an image.
        common: `(score, mask, attribute)` of everything without a threshold of its own.
        supercategories: `{super-category of attributes: threshold}`.
    """

    on: Array
    score: Array
    mask: Array
    attribute: Array
    limit: int
    common: tuple[float, float, float]
    supercategories: dict[str, float] = dataclasses.field(default_factory=dict)

    @classmethod
    def uniform(
        cls,
        data: TuningData,
        score: float,
        attribute: float,
        mask: int | None = None,
        limit: int = NO_LIMIT,
    ) -> "Candidate":
        """Makes a candidate with the same thresholds for all.

        Args:
            data: Categories, attributes and masks.
            score: Threshold on detection scores.
            attribute: Threshold on attribute scores.
            mask: Index into `data.masks`. Default: the stored masks.
            limit: Most detections of an image.

        Returns:
            The candidate.
        """
        categories = len(data.category_ids)
        mask = data.masks.index(STORED_MASK) if mask is None else mask
        return cls(
            np.ones(categories, bool),
            np.full(categories, float(score)),
            np.full(categories, mask),
            np.full((categories, len(data.attribute_ids)), float(attribute)),
            limit,
            (float(score), data.masks[mask], float(attribute)),
        )

    def copy(self, **changes: Any) -> "Candidate":
        """Copies the candidate and its arrays.

        Args:
            **changes: Fields that differ.

        Returns:
            The copy.
        """
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        copied: dict[str, Any] = {}
        for name, value in (fields | changes).items():
            copied[name] = value.copy() if isinstance(value, np.ndarray) else value
        return Candidate(**copied)

    def kept(self, image: TuningImage) -> Array:
        """Selects the detections that count.

        Args:
            image: D detections.

        Returns:
            `(d,)` int64 indices, the highest score first.
        """
        passed = reaches(image.score, self.score[image.category])
        return np.flatnonzero(self.on[image.category] & passed)[: self.limit]

    def iou(self, image: TuningImage) -> Array:
        """Returns the IoU of each detection at the mask threshold of its category.

        Args:
            image: D detections and G objects.

        Returns:
            `(D, G)` float64.
        """
        return image.iou[self.mask[image.category], np.arange(len(image.category))]

    def predicted_attributes(self, image: TuningImage) -> Array:
        """Selects the attributes that count.

        Args:
            image: D detections.

        Returns:
            `(D, T)` bool.
        """
        return reaches(image.attribute_scores, self.attribute[image.category])

    def to_table(self, data: TuningData) -> Thresholds:
        """Turns the candidate into a table: common thresholds, and what differs from them.

        Args:
            data: Ids and names.

        Returns:
            The table that makes the same decisions.
        """
        common = Thresholds(
            *self.common,
            None if self.limit == NO_LIMIT else self.limit,
            dict(self.supercategories),
        )
        usual = common.attributes_of(None, data.attribute_ids, data.supercategories)
        names = {row["id"]: row["name"] for row in data.ground_truth["categories"]}
        categories = {}
        for k, category_id in enumerate(data.category_ids):
            own = self._category(k, names[category_id], usual, data)
            if own != CategoryThresholds(names[category_id]):
                categories[category_id] = own
        used: set[int] = set()
        for row in categories.values():
            used.update(row.attributes)
        attribute_names = {}
        for row in data.ground_truth.get("attributes", ()):
            if row["id"] in used:
                attribute_names[row["id"]] = row.get("name", "")
        return dataclasses.replace(common, categories=categories, attribute_names=attribute_names)

    def _category(self, k: int, name: str, usual: Array, data: TuningData) -> CategoryThresholds:
        """What differs for one category. usual: (T,) attribute thresholds without it."""
        score, mask, _ = self.common
        level, differs = None, self.attribute[k] != usual
        if differs.any():
            # One level for the category and a few exceptions, if that needs fewer entries.
            levels, counts = np.unique(self.attribute[k], return_counts=True)
            if len(levels) and counts.max() > len(differs) - differs.sum():
                level = float(levels[counts == counts.max()][0])
                differs = self.attribute[k] != level
        exceptions = {}
        for t in np.flatnonzero(differs):
            exceptions[data.attribute_ids[t]] = float(self.attribute[k, t])
        return CategoryThresholds(
            name,
            bool(self.on[k]),
            # A file names only what differs, so that people can read it.
            _if_different(self.score[k], score),
            _if_different(data.masks[self.mask[k]], mask),
            level,
            exceptions,
        )


def _if_different(value: float, common: float) -> float | None:
    return None if value == common else float(value)
