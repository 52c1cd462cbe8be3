"""Choice: thresholds as arrays, by the numbers of categories and attributes, and what they leave of the detections of a photo."""

import dataclasses

import numpy as np

from fashion.evaluation.thresholds.table import STORED_MASK, Category, Thresholds, reaches

NO_LIMIT = 1 << 30


@dataclasses.dataclass
class Choice:
    """K categories, T attributes."""

    on: np.ndarray  # (K,) bool
    score: np.ndarray  # (K,) float64
    mask: np.ndarray  # (K,) int, index into the evidence's masks
    attribute: np.ndarray  # (K, T) float64
    limit: int  # detections of a photo
    common: tuple  # (score, mask, attribute) of whatever has no threshold of its own
    supercategories: dict = dataclasses.field(
        default_factory=dict
    )  # name -> attribute threshold, likewise

    @classmethod
    def uniform(cls, evidence, score, attribute, mask=None, limit=NO_LIMIT):
        """The same for all; mask: index, the stored masks' by default."""
        k, mask = (
            len(evidence.category_ids),
            evidence.masks.index(STORED_MASK) if mask is None else mask,
        )
        attributes = np.full((k, len(evidence.attribute_ids)), float(attribute))
        return cls(
            np.ones(k, bool),
            np.full(k, float(score)),
            np.full(k, mask),
            attributes,
            limit,
            (float(score), evidence.masks[mask], float(attribute)),
        )

    def copy(self, **changes):
        """A copy whose arrays can be written to."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return Choice(
            **{
                name: value.copy() if isinstance(value, np.ndarray) else value
                for name, value in (fields | changes).items()
            }
        )

    def kept(self, photo):
        """Indices of the detections of a photo that count, the surest first."""
        return np.flatnonzero(
            self.on[photo.category] & reaches(photo.score, self.score[photo.category])
        )[: self.limit]

    def iou(self, photo):
        """(D, G), each detection's mask at its category's threshold."""
        return photo.iou[self.mask[photo.category], np.arange(len(photo.category))]

    def said(self, photo):
        """(D, T) bool, the attributes that count."""
        return reaches(photo.attribute_scores, self.attribute[photo.category])

    def thresholds(self, evidence):
        """As the table that is written to a file: what is common, and what differs."""
        score, mask, attribute = self.common
        common = Thresholds(
            score,
            mask,
            attribute,
            None if self.limit == NO_LIMIT else self.limit,
            dict(self.supercategories),
        )
        usual = common.attributes_of(None, evidence.attribute_ids, evidence.supercategories)
        names = {row["id"]: row["name"] for row in evidence.ground_truth["categories"]}
        categories = {}
        for k, category_id in enumerate(evidence.category_ids):
            level, attributes = None, self.attribute[k] != usual
            if attributes.any():
                levels, counts = np.unique(self.attribute[k], return_counts=True)
                if len(levels) and (most := counts.max()) > len(attributes) - attributes.sum():
                    level = float(levels[counts == most][0])
                    attributes = self.attribute[k] != level
            own = Category(
                names[category_id],
                bool(self.on[k]),
                _other(self.score[k], score),
                _other(evidence.masks[self.mask[k]], mask),
                level,
                {
                    evidence.attribute_ids[t]: float(self.attribute[k, t])
                    for t in np.flatnonzero(attributes)
                },
            )
            if own != Category(names[category_id]):
                categories[category_id] = own
        used = {i for row in categories.values() for i in row.attributes}
        return dataclasses.replace(
            common,
            categories=categories,
            attribute_names={
                row["id"]: row.get("name", "")
                for row in evidence.ground_truth.get("attributes", ())
                if row["id"] in used
            },
        )


def _other(value, common):
    return None if value == common else float(value)
