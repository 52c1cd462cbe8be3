"""Data of another label list than the model's: how `evaluate` reads and scores them."""

import argparse
import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

from fashion.datasets.files import DataFiles
from fashion.evaluation.io.label_partners import (
    Partners,
    check_label_map,
    described_categories,
    partners_of,
    read_label_map,
    renamed_truth,
    scored_predictions,
    shared_truth,
)
from fashion.formats.annotation_csv import read_annotations
from fashion.formats.label_lists import listed as examples_of
from fashion.labels.ontology import Ontology

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class OtherLabels:
    """How predictions of a model are scored on data of another label list.

    Attributes:
        names: A label map.
        partners: The labels with and without a partner.
        described: Names of the categories that have attributes in both lists; None where all
            labels of the data are scored.
    """

    names: Mapping[str, str]
    partners: Partners
    described: set[str] | None

    def truth(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Prepares the ground truth.

        Args:
            content: COCO dict of the data set; not changed.

        Returns:
            A COCO dict.
        """
        renamed = renamed_truth(content, self.names)
        if self.described is None:
            return renamed
        return shared_truth(renamed, self.partners, self.described)

    def predictions(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Prepares predictions.

        Args:
            stored: COCO dict of predictions with the model's labels; not changed.

        Returns:
            A COCO dict.
        """
        return scored_predictions(stored, self.names, self.partners, self.described)


def label_map_of(args: argparse.Namespace) -> dict[str, str]:
    """Reads the file of --label-map.

    Args:
        args: Arguments of `evaluate`.

    Returns:
        New name by old name; empty without the option.
    """
    return read_label_map(args.label_map) if args.label_map else {}


def labels_beside(
    args: argparse.Namespace, model: Ontology, data: Ontology, names: Mapping[str, str]
) -> OtherLabels | None:
    """Compares the label lists of a model and of data, and prints what has no partner.

    Args:
        args: Arguments of `evaluate`.
        model: Label list of the model.
        data: Label list that the data are read with.
        names: A label map.

    Returns:
        How they are compared; None if the data are read with the model's list and without a map.
    """
    if data is model and not names:
        return None
    check_label_map(names, model, data)
    partners = partners_of(model, data, names)
    for sentence in partners.sentences(args.shared_labels):
        print(sentence)
    described = described_categories(model, data, names) if args.shared_labels else None
    return OtherLabels(names, partners, described)


def labels_of_data(
    files: DataFiles,
    split: str | None,
    ontology: Ontology,
    true_boxes: bool,
    names: Mapping[str, str] | None = None,
) -> Ontology:
    """Chooses the label list that the CSV of a data folder is read with.

    Args:
        files: Files of the data set.
        split: Value of --split.
        ontology: Label list of the model.
        true_boxes: Value of --true-boxes, which needs the model's label list.
        names: A label map; None for none.

    Returns:
        The model's list, or the folder's where that is another one. Then labels are matched by
        name, see `labels_beside`.

    Raises:
        ValueError: The lists do not fit together: no category has a partner.
    """
    own, names = files.ontology(), names or {}
    if _labels(own) <= _labels(ontology) or files.has_names and _names(own) <= _names(ontology):
        return ontology
    if files.labels is None and not files.has_names:
        # The official list is a guess: the model's comes first if the CSV can be read with it.
        csv = files.folder / split if split else files.train_csv
        if not csv.is_file() or not read_annotations(csv, ontology)[1]:
            return ontology
    if true_boxes:
        raise ValueError(
            "--true-boxes needs data of the model's own label list, and that of "
            f"{files.source()} is another one."
        )
    if not partners_of(ontology, own, names).shared["categories"]:
        count = len(ontology.category_names)
        raise ValueError(
            f"The label list of {files.source()} is not the model's and lacks {count} of its "
            f"categories: {examples_of(ontology.category_names)}. No category has a partner. Label "
            "lists are matched by name: give --label-map a file that renames them, data with these "
            "categories, or another model."
        )
    log.warning(
        "The label list of %s is not the model's: categories and attributes are matched by name.",
        files.source(),
    )
    return own


def _labels(ontology):
    """Ids and names of all categories and attributes."""
    attributes = zip(ontology.attribute_ids, ontology.attribute_names)
    categories = zip(ontology.category_ids, ontology.category_names)
    return {*categories, *(("attribute", *row) for row in attributes)}


def _names(ontology):
    """Names of all categories and attributes; annotations with names are matched by these."""
    return {
        (kind, name.strip().casefold())
        for kind, names in (
            ("category", ontology.category_names),
            ("attribute", ontology.attribute_names),
        )
        for name in names
    }
