"""Frequencies: how often each class and each attribute occurs, by objects and by photos, and which occur together."""

import numpy as np
from scipy.sparse import coo_array


def class_rows(objects, ontology):
    """A dict for each class, in the order of the label list: name, group, objects, photos, share_of_photos."""
    counts = np.bincount(objects.class_ids - 1, minlength=objects.classes)
    photos = presence(objects.image, objects.class_ids - 1, objects, objects.classes).sum(axis=0)
    return _rows(
        ontology.category_names,
        ontology.category_supercategories,
        counts,
        photos,
        len(objects.image_ids),
    )


def attribute_rows(objects, ontology):
    """The same for each attribute; objects: how many have it."""
    counts = np.bincount(objects.attributes, minlength=objects.attribute_count)
    photos = presence(
        objects.image[objects.labelled], objects.attributes, objects, objects.attribute_count
    ).sum(axis=0)
    return _rows(
        ontology.attribute_names,
        ontology.attribute_supercategories,
        counts,
        photos,
        len(objects.image_ids),
    )


def _rows(names, groups, counts, photos, all_photos):
    return [
        {
            "name": name,
            "group": group or "without a group",
            "objects": int(n),
            "photos": int(p),
            "share_of_photos": float(p / max(all_photos, 1)),
        }
        for name, group, n, p in zip(names, groups, counts, photos, strict=True)
    ]


def presence(image, column, objects, columns):
    """What is in which photo: a sparse (I, columns) matrix of 0 and 1, int64, from pairs (image, column) that may repeat."""
    cells = np.unique(np.asarray(image, np.int64) * columns + column)
    return coo_array(
        (np.ones(len(cells), np.int64), (cells // columns, cells % columns)),
        shape=(len(objects.image_ids), columns),
    ).tocsr()


def half_of(counts, share):
    """How many of the most frequent kinds make up `share` of all occurrences. counts: (n,) ints"""
    ordered = np.sort(np.asarray(counts))[::-1]
    return (
        int(np.searchsorted(np.cumsum(ordered), share * ordered.sum() - 1e-9)) + 1
        if ordered.sum()
        else 0
    )


def per_photo(objects):
    """{"objects", "classes": [number of photos with 0, 1, 2, … objects or different classes]}"""
    photos = len(objects.image_ids)
    number = np.bincount(objects.image, minlength=photos)
    different = presence(objects.image, objects.class_ids - 1, objects, objects.classes).sum(axis=1)
    return {"objects": np.bincount(number).tolist(), "classes": np.bincount(different).tolist()}


def together(objects):
    """(K, K) int64: photos that have both classes; on the diagonal those that have the class."""
    there = presence(objects.image, objects.class_ids - 1, objects, objects.classes)
    return (there.T @ there).toarray()


def pairs_of(counts, photos, least):
    """Pairs of classes, from those that seek each other most clearly to those that avoid each other.

    counts: (K, K), of `together`; photos: of all; least: photos in which chance alone would bring a pair together, fewer say nothing
    Returns: list of (i, j, photos with both, photos expected of two that do not care for each other), i < j, by how many standard errors
    (roots of the expected number) lie between the two.
    """
    single = np.diag(counts)
    expected = np.outer(single, single) / max(photos, 1)
    i, j = np.nonzero(np.triu(expected >= least, 1))
    order = np.argsort((expected[i, j] - counts[i, j]) / np.sqrt(expected[i, j]), kind="stable")
    return [
        (int(a), int(b), int(counts[a, b]), float(expected[a, b]))
        for a, b in zip(i[order], j[order])
    ]


def class_attributes(objects):
    """(K, T) int64: objects of each class that have each attribute."""
    cells = (
        objects.class_ids[objects.labelled].astype(np.int64) - 1
    ) * objects.attribute_count + objects.attributes
    return np.bincount(cells, minlength=objects.classes * objects.attribute_count).reshape(
        objects.classes, objects.attribute_count
    )


def carrying(objects):
    """(K,) share of the objects of each class that have an attribute at all; 0 where there are none."""
    number = np.bincount(objects.class_ids - 1, minlength=objects.classes)
    with_any = np.bincount(
        objects.class_ids[np.unique(objects.labelled)] - 1, minlength=objects.classes
    )
    return with_any / np.maximum(number, 1)
