"""How often classes and attributes occur, alone, together, and in training against validation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array

from fashion.exploration.objects import Objects
from fashion.labels.ontology import Ontology
from mrcnn.typing import Array


def class_frequencies(objects: Objects, ontology: Ontology) -> list[dict[str, Any]]:
    """Counts each class.

    Args:
        objects: Objects of a data set.
        ontology: Its label list.

    Returns:
        A dict for each class of the label list: "name", "group" (super-category), "objects",
        "photos" (images with one or more) and "share_of_photos".
    """
    counts = np.bincount(objects.class_ids - 1, minlength=objects.num_classes)
    images = _classes_in_images(objects).sum(axis=0)
    groups = ontology.category_supercategories
    return _rows(ontology.category_names, groups, counts, images, len(objects.image_ids))


def attribute_frequencies(objects: Objects, ontology: Ontology) -> list[dict[str, Any]]:
    """Counts each attribute.

    Args:
        objects: Objects of a data set.
        ontology: Its label list.

    Returns:
        A dict for each attribute, as in `class_frequencies`.
    """
    counts = np.bincount(objects.attributes, minlength=objects.num_attributes)
    images = _presence(
        objects.image[objects.labelled],
        objects.attributes,
        (len(objects.image_ids), objects.num_attributes),
    ).sum(axis=0)
    groups = ontology.attribute_supercategories
    return _rows(ontology.attribute_names, groups, counts, images, len(objects.image_ids))


def _rows(
    names: Sequence[str], groups: Sequence[str], counts: Array, images: Array, num_images: int
) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "group": group or "without a group",
            "objects": int(n),
            "photos": int(p),
            "share_of_photos": float(p / max(num_images, 1)),
        }
        for name, group, n, p in zip(names, groups, counts, images, strict=True)
    ]


def _classes_in_images(objects: Objects) -> csr_array:
    shape = len(objects.image_ids), objects.num_classes
    return _presence(objects.image, objects.class_ids - 1, shape)


def _presence(image: Array, column: Array, shape: tuple[int, int]) -> csr_array:
    """Sparse (images, columns) int64 matrix of 0 and 1, from pairs that may repeat."""
    cells = np.unique(np.asarray(image, np.int64) * shape[1] + column)
    values = np.ones(len(cells), np.int64)
    return coo_array((values, (cells // shape[1], cells % shape[1])), shape=shape).tocsr()


def num_covering(counts: Sequence[int], share: float) -> int:
    """Returns how many of the most frequent kinds cover a share of all occurrences.

    Args:
        counts: Occurrences of each kind.
        share: In (0, 1].

    Returns:
        Number of kinds; 0 without occurrences.
    """
    ordered = np.sort(np.asarray(counts))[::-1]
    if not ordered.sum():
        return 0
    # The 1e-9 is for rounding, where the share is reached exactly.
    return int(np.searchsorted(np.cumsum(ordered), share * ordered.sum() - 1e-9)) + 1


def counts_per_image(objects: Objects) -> dict[str, list[int]]:
    """Counts images by their number of objects and of different classes.

    Args:
        objects: Objects of a data set.

    Returns:
        "objects" and "classes": images with 0, 1, 2, … of them.
    """
    number = np.bincount(objects.image, minlength=len(objects.image_ids))
    different = _classes_in_images(objects).sum(axis=1)
    return {"objects": np.bincount(number).tolist(), "classes": np.bincount(different).tolist()}


def co_occurrence(objects: Objects) -> Array:
    """Counts the images that show two classes together.

    Args:
        objects: Objects of a data set.

    Returns:
        `(K, K)` int64; on the diagonal the images that show the class.
    """
    present = _classes_in_images(objects)
    # Row of classes times column of images: counts images with both.
    return (present.T @ present).toarray()


def co_occurring_pairs(
    counts: Array, num_images: int, min_expected: float
) -> list[tuple[int, int, int, float]]:
    """Orders pairs of classes by how much more often they occur together than by chance.

    Args:
        counts: `(K, K)`, from `co_occurrence`.
        num_images: All images.
        min_expected: Least number of images expected by chance; rarer pairs tell nothing.

    Returns:
        `(i, j, observed images, expected images)` with i < j. Expected is the number for two
        independent classes; the order is by (observed - expected) / sqrt(expected), descending.
    """
    single = np.diag(counts)
    expected = np.outer(single, single) / max(num_images, 1)
    i, j = np.nonzero(np.triu(expected >= min_expected, 1))
    order = np.argsort((expected[i, j] - counts[i, j]) / np.sqrt(expected[i, j]), kind="stable")
    return [
        (int(a), int(b), int(counts[a, b]), float(expected[a, b]))
        for a, b in zip(i[order], j[order])
    ]


def class_attributes(objects: Objects) -> Array:
    """Counts the objects of each class that have each attribute.

    Args:
        objects: Objects of a data set.

    Returns:
        `(K, T)` int64.
    """
    shape = objects.num_classes, objects.num_attributes
    rows = objects.class_ids[objects.labelled].astype(np.int64) - 1
    cells = rows * objects.num_attributes + objects.attributes
    return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)


def share_with_attributes(objects: Objects) -> Array:
    """Returns the share of the objects of each class that have any attribute.

    Args:
        objects: Objects of a data set.

    Returns:
        `(K,)` float64; 0 for a class without objects.
    """
    number = np.bincount(objects.class_ids - 1, minlength=objects.num_classes)
    described = objects.class_ids[np.unique(objects.labelled)] - 1
    return np.bincount(described, minlength=objects.num_classes) / np.maximum(number, 1)


def compare_splits(
    train: Objects, val: Objects | None, ontology: Ontology
) -> dict[str, Any] | None:
    """Compares how often classes and attributes occur in training and validation images.

    Images are compared, not objects: objects of one image are not independent draws.

    Args:
        train: Objects to train on.
        val: Objects to validate on, or None.
        ontology: The label list of both.

    Returns:
        "photos" and "objects": `[train, val]`; "classes" and "attributes": a dict for each with
        "name", "train" and "val" (share of the images), "difference", and "z": the difference
        in standard errors of two independent shares, None where neither has it. None without
        `val`.
    """
    if val is None:
        return None
    sizes = len(train.image_ids), len(val.image_ids)
    return {
        "photos": list(sizes),
        "objects": [len(train), len(val)],
        "classes": _compare_rows(
            class_frequencies(train, ontology), class_frequencies(val, ontology), *sizes
        ),
        "attributes": _compare_rows(
            attribute_frequencies(train, ontology), attribute_frequencies(val, ontology), *sizes
        ),
    }


def _compare_rows(
    train: list[dict[str, Any]], val: list[dict[str, Any]], num_train: int, num_val: int
) -> list[dict[str, Any]]:
    rows = []
    for a, b in zip(train, val, strict=True):
        pooled = (a["photos"] + b["photos"]) / (num_train + num_val)
        error = np.sqrt(pooled * (1 - pooled) * (1 / num_train + 1 / num_val))
        difference = b["share_of_photos"] - a["share_of_photos"]
        rows.append(
            {
                "name": a["name"],
                "train": a["share_of_photos"],
                "val": b["share_of_photos"],
                "train_photos": a["photos"],
                "val_photos": b["photos"],
                "difference": difference,
                "z": float(difference / error) if error > 0 else None,
            }
        )
    return rows
