"""Copy-paste augmentation: pastes objects of one image in front of another.

Ghiasi et al. 2021, "Simple Copy-Paste", without the blurred edges, which made no difference there.
"""

import dataclasses

import numpy as np

from mrcnn.data.sample import Sample
from mrcnn.typing import Array

# An object comes along with a chosen one that covers at least this share of it: the parts of a
# thing are often annotated as objects of their own.
PART_OF = 0.8


def choose_objects(
    sample: Sample, rng: np.random.Generator, class_weights: Array | None = None
) -> Array:
    """Chooses objects to paste, each with probability 1/2, together with their parts.

    Args:
        sample: Image and objects. Crowds are never chosen.
        rng: Source of randomness.
        class_weights: `(K,)` by class id, background first. Divided by their mean over the image's
            objects, so an object of twice the mean is always chosen. None: all alike.

    Returns:
        `(n,)` int, ascending indices; may be empty.
    """
    single, areas = sample.class_ids > 0, sample.masks.areas
    weights = np.ones(len(single))
    if class_weights is not None:
        weights = np.asarray(class_weights)[np.abs(sample.class_ids)]
    chance = 0.5 * weights / max(weights[single].mean() if single.any() else 1, 1e-12)
    chosen = np.flatnonzero(single & (rng.random(len(single)) < chance) & (areas > 0))
    return with_parts(sample, chosen)


def with_parts(sample: Sample, chosen: Array) -> Array:
    """Adds the objects that are parts of chosen ones, such as a collar that has its own mask.

    Args:
        sample: Image and objects.
        chosen: `(n,)` int, indices of objects.

    Returns:
        `(m,)` int, ascending. Crowds are never added.
    """
    if not len(chosen):
        return chosen
    single, areas = sample.class_ids > 0, sample.masks.areas
    left = sample.masks.without(sample.masks.keep(chosen).union()).areas
    parts = np.flatnonzero(single & (areas > 0) & (left <= (1 - PART_OF) * areas))
    return np.union1d(chosen, parts)


def paste_objects(sample: Sample, other: Sample, rows: Array) -> Sample:
    """Pastes objects of another sample in front of this one.

    Args:
        sample: The background.
        other: The source, on a canvas of the same size.
        rows: `(n,)` int, which objects of `other`.

    Returns:
        The image with the pasted objects, which are its last rows. What they cover is removed from
        the other masks.

    Raises:
        ValueError: If the two differ in canvas size or columns.
    """
    if sample.fields.keys() != other.fields.keys() or sample.image.shape != other.image.shape:
        raise ValueError(
            "Objects can be pasted between pictures of one size with the same columns. Got "
            f"{sample.image.shape} with {sorted(sample.fields)} and {other.image.shape} with "
            f"{sorted(other.fields)}."
        )
    added = other.keep(rows)
    covered = added.masks.union()
    fields = {
        name: np.concatenate([column, added.fields[name]]) for name, column in sample.fields.items()
    }
    return dataclasses.replace(
        sample,
        image=np.where(covered[:, :, None], other.image, sample.image),
        masks=sample.masks.without(covered).concatenate(added.masks),
        fields=fields,
        class_ids=np.concatenate([sample.class_ids, added.class_ids]),
        full_areas=np.append(sample.full_areas, added.full_areas),
    )
