"""The table of thresholds: for everything, for attributes of a kind, for a category, for an attribute of a category; a JSON file; and its
use on predictions."""

import dataclasses
import json
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from fashion.formats import rle
from mrcnn.data.record_checks import as_id, preview
from mrcnn.files import write_text
from mrcnn.inference.pasting import paste_window
from mrcnn.json_files import read_json

KINDS = ("score", "mask", "attribute")
STORED_MASK = 0.5  # the threshold of the masks that predictions are stored with
NEVER = 1.01  # a threshold that no score reaches
UNSAID = -1.0  # a score that reaches no threshold


@dataclasses.dataclass(frozen=True)
class Category:
    """What differs for one category; None: nothing does."""

    name: str = ""
    on: bool = True
    score: float | None = None
    mask: float | None = None
    attribute: float | None = None
    attributes: dict = dataclasses.field(default_factory=dict)  # real attribute id -> threshold


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """What counts: a detection whose score, a pixel whose probability, an attribute whose score is at least the threshold.

    detections_per_photo: at most so many, the surest first; None: no limit
    supercategories: {super-category of attributes, by name: attribute threshold}
    categories: {real category id: Category}, for those that differ
    attribute_names: {real attribute id: name} of those that have a threshold of their own
    """

    score: float = 0.5
    mask: float = 0.5
    attribute: float = 0.5
    detections_per_photo: int | None = None
    supercategories: dict = dataclasses.field(default_factory=dict)
    categories: dict = dataclasses.field(default_factory=dict)
    attribute_names: dict = dataclasses.field(default_factory=dict)

    def of(self, kind, category_id):
        """The "score", "mask" or "attribute" threshold of a category."""
        own = getattr(self.categories.get(category_id), kind, None)
        return getattr(self, kind) if own is None else own

    def attributes_of(self, category_id, attribute_ids, supercategories):
        """(T,) float64, a threshold for each of these attributes of a category: its own there, else the category's, else that of its
        super-category, else the one for all. attribute_ids: T real ids; supercategories: T names"""
        category = self.categories.get(category_id, Category())
        if category.attribute is not None:
            levels = [category.attribute] * len(attribute_ids)
        else:
            levels = [self.supercategories.get(name, self.attribute) for name in supercategories]
        return np.array(
            [
                category.attributes.get(i, level)
                for i, level in zip(attribute_ids, levels, strict=True)
            ],
            np.float64,
        )

    def lowest_score(self):
        """The score below which nothing counts, whatever it is."""
        return min(
            [
                self.score,
                *(c.score for c in self.categories.values() if c.score is not None and c.on),
            ]
        )

    def kept(self, category_ids, scores):
        """Which detections of a photo count: indices, the surest first. category_ids: (N,) real; scores: (N,)."""
        scores = np.asarray(scores, np.float64)
        on = [
            self.categories.get(c, Category()).on and reaches(score, self.of("score", c))
            for c, score in zip(category_ids, scores)
        ]
        order = np.argsort(-scores, kind="stable")
        return order[np.array(on, bool)[order]][: self.detections_per_photo]

    # Use

    def check(self, categories, attributes, supercategories, name="The table"):
        """Raises ValueError if a category or an attribute of the table is not one of the label list, {real id: name} each, or a
        super-category of attributes, of which names are given, not one of its."""
        of_attributes = {
            i: self.attribute_names.get(i, "")
            for row in self.categories.values()
            for i in row.attributes
        }
        for kind, used, known in (
            ("category", {i: row.name for i, row in self.categories.items()}, categories),
            ("attribute", of_attributes, attributes),
        ):
            for i, said in used.items():
                if i not in known or said not in ("", known[i]):
                    raise ValueError(
                        f"{name} has thresholds of {kind} {i} ({said or 'no name'}), which here is {known.get(i, 'unknown')}. "
                        "Thresholds belong to the label list that they were searched with."
                    )
        unknown = sorted(self.supercategories.keys() - set(supercategories))
        if unknown:
            raise ValueError(
                f"{name} has thresholds of super-category {unknown[0]!r}; here attributes have "
                f"{sorted(set(supercategories))}. Thresholds belong to the label list that they were searched with."
            )

    def check_ontology(self, ontology, name="The table"):
        """`check` against a label list, `fashion.labels.ontology.Ontology`."""
        self.check(
            dict(zip(ontology.category_ids, ontology.category_names)),
            dict(zip(ontology.attribute_ids, ontology.attribute_names)),
            ontology.attribute_supercategories,
            name,
        )

    def check_truth(self, ground_truth, name="The table"):
        """`check` against the labels of a COCO dict."""
        self.check(
            *(
                {row["id"]: row.get("name", "") for row in ground_truth.get(kind, ())}
                for kind in ("categories", "attributes")
            ),
            {row.get("supercategory", "") for row in ground_truth.get("attributes", ())},
            name,
        )

    def applied(self, result, ontology):
        """A result dict of `FashionModel` with the detections and the attributes that count, and "mask_thresholds" (N,) float.

        Its "attributes" are decided anew from "attribute_scores"; the argument is not changed.
        """
        categories = [ontology.category_id_of(int(class_id)) for class_id in result["class_ids"]]
        rows = self.kept(categories, result["scores"])
        categories = [categories[i] for i in rows]
        attributes = []
        for i, category in zip(rows, categories):
            carries = ontology.carries_attributes(category)
            passed = (
                reaches(
                    result["attribute_scores"][i],
                    self.attributes_of(
                        category, ontology.attribute_ids, ontology.attribute_supercategories
                    ),
                )
                if carries
                else ()
            )
            attributes.append(ontology.ids_of(passed))
        columns = {
            key: value[rows]
            for key, value in result.items()
            if key not in ("attributes", "image_hw")
            and isinstance(value, np.ndarray)
            and len(value) == len(result["scores"])
        }
        return (
            result
            | columns
            | {
                "attributes": attributes,
                "mask_thresholds": np.array([self.of("mask", c) for c in categories]),
            }
        )

    def decided(self, detections, ground_truth):
        """COCO results (`predictions.read_detections`) -> those that count, with the masks and attributes that count.

        Without "attribute_scores" the attributes that are listed are certain, see `attribute_scores_of`; masks stay as they are without
        "mask_probabilities". The argument is not changed.
        """
        attributes = [
            (row["id"], row.get("supercategory", "")) for row in ground_truth.get("attributes", ())
        ]
        size_of = {
            image["id"]: (image["height"], image["width"]) for image in ground_truth["images"]
        }
        photos = {}
        for row in detections:
            photos.setdefault(row["image_id"], []).append(row)
        return [
            self._decided(rows[i], attributes, size_of[image_id])
            for image_id, rows in photos.items()
            for i in self.kept([row["category_id"] for row in rows], [row["score"] for row in rows])
        ]

    def _decided(self, row, attributes, size_hw):
        category, row = row["category_id"], dict(row)
        if attributes:
            ids, kinds = zip(*attributes)
            passed = reaches(
                attribute_scores_of(row, ids), self.attributes_of(category, ids, kinds)
            )
            row["attribute_ids"] = sorted(ids[i] for i in np.flatnonzero(passed))
        if "mask_probabilities" in row and self.of("mask", category) != STORED_MASK:
            row["segmentation"] = mask_at(row, self.of("mask", category), size_hw)
            row["area"] = int(coco_mask.area(row["segmentation"]))
        return row

    # Files

    def to_dict(self):
        """As a dict that JSON can hold."""
        whole = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        whole["attribute_names"] = {
            str(i): name for i, name in sorted(self.attribute_names.items())
        }
        return whole | {
            "categories": {
                str(c): {
                    key: value
                    for key, value in dataclasses.asdict(row).items()
                    if value not in (None, {})
                }
                for c, row in sorted(self.categories.items())
            }
        }

    @classmethod
    def from_dict(cls, content):
        """The inverse of `to_dict`; other keys are left alone. Raises ValueError for what is no table of thresholds."""
        if not isinstance(content, dict) or not all(kind in content for kind in KINDS):
            raise ValueError(
                'Expected an object with "score", "mask", "attribute" and, by their ids, "categories".'
            )
        for key in ("categories", "supercategories", "attribute_names"):
            if not isinstance(content.get(key, {}), dict):
                raise ValueError(f'"{key}" must be an object. Got {preview(content[key])}.')
        categories = {
            _id(c, "category"): _category(c, row)
            for c, row in content.get("categories", {}).items()
        }
        supercategories = {
            name: _number(t, f"super-category {name}")
            for name, t in content.get("supercategories", {}).items()
        }
        names = {
            _id(i, "attribute"): _text(name, f"the name of attribute {i}")
            for i, name in content.get("attribute_names", {}).items()
        }
        limit = content.get("detections_per_photo")
        if limit is not None and (type(limit) is not int or limit < 1):
            raise ValueError(
                f"detections_per_photo is a whole number from 1, or null for no limit. Got {preview(limit)}."
            )
        return cls(
            **{kind: _number(content[kind], kind) for kind in KINDS},
            detections_per_photo=limit,
            supercategories=supercategories,
            categories=categories,
            attribute_names=names,
        )

    def write(self, path, **about):
        """Writes a JSON file; about: what else it says, for people."""
        write_text(path, json.dumps(self.to_dict() | about, indent=1) + "\n")


def read_thresholds(path):
    """The Thresholds of a JSON file."""
    path = Path(path)
    try:
        return Thresholds.from_dict(read_json(path, "a file of thresholds"))
    except ValueError as error:
        raise ValueError(
            f"{path} holds no thresholds: {error} fashion/evaluate.py --tune writes such a file."
        ) from error


def read_tuning(path):
    """What a file of thresholds says about how they were found, a dict; empty where it says nothing or something else."""
    tuning = read_json(path, "a file of thresholds").get("tuning")
    return tuning if isinstance(tuning, dict) else {}


def reaches(scores, thresholds):
    """Whether scores are at least their thresholds, in the precision of a network: 0.7 reaches 0.7 whatever its type."""
    return np.asarray(scores, np.float32) >= np.asarray(thresholds, np.float32)


def attribute_scores_of(row, attribute_ids):
    """(T,) float32, the scores of a COCO result's attributes. attribute_ids: T real ids, the ground truth's

    Without "attribute_scores" those among its "attribute_ids" score 1, and the others UNSAID, which reaches no threshold.
    """
    if "attribute_scores" in row:
        return np.asarray(row["attribute_scores"], np.float32)
    return np.where(
        np.isin(attribute_ids, list(row.get("attribute_ids") or ())),
        np.float32(1),
        np.float32(UNSAID),
    )


def mask_at(row, threshold, size_hw):
    """The mask of a COCO result with "mask_probabilities" at another threshold, compressed RLE of the photo's size."""
    x, y, width, height = row["bbox"]
    window = paste_window(
        row["mask_probabilities"] / np.float32(255),
        (y, x, y + height, x + width),
        size_hw,
        threshold,
    )
    return rle.to_coco(rle.encode_window(*window, size_hw), size_hw)


def _category(category_id, row):
    """The Category of one entry of a file."""
    where = f"category {str(category_id)[:20]}"
    known = [field.name for field in dataclasses.fields(Category)]
    if not isinstance(row, dict) or not row.keys() <= set(known):
        raise ValueError(
            f"A category may have {', '.join(known)}, and nothing else. Got {preview(row)} for {where}."
        )
    on, attributes = row.get("on", True), row.get("attributes", {})
    if not isinstance(on, bool):
        raise ValueError(f"on must be true or false. Got {preview(on)} for {where}.")
    if not isinstance(attributes, dict):
        raise ValueError(f"the attributes of {where} must be an object. Got {preview(attributes)}.")
    return Category(
        _text(row.get("name", ""), f"the name of {where}"),
        on,
        **{
            kind: _number(row[kind], f"{kind} of {where}")
            for kind in KINDS
            if row.get(kind) is not None
        },
        attributes={
            _id(a, "attribute"): _number(t, f"attribute {str(a)[:20]} of {where}")
            for a, t in attributes.items()
        },
    )


def _id(text, kind):
    if as_id(text) is None:
        raise ValueError(f"there is no {kind} {preview(text, 20)}: its id is a whole number.")
    return as_id(text)


def _text(value, what):
    if not isinstance(value, str):
        raise ValueError(f"{what} must be text. Got {preview(value)}.")
    return value


def _number(value, what):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= NEVER:
        raise ValueError(f"{what} must be a threshold from 0 to {NEVER}. Got {preview(value)}.")
    return float(value)
