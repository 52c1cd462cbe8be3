"""Label counts: objects of every category and with every attribute, in each image."""

import dataclasses

import numpy as np

from fashion.datasets.imaterialist import IMaterialistDataset
from mrcnn.typing import Array


@dataclasses.dataclass(frozen=True)
class LabelCounts:
    """Counts of n images, K categories and T attributes, for splits and samplers.

    Attributes:
        names: K + T names, categories first, in the ontology's order.
        categories: `(n, K)` uint16, objects.
        attributes: `(n, T)` uint16, objects that have the attribute.
    """

    names: tuple[str, ...]
    categories: Array
    attributes: Array

    def all(self) -> Array:
        """Returns categories and attributes side by side.

        Returns:
            `(n, K + T)` uint16.
        """
        return np.concatenate([self.categories, self.attributes], axis=1)


def label_counts(dataset: IMaterialistDataset) -> LabelCounts:
    """Counts the labels of every image. No mask is decoded.

    Args:
        dataset: n images.

    Returns:
        The counts, images in the order of the dataset.
    """
    rows, ontology = dataset.annotations, dataset.ontology
    image = rows.image_of_rows()
    image_of_attribute = np.repeat(image, np.diff(rows.first_attribute))
    n = len(rows.image_ids)
    return LabelCounts(
        ontology.category_names + ontology.attribute_names,
        _histogram(image, rows.class_ids - 1, n, ontology.num_classes - 1),
        _histogram(image_of_attribute, rows.attributes, n, ontology.num_attributes),
    )


def _histogram(rows: Array, columns: Array, height: int, width: int) -> Array:
    """(height, width) uint16: how often each pair (row, column) occurs."""
    cells = rows.astype(np.int64) * width + columns
    return np.bincount(cells, minlength=height * width).reshape(height, width).astype(np.uint16)
