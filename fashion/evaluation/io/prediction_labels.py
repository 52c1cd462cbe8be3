"""Categories and attributes of predictions in the ids of the ground truth.

Labels of two files are matched by name. A category that the ground truth lacks is refused;
attributes that it lacks are left out, with a warning.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fashion.formats.label_lists import ids_by_name
from fashion.formats.label_lists import listed as examples_of
from mrcnn.data.record_checks import Record, as_id, is_number, preview
from mrcnn.evaluation.coco_truth import checked_labels, refuse_unknown
from mrcnn.typing import Array

log = logging.getLogger(__name__)

_SINGULAR = {"categories": "category", "attributes": "attribute"}


def listed_labels(content: Mapping, kind: str, name: str) -> list[dict] | None:
    """Reads the labels that predictions list themselves. They need no names.

    Args:
        content: Of the file.
        kind: "categories" or "attributes".
        name: What errors call the predictions.

    Returns:
        Checked labels, or None if there is no list.

    Raises:
        ValueError: If the list cannot be used.
    """
    rows = content.get(kind)
    if rows is None:
        return None
    if not isinstance(rows, list):
        raise ValueError(
            f"{name} has the {kind} {preview(rows)}. Expected a list, each with id and name."
        )
    return checked_labels(rows, name, _SINGULAR[kind], needs=("id",))


def category_ids_by_name(
    records: Sequence[Record], listed: list[dict] | None, ground_truth: dict, name: str
) -> dict[int, int]:
    """Maps the categories of results to those of the ground truth.

    Args:
        records: Results.
        listed: Categories that the predictions list; without them ids are the ground truth's.
        ground_truth: COCO dict.
        name: What errors call the predictions.

    Returns:
        {category id of the results: id of the ground truth}.

    Raises:
        ValueError: If the ground truth lacks a category.
    """
    used = {record.integer("category_id") for record in records}
    if not listed:
        return {i: i for i in used}
    names = {row["id"]: row["id"] if row.get("name") is None else row["name"] for row in listed}
    foreign = sorted(used - names.keys())
    if foreign:
        raise ValueError(
            f"{name} has results of the category {foreign[0]}, which is not in the list of "
            "categories of this file. Leave the list out if the ids are the ground truth's."
        )
    all_meant = ids_by_name(listed, ground_truth["categories"], name, "category")
    meant = {i: all_meant[i] for i in used}
    unknown = sorted(i for i, known in meant.items() if known is None)
    if unknown:
        theirs = examples_of([names[i] for i in unknown])
        known_names = examples_of([row["name"] for row in ground_truth["categories"]])
        raise ValueError(
            f"{name} has results of {len(unknown)} categories whose names the ground truth does "
            f"not list: {theirs}. It lists {known_names}. Categories of two files are matched by "
            "name: give them the same names."
        )
    _warn_renumbered(meant, "categories", name)
    return meant


def without_unlisted_attributes(
    records: list[Record], ground_truth: dict, name: str
) -> list[Record]:
    """Drops all attributes, with a warning, if the ground truth lists none.

    Args:
        records: Results; their rows are replaced, not changed.
        ground_truth: COCO dict.
        name: What the warning calls the predictions.

    Returns:
        The same records.
    """
    keys = ("attribute_ids", "attribute_scores")
    described = any(record.row.get(key) for record in records for key in keys)
    if ground_truth.get("attributes") or not described:
        return records
    log.warning("The ground truth lists no attributes, so those of %s are left out.", name)
    for record in records:
        row = {key: value for key, value in record.row.items() if key != "attribute_scores"}
        record.row = row | {"attribute_ids": []}
    return records


class PredictedAttributes:
    """Attributes of results in the ids of the ground truth, without those whose names it lacks.

    Args:
        records: Results.
        ground_truth: COCO dict.
        listed: Attributes that the predictions list; without them ids are the ground truth's.
        name: What errors call the predictions.
    """

    def __init__(
        self,
        records: Sequence[Record],
        ground_truth: dict,
        listed: list[dict] | None,
        name: str,
    ) -> None:
        self.known = [row["id"] for row in ground_truth.get("attributes") or ()]
        self.name = name
        self.place_of = {i: place for place, i in enumerate(self.known)}
        self.listed = self.known if listed is None else [row["id"] for row in listed]
        self.meant: dict[int, int | None] = {}
        if listed and self.known:
            meant = ids_by_name(listed, ground_truth["attributes"], name, "attribute")
            # Without a name, an unknown id is a fault; with one, it is of another label list.
            self.meant = {
                row["id"]: meant[row["id"]]
                for row in listed
                if row.get("name") is not None or meant[row["id"]] is not None
            }
            named = [row for row in listed if row.get("name") is not None]
            lost = [row["name"] for row in named if meant[row["id"]] is None]
            if lost and records:
                log.warning(
                    "%d of the %d attributes of %s are not in the ground truth's list and are left "
                    "out: %s.",
                    len(lost),
                    len(listed),
                    name,
                    examples_of(lost),
                )
            _warn_renumbered(self.meant, "attributes", name)

    def of(self, record: Record, threshold: float) -> dict[str, Any]:
        """Reads the attributes of a result.

        Args:
            record: With "attribute_ids", or "attribute_scores", or neither.
            threshold: Least score of the attributes of a result without "attribute_ids".

        Returns:
            {"attribute_ids": ascending}, and "attribute_scores" if there are some: `(T,)` float32
            in the order of the ground truth's attributes; 0 for those not stored.

        Raises:
            ValueError: If scores are not numbers, or as many as no list has attributes.
        """
        scores = self._scores(record) if record.has("attribute_scores") else None
        ids: list[int] = []
        if record.has("attribute_ids"):
            meant = {self.meant.get(i, i) for i in record.ids("attribute_ids")}
            ids = [i for i in meant if i is not None]
        elif scores is not None:
            ids = [self.known[i] for i in np.flatnonzero(scores >= np.float32(threshold))]
        fields: dict[str, Any] = {"attribute_ids": sorted(ids)}
        return fields if scores is None else fields | {"attribute_scores": scores}

    def _scores(self, record: Record) -> Array:
        """`(T,)` float32 in the order of the ground truth's attributes."""
        ours: dict[int, float] = {}
        for theirs, score in self._stored(record).items():
            i = self.meant.get(theirs, theirs)
            if i is not None:
                ours[i] = max(score, ours.get(i, score))
        unknown = sorted(ours.keys() - self.place_of.keys())
        if unknown:
            refuse_unknown(unknown, self.name, "attribute", len(self.known))
        known = np.zeros(len(self.known), np.float32)
        known[[self.place_of[i] for i in ours]] = np.clip(list(ours.values()), -1e30, 1e30)
        return known

    def _stored(self, record: Record) -> dict[int, float]:
        """{id of the predictions: score}."""
        scores = record.row["attribute_scores"]
        values = scores.values() if isinstance(scores, dict) else scores
        if not isinstance(scores, (dict, list, tuple)) or not all(map(is_number, values)):
            raise ValueError(
                f"{record.where} has attribute_scores that are not numbers: {preview(scores)}. "
                "Expected a list of scores, or an object {attribute id: score}."
            )
        if isinstance(scores, dict):
            stored = {}
            for key, score in scores.items():
                i = as_id(str(key))
                if i is None:
                    raise ValueError(
                        f"{record.where} has attribute_scores with the key {preview(key)}. "
                        "Expected attribute ids."
                    )
                stored[i] = score
            return stored
        if len(scores) == len(self.listed):
            return dict(zip(self.listed, scores))
        raise ValueError(
            f"{record.where} has {len(scores)} attribute_scores, but the list of attributes has "
            f"{len(self.listed)}. Expected one score for each, in its order, or an object "
            "{attribute id: score}."
        )


def _warn_renumbered(meant: Mapping[int, int | None], kind: str, name: str) -> None:
    moved = {i: known for i, known in meant.items() if known is not None and known != i}
    if moved:
        log.warning(
            "%s numbers %d %s differently from the ground truth, for example %d there, %d here. "
            "They are matched by name.",
            name,
            len(moved),
            kind,
            *next(iter(moved.items())),
        )
