"""Label partners: which labels of a model and of another data set mean the same.

Labels are matched by name. A label map renames labels of either list before that, so that lists
with other words, or with finer categories, can be compared.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from fashion.formats.label_lists import ids_by_name
from fashion.formats.label_lists import listed as examples_of
from fashion.labels.ontology import Ontology
from fashion.pages.text import count
from mrcnn.json_files import read_json_object
from mrcnn.setting_checks import name_meant
from mrcnn.typing import PathLike

KINDS = ("categories", "attributes")
_SINGULAR = {"categories": "category", "attributes": "attribute"}


@dataclasses.dataclass(frozen=True)
class Partners:
    """Names of the labels with and without a partner, by kind ("categories", "attributes").

    Attributes:
        shared: Labels of the data that the model has as well.
        only_model: Labels of the model that the data lack.
        only_data: Labels of the data that the model lacks.
    """

    shared: dict[str, list[str]]
    only_model: dict[str, list[str]]
    only_data: dict[str, list[str]]

    def to_dict(self) -> dict[str, Any]:
        """Converts to JSON, for metrics.json.

        Returns:
            The attributes.
        """
        return dataclasses.asdict(self)

    def sentences(self, shared_only: bool) -> list[str]:
        """Describes what is compared, and what has no partner.

        Args:
            shared_only: Whether labels of the data without a partner are left out of the scores.

        Returns:
            Sentences.
        """
        lines = []
        for kind in KINDS:
            total = len(self.shared[kind]) + len(self.only_data[kind])
            lines.append(
                f"The model has {len(self.shared[kind])} of the {total} {kind} of the data."
            )
        fate = {
            True: "left out of the ground truth and of the scores",
            False: "counted as missed (--shared-labels leaves them out)",
        }
        for kind in KINDS:
            if self.only_data[kind]:
                names = examples_of(self.only_data[kind])
                number = count(len(self.only_data[kind]), _SINGULAR[kind], kind)
                lines.append(
                    f"Without a partner in the model, {fate[shared_only]}: {number}, {names}."
                )
            if self.only_model[kind]:
                names = examples_of(self.only_model[kind])
                number = count(len(self.only_model[kind]), _SINGULAR[kind], kind)
                lines.append(
                    "Without a partner in the data, left out of the predictions that are scored: "
                    f"{number}, {names}."
                )
        return lines


def read_label_map(path: PathLike) -> dict[str, str]:
    """Reads a label map.

    Args:
        path: JSON object {name of a label: the name that it is matched by}.

    Returns:
        New name by old name.

    Raises:
        ValueError: It is not such an object.
    """
    names = read_json_object(path)
    wrong = [key for key, value in names.items() if not isinstance(value, str) or not value]
    if wrong:
        raise ValueError(
            f"{path}: the label {wrong[0]!r} must be given a name, such as "
            '{"short sleeve top": "top, t-shirt, sweatshirt"}. Got '
            f"{names[wrong[0]]!r}."
        )
    return names


def check_label_map(names: Mapping[str, str], *lists: Ontology) -> None:
    """Checks that a label map names labels that exist.

    Args:
        names: New name by old name.
        *lists: Label lists of the model and of the data.

    Raises:
        ValueError: No list has a label of the map.
    """
    known = {name for labels in lists for name in (*labels.category_names, *labels.attribute_names)}
    unknown = [name for name in names if name not in known]
    if unknown:
        meant = name_meant(unknown[0], known)
        hint = f" Did you mean {meant!r}?" if meant else ""
        raise ValueError(
            f"The label map renames {examples_of(unknown)}, which neither the model nor the data "
            f"have.{hint} Its keys are names of their categories and attributes, spelled as there."
        )


def partners_of(model: Ontology, data: Ontology, names: Mapping[str, str]) -> Partners:
    """Finds the labels that a model and a data set share.

    Args:
        model: Label list of the model.
        data: Label list of the data.
        names: A label map; empty for none.

    Returns:
        Names after the map.
    """
    parts: dict[str, dict[str, list[str]]] = {"shared": {}, "only_model": {}, "only_data": {}}
    for kind in KINDS:
        ours = with_names(model.to_coco()[kind], names)
        theirs = merged(with_names(data.to_coco()[kind], names))[0]
        found = ids_by_name(ours, theirs, "The model", _SINGULAR[kind])
        known = set(found.values())
        parts["shared"][kind] = [row["name"] for row in theirs if row["id"] in known]
        parts["only_data"][kind] = [row["name"] for row in theirs if row["id"] not in known]
        lost = dict.fromkeys(row["name"] for row in ours if found[row["id"]] is None)
        parts["only_model"][kind] = list(lost)
    return Partners(**parts)


def with_names(rows: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict]:
    """Renames labels.

    Args:
        rows: Labels, with "name".
        names: New name by old name; others stay.

    Returns:
        New rows.
    """
    return [{**row, "name": names.get(row["name"], row["name"])} for row in rows]


def merged(rows: Iterable[Mapping[str, Any]]) -> tuple[list[dict], dict[Any, Any]]:
    """Joins labels of one name.

    Args:
        rows: Labels, with "id" and "name".

    Returns:
        labels: The first of each name.
        ids: Its id, by the ids of all.
    """
    first: dict[str, Any] = {}
    labels, ids = [], {}
    for row in rows:
        if row["name"] not in first:
            first[row["name"]] = row["id"]
            labels.append(dict(row))
        ids[row["id"]] = first[row["name"]]
    return labels, ids


def renamed_truth(ground_truth: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Applies a label map to ground truth; labels that get one name become one label.

    Args:
        ground_truth: COCO dict; not changed.
        names: New name by old name.

    Returns:
        A COCO dict.
    """
    labels, ids = {}, {}
    for kind in KINDS:
        labels[kind], ids[kind] = merged(with_names(ground_truth.get(kind) or [], names))
    annotations = []
    for row in ground_truth["annotations"]:
        attributes = {ids["attributes"][i] for i in row.get("attribute_ids") or ()}
        annotations.append(
            {
                **row,
                "category_id": ids["categories"][row["category_id"]],
                "attribute_ids": sorted(attributes),
            }
        )
    return {**ground_truth, **labels, "annotations": annotations}


def shared_truth(
    ground_truth: Mapping[str, Any], partners: Partners, described: Iterable[str]
) -> dict[str, Any]:
    """Leaves out labels that the model lacks.

    Args:
        ground_truth: COCO dict; not changed.
        partners: The labels with and without a partner.
        described: From `described_categories`.

    Returns:
        A COCO dict without these categories, their objects, and these attributes. Objects of
        categories that are not `described` have no attributes.
    """
    kept = {
        kind: [row for row in ground_truth.get(kind) or () if row["name"] in partners.shared[kind]]
        for kind in KINDS
    }
    categories = {row["id"] for row in kept["categories"]}
    attributes = {row["id"] for row in kept["attributes"]}
    described = set(described)
    describes = {row["id"] for row in kept["categories"] if _same(row["name"]) in described}
    annotations = []
    for row in ground_truth["annotations"]:
        if row["category_id"] in categories:
            own = row.get("attribute_ids") or () if row["category_id"] in describes else ()
            annotations.append({**row, "attribute_ids": [i for i in own if i in attributes]})
    return {**ground_truth, **kept, "annotations": annotations}


def scored_predictions(
    stored: Mapping[str, Any],
    names: Mapping[str, str],
    partners: Partners,
    described: Iterable[str] | None = None,
) -> dict[str, Any]:
    """Prepares stored predictions of a model for the ground truth of another label list.

    Args:
        stored: COCO dict of predictions with the model's labels; not changed.
        names: A label map.
        partners: The labels with and without a partner.
        described: From `described_categories`; None keeps the attributes of all categories.

    Returns:
        A COCO dict of predictions without the categories and attributes that the data lack.
    """
    labels = {kind: with_names(stored[kind], names) for kind in KINDS}
    categories = {
        row["id"]: row["name"]
        for row in labels["categories"]
        if row["name"] not in partners.only_model["categories"]
    }
    known = set(categories) if described is None else set()
    if described is not None:
        described = set(described)
        known = {i for i, name in categories.items() if _same(name) in described}
    annotations = []
    for row in stored["annotations"]:
        if row["category_id"] in categories:
            if row["category_id"] not in known:
                row = {key: value for key, value in row.items() if key != "attribute_scores"}
                row["attribute_ids"] = []
            annotations.append(row)
    return {**stored, **labels, "annotations": annotations}


def described_categories(model: Ontology, data: Ontology, names: Mapping[str, str]) -> set[str]:
    """Finds the categories whose objects have attributes in both lists.

    Args:
        model: Label list of the model.
        data: Label list of the data.
        names: A label map.

    Returns:
        Names after the map, in lower case.
    """
    sides = []
    for labels in (model, data):
        described = set()
        for category_id, name in zip(labels.category_ids, labels.category_names, strict=True):
            if labels.carries_attributes(category_id):
                described.add(_same(names.get(name, name)))
        sides.append(described)
    return sides[0] & sides[1]


def _same(name: str) -> str:
    """What is equal for names that `ids_by_name` matches."""
    return name.strip().casefold()
