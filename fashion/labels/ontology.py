"""Ontology: which categories and attributes there are, their names, and their real and dense ids.

Real ids are those of the label file (attribute ids have gaps); dense ids count from 0 in the file's order. A
class id is 1 + the dense id of a category, because 0 is the background.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np

from fashion.formats.json_files import read_json
from mrcnn.data.record_checks import Record, as_integer, preview

_LABELS = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Ontology:
    """K categories and T attributes, in the order in which a model numbers them."""

    category_ids: tuple  # (K,) int, real
    category_names: tuple
    category_supercategories: tuple
    attribute_ids: tuple  # (T,) int, real
    attribute_names: tuple
    attribute_supercategories: tuple
    attribute_category_ids: tuple  # real ids of the categories that carry attributes

    def __post_init__(self):
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, tuple(getattr(self, field.name)))
        for kind, ids in (("category", self.category_ids), ("attribute", self.attribute_ids)):
            twice = sorted({i for i in ids if ids.count(i) > 1})
            if twice:
                raise ValueError(
                    f"Each {kind} id may occur once in a label file. These occur more than "
                    f"once: {twice}."
                )
        unknown = sorted(set(self.attribute_category_ids) - set(self.category_ids))
        if unknown:
            raise ValueError(
                f"attribute_category_ids names categories that are not listed: {unknown}."
            )

    @property
    def num_classes(self):
        """Categories and the background: what a model's NUM_CLASSES must be."""
        return 1 + len(self.category_ids)

    @property
    def num_attributes(self):
        return len(self.attribute_ids)

    # Categories

    @functools.cached_property
    def _class_of_category(self):
        return {real: 1 + i for i, real in enumerate(self.category_ids)}

    def class_id_of(self, category_id):
        """Real category id -> class id, 1..K."""
        return _look_up(self._class_of_category, category_id, "category")

    def category_id_of(self, class_id):
        """Class id, 1..K -> real category id."""
        if not 1 <= class_id <= len(self.category_ids):
            raise ValueError(
                f"Class ids go from 1 to {len(self.category_ids)} (0 is the background). Got "
                f"{class_id}."
            )
        return self.category_ids[class_id - 1]

    # Attributes

    @functools.cached_property
    def _index_of_attribute(self):
        return {real: i for i, real in enumerate(self.attribute_ids)}

    def attribute_index_of(self, attribute_id):
        """Real attribute id -> dense index, 0..T-1."""
        return _look_up(self._index_of_attribute, attribute_id, "attribute")

    def multi_hot(self, attribute_ids):
        """Real ids -> (T,) float32, 1 where an attribute is present."""
        hot = np.zeros(self.num_attributes, np.float32)
        hot[[self.attribute_index_of(i) for i in attribute_ids]] = 1
        return hot

    def ids_of(self, multi_hot):
        """(T,) bool or 0/1 -> ascending list of real ids; the inverse of `multi_hot`."""
        return sorted(self.attribute_ids[i] for i in np.flatnonzero(multi_hot))

    def carries_attributes(self, category_id):
        """Whether annotations of this (real) category have attributes."""
        return category_id in self.attribute_category_ids

    # Other label lists

    def ids_in(self, other):
        """What `other` calls the categories and attributes of this list: two dicts, real id -> real id there, matched by name.

        What `other` does not know is left out. All of 2019's names occur in 2020, with other attribute ids.
        """

        def matched(ids, names, other_ids, other_names):
            theirs = dict(zip(other_names, other_ids, strict=True))
            return {i: theirs[name] for i, name in zip(ids, names, strict=True) if name in theirs}

        return (
            matched(
                self.category_ids, self.category_names, other.category_ids, other.category_names
            ),
            matched(
                self.attribute_ids, self.attribute_names, other.attribute_ids, other.attribute_names
            ),
        )

    # Files

    def to_dict(self):
        """As a dict that JSON can hold; `from_dict` reads it."""
        return {
            "categories": [
                list(row)
                for row in zip(
                    self.category_ids, self.category_names, self.category_supercategories
                )
            ],
            "attributes": [
                list(row)
                for row in zip(
                    self.attribute_ids, self.attribute_names, self.attribute_supercategories
                )
            ],
            "attribute_category_ids": list(self.attribute_category_ids),
        }

    def to_coco(self):
        """The lists of categories and attributes as COCO files have them."""
        labels = self.to_dict()
        return {
            kind: [
                dict(zip(("id", "name", "supercategory"), row, strict=True)) for row in labels[kind]
            ]
            for kind in ("categories", "attributes")
        }

    @classmethod
    def from_dict(cls, labels):
        """From `to_dict`, or from the content of a label_descriptions.json (Kaggle's, Fashionpedia's).

        A label_descriptions.json does not say which categories carry attributes: where its categories and
        attributes are those of an official year, they are that year's, otherwise all.
        """
        if not isinstance(labels, dict) or "categories" not in labels:
            raise ValueError(
                "A label file must be a JSON object with 'categories' and 'attributes', as "
                "Kaggle's label_descriptions.json. This one has no 'categories'."
            )
        categories = _rows(labels["categories"], "category", "categories")
        attributes = _rows(
            [] if labels.get("attributes") is None else labels["attributes"],
            "attribute",
            "attributes",
        )
        carrying = labels.get("attribute_category_ids")
        if carrying is not None:
            if not isinstance(carrying, (list, tuple)) or any(
                as_integer(i) is None for i in carrying
            ):
                raise ValueError(
                    f"attribute_category_ids is {preview(carrying)}. Expected a list of category ids."
                )
            carrying = [as_integer(i) for i in carrying]
        if carrying is None:
            carrying = _official_attribute_categories(categories, attributes)
        # zip(*[]) has no columns: a label file without attributes is fine
        return cls(
            *(zip(*categories) if categories else ((), (), ())),
            *(zip(*attributes) if attributes else ((), (), ())),
            carrying,
        )

    @classmethod
    def from_file(cls, path):
        """From a label_descriptions.json, or from our own form of it (`to_dict`)."""
        try:
            return cls.from_dict(
                read_json(path, "a label file, as Kaggle's label_descriptions.json")
            )
        except ValueError as error:
            raise ValueError(f"{path} cannot be read as a label file: {error}") from error

    @classmethod
    def official(cls, year):
        """The label list of iMaterialist 2019 (92 attributes) or 2020 (294), both of 46 categories."""
        return official(year)


@functools.cache
def official(year):
    """See `Ontology.official`."""
    if int(year) not in (2019, 2020):
        raise ValueError(
            f"iMaterialist (Fashion) has the official label lists of 2019 and 2020. Got {year}."
        )
    return Ontology.from_file(_LABELS / f"imaterialist_{int(year)}.json")


def _official_attribute_categories(categories, attributes):
    for year in (2020, 2019):
        known = official(year)
        if [row[0] for row in categories] == list(known.category_ids) and [
            row[0] for row in attributes
        ] == list(known.attribute_ids):
            return known.attribute_category_ids
    return [row[0] for row in categories] if attributes else []


def _rows(rows, kind, plural):
    """[(id, name, supercategory), …] of one list of a label file."""
    if not isinstance(rows, (list, tuple)):
        raise ValueError(f"{plural} is {preview(rows)}. Expected a list, each with id and name.")
    return [_id_name_supercategory(row, kind, number) for number, row in enumerate(rows)]


def _id_name_supercategory(row, kind, number):
    if isinstance(row, (list, tuple)):
        if len(row) != 3:
            raise ValueError(
                f"{kind} number {number} (from 0) is {preview(row)}. Expected [id, name, supercategory]."
            )
        row = dict(zip(("id", "name", "supercategory"), row))
    entry = Record(row, "", kind, number, f"{kind} number {number} (from 0)")
    entry.require("id", "name")
    return (
        entry.integer("id", least=0, most=2**31 - 1),
        entry.text("name"),
        entry.text("supercategory") if entry.has("supercategory") else "",
    )


def _look_up(table, key, kind):
    try:
        return table[int(key)]
    except KeyError:
        raise ValueError(
            f"There is no {kind} {key} in this ontology; it has {len(table)}, with ids from "
            f"{min(table, default='-')} to {max(table, default='-')}."
        ) from None
