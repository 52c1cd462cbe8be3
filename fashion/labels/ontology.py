"""Ontology: the categories and attributes of a data set, their names, real and dense ids.

Real ids are those of the label file (attribute ids have gaps). Dense ids count from 0 in the file's
order. A class id is 1 + the dense id of a category, because 0 is the background.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.data.record_checks import Record, as_integer, preview
from mrcnn.json_files import read_json
from mrcnn.typing import Array, PathLike

_LABELS = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Ontology:
    """K categories and T attributes, in the order in which a model numbers them.

    Attributes:
        category_ids: K real ids.
        category_names: K names.
        category_supercategories: K names of groups.
        attribute_ids: T real ids.
        attribute_names: T names.
        attribute_supercategories: T names of groups.
        attribute_category_ids: Real ids of the categories whose objects have attributes.

    Raises:
        ValueError: If an id occurs twice, or `attribute_category_ids` has an unknown category.
    """

    category_ids: tuple[int, ...]
    category_names: tuple[str, ...]
    category_supercategories: tuple[str, ...]
    attribute_ids: tuple[int, ...]
    attribute_names: tuple[str, ...]
    attribute_supercategories: tuple[str, ...]
    attribute_category_ids: tuple[int, ...]

    def __post_init__(self) -> None:
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
    def num_classes(self) -> int:
        """Categories and the background: what a model's NUM_CLASSES must be."""
        return 1 + len(self.category_ids)

    @property
    def num_attributes(self) -> int:
        """Number of attributes, T."""
        return len(self.attribute_ids)

    # Categories

    @functools.cached_property
    def _class_of_category(self) -> dict[int, int]:
        return {real: 1 + i for i, real in enumerate(self.category_ids)}

    def class_id_of(self, category_id: int) -> int:
        """Looks up the class id of a category.

        Args:
            category_id: Real id.

        Returns:
            1..K.

        Raises:
            ValueError: If there is no such category.
        """
        return _look_up(self._class_of_category, category_id, "category")

    def category_id_of(self, class_id: int) -> int:
        """Looks up the real id of a class.

        Args:
            class_id: 1..K.

        Returns:
            The real category id.

        Raises:
            ValueError: If `class_id` is out of range.
        """
        if not 1 <= class_id <= len(self.category_ids):
            raise ValueError(
                f"Class ids go from 1 to {len(self.category_ids)} (0 is the background). Got "
                f"{class_id}."
            )
        return self.category_ids[class_id - 1]

    # Attributes

    @functools.cached_property
    def _index_of_attribute(self) -> dict[int, int]:
        return {real: i for i, real in enumerate(self.attribute_ids)}

    def attribute_index_of(self, attribute_id: int) -> int:
        """Looks up the dense index of an attribute.

        Args:
            attribute_id: Real id.

        Returns:
            0..T-1.

        Raises:
            ValueError: If there is no such attribute.
        """
        return _look_up(self._index_of_attribute, attribute_id, "attribute")

    def multi_hot(self, attribute_ids: Iterable[int]) -> Array:
        """Encodes the attributes of one object.

        Args:
            attribute_ids: Real ids.

        Returns:
            `(T,)` float32, 1 where an attribute is present.
        """
        hot = np.zeros(self.num_attributes, np.float32)
        hot[[self.attribute_index_of(i) for i in attribute_ids]] = 1
        return hot

    def ids_of(self, multi_hot: Array) -> list[int]:
        """Decodes the attributes of one object; the inverse of `multi_hot`.

        Args:
            multi_hot: `(T,)` bool, or 0 and 1.

        Returns:
            Real ids, ascending.
        """
        return sorted(self.attribute_ids[i] for i in np.flatnonzero(multi_hot))

    def carries_attributes(self, category_id: int) -> bool:
        """Returns whether objects of a category have attributes.

        Args:
            category_id: Real id.

        Returns:
            True if the category is among `attribute_category_ids`.
        """
        return category_id in self.attribute_category_ids

    # Other label lists

    def ids_in(self, other: "Ontology") -> tuple[dict[int, int], dict[int, int]]:
        """Maps the ids of this list to those of another, by name.

        All names of 2019 occur in 2020, where the attributes have other ids.

        Args:
            other: The other list.

        Returns:
            Real ids here to real ids there, of categories and of attributes. What `other` lacks is
            left out.
        """
        categories = dict(zip(other.category_names, other.category_ids, strict=True))
        attributes = dict(zip(other.attribute_names, other.attribute_ids, strict=True))
        return (
            _matched(self.category_ids, self.category_names, categories),
            _matched(self.attribute_ids, self.attribute_names, attributes),
        )

    def is_official(self) -> bool:
        """Returns whether this is an official list, or a part of one.

        Returns:
            Whether one year of iMaterialist has all its ids, with these names.
        """
        categories = set(zip(self.category_ids, self.category_names))
        attributes = set(zip(self.attribute_ids, self.attribute_names))
        for year in (2019, 2020):
            listed = official(year)
            if categories <= set(
                zip(listed.category_ids, listed.category_names)
            ) and attributes <= set(zip(listed.attribute_ids, listed.attribute_names)):
                return True
        return False

    # Files

    def to_dict(self) -> dict[str, list]:
        """Converts to JSON; `from_dict` reads it.

        Returns:
            "categories" and "attributes" as rows `[id, name, supercategory]`, and
            "attribute_category_ids".
        """
        categories = zip(self.category_ids, self.category_names, self.category_supercategories)
        attributes = zip(self.attribute_ids, self.attribute_names, self.attribute_supercategories)
        return {
            "categories": [list(row) for row in categories],
            "attributes": [list(row) for row in attributes],
            "attribute_category_ids": list(self.attribute_category_ids),
        }

    def to_coco(self) -> dict[str, list[dict[str, Any]]]:
        """Converts to the lists that COCO and Fashionpedia files have.

        Returns:
            "categories" and "attributes" as dicts with id, name and supercategory.
        """
        labels = self.to_dict()
        return {kind: _as_dicts(labels[kind]) for kind in ("categories", "attributes")}

    @classmethod
    def from_dict(cls, labels: Mapping[str, Any]) -> "Ontology":
        """Reads the result of `to_dict`, or the content of a label_descriptions.json.

        A label_descriptions.json (Kaggle's or Fashionpedia's) does not tell which categories have
        attributes. If its ids are those of an official year, it is that year's categories,
        otherwise all.

        Args:
            labels: Parsed JSON.

        Returns:
            The ontology.

        Raises:
            ValueError: If something is missing or malformed.
        """
        if not isinstance(labels, dict) or "categories" not in labels:
            raise ValueError(
                "A label file must be a JSON object with 'categories' and 'attributes', as "
                "Kaggle's label_descriptions.json. This one has no 'categories'."
            )
        listed = labels.get("attributes")
        categories = _rows(labels["categories"], "category", "categories")
        attributes = _rows([] if listed is None else listed, "attribute", "attributes")
        carrying = labels.get("attribute_category_ids")
        if carrying is None:
            carrying = _official_attribute_categories(categories, attributes)
        else:
            carrying = _checked_ids(carrying)
        category_ids, category_names, category_groups = _columns(categories)
        attribute_ids, attribute_names, attribute_groups = _columns(attributes)
        return cls(
            category_ids,
            category_names,
            category_groups,
            attribute_ids,
            attribute_names,
            attribute_groups,
            carrying,
        )

    @classmethod
    def from_file(cls, path: PathLike) -> "Ontology":
        """Reads a label_descriptions.json, or a file of `to_dict`.

        Args:
            path: The file.

        Returns:
            The ontology.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not a label file.
        """
        try:
            labels = read_json(path, "a label file, as Kaggle's label_descriptions.json")
            return cls.from_dict(labels)
        except ValueError as error:
            raise ValueError(f"{path} cannot be read as a label file: {error}") from error

    @classmethod
    def official(cls, year: int) -> "Ontology":
        """Returns the label list of an iMaterialist contest.

        Args:
            year: 2019 (92 attributes) or 2020 (294); both have 46 categories.

        Returns:
            The ontology.

        Raises:
            ValueError: For any other year.
        """
        return official(year)


@functools.cache
def official(year: int) -> Ontology:
    """Returns the label list of an iMaterialist contest; see `Ontology.official`.

    Args:
        year: 2019 or 2020.

    Returns:
        The ontology, the same object for each call.

    Raises:
        ValueError: For any other year.
    """
    if int(year) not in (2019, 2020):
        raise ValueError(
            f"iMaterialist (Fashion) has the official label lists of 2019 and 2020. Got {year}."
        )
    return Ontology.from_file(_LABELS / f"imaterialist_{int(year)}.json")


def _as_dicts(rows):
    return [dict(zip(("id", "name", "supercategory"), row, strict=True)) for row in rows]


def _columns(rows: list[tuple[int, str, str]]) -> Any:
    """Ids, names and super-categories. A label file may lack attributes."""
    return tuple(zip(*rows)) if rows else ((), (), ())


def _matched(ids, names, id_of_name):
    return {i: id_of_name[name] for i, name in zip(ids, names, strict=True) if name in id_of_name}


def _official_attribute_categories(categories, attributes):
    category_ids, attribute_ids = [row[0] for row in categories], [row[0] for row in attributes]
    for year in (2020, 2019):
        known = official(year)
        if category_ids == list(known.category_ids) and attribute_ids == list(known.attribute_ids):
            return known.attribute_category_ids
    return category_ids if attributes else []


def _checked_ids(ids):
    if not isinstance(ids, (list, tuple)) or any(as_integer(i) is None for i in ids):
        raise ValueError(
            f"attribute_category_ids is {preview(ids)}. Expected a list of category ids."
        )
    return [as_integer(i) for i in ids]


def _rows(rows: Any, kind: str, plural: str) -> list[tuple[int, str, str]]:
    """[(id, name, supercategory), …] of one list of a label file."""
    if not isinstance(rows, (list, tuple)):
        raise ValueError(f"{plural} is {preview(rows)}. Expected a list, each with id and name.")
    return [_id_name_supercategory(row, kind, number) for number, row in enumerate(rows)]


def _id_name_supercategory(row, kind, number):
    if isinstance(row, (list, tuple)):
        if len(row) != 3:
            raise ValueError(
                f"{kind} number {number} (from 0) is {preview(row)}. Expected [id, name, "
                "supercategory]."
            )
        row = dict(zip(("id", "name", "supercategory"), row))
    record = Record(row, "", kind, number, f"{kind} number {number} (from 0)")
    record.require("id", "name")
    return (
        record.integer("id", least=0, most=2**31 - 1),
        record.text("name"),
        record.text("supercategory") if record.has("supercategory") else "",
    )


def _look_up(table, key, kind):
    try:
        return table[int(key)]
    except KeyError:
        raise ValueError(
            f"There is no {kind} {key} in this ontology; it has {len(table)}, with ids from "
            f"{min(table, default='-')} to {max(table, default='-')}."
        ) from None
