"""Label counts: how many objects of every category, and with every attribute, each photo has. Splits and samplers go by them."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class LabelCounts:
    """Of n photos, K categories and T attributes."""

    names: tuple  # K + T, categories first, in the ontology's order
    categories: np.ndarray  # (n, K) uint16, objects
    attributes: np.ndarray  # (n, T) uint16, objects that have it

    def all(self):
        """(n, K + T) uint16."""
        return np.concatenate([self.categories, self.attributes], axis=1)


def label_counts(dataset):
    """The LabelCounts of an `IMaterialistDataset`, photos in its order. No mask is decoded."""
    rows, ontology = dataset.annotations, dataset.ontology
    photo = rows.image_of_rows()
    photo_of_attribute = np.repeat(photo, np.diff(rows.first_attribute))
    n = len(rows.image_ids)
    return LabelCounts(
        ontology.category_names + ontology.attribute_names,
        _histogram(photo, rows.class_ids - 1, n, ontology.num_classes - 1),
        _histogram(photo_of_attribute, rows.attributes, n, ontology.num_attributes),
    )


def _histogram(rows, columns, height, width):
    """(height, width) uint16: how often each pair (row, column) occurs."""
    cells = rows.astype(np.int64) * width + columns
    return np.bincount(cells, minlength=height * width).reshape(height, width).astype(np.uint16)
