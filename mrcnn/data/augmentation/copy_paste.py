"""Copy-paste: objects of one picture in front of another (Ghiasi et al. 2021, without their blurred edge, which changed nothing)."""

import dataclasses

import numpy as np

# With a garment come its collar, its pockets and whatever else lies on it by this share of its own pixels.
PART_OF = 0.8


def choose_objects(scene, rng, class_weights=None):
    """Which objects of a `Sample` are pasted: ascending indices, perhaps none.

    Each is chosen with a probability of 1/2 and brings along what lies on it. class_weights: (K,) by class id, the background first; they
    are divided by their mean over the picture's objects, so that twice the mean is chosen for certain. Crowds stay where they are.
    """
    single, areas = scene.class_ids > 0, scene.masks.areas
    weights = (
        np.ones(len(single))
        if class_weights is None
        else np.asarray(class_weights)[np.abs(scene.class_ids)]
    )
    chance = 0.5 * weights / max(weights[single].mean() if single.any() else 1, 1e-12)
    chosen = np.flatnonzero(single & (rng.random(len(single)) < chance) & (areas > 0))
    if not len(chosen):
        return chosen
    left = scene.masks.without(scene.masks.keep(chosen).union()).areas
    return np.union1d(
        chosen, np.flatnonzero(single & (areas > 0) & (left <= (1 - PART_OF) * areas))
    )


def paste(scene, other, rows):
    """`scene` with the objects `rows` of the `Sample` other, of a canvas of the same size, in front of it: theirs are the last rows.

    What they cover is taken from the masks beneath. Raises ValueError if the two have other columns.
    """
    if scene.fields.keys() != other.fields.keys() or scene.image.shape != other.image.shape:
        raise ValueError(
            f"Objects can be pasted between pictures of one size with the same columns. Got {scene.image.shape} with "
            f"{sorted(scene.fields)} and {other.image.shape} with {sorted(other.fields)}."
        )
    added = other.keep(rows)
    covered = added.masks.union()
    image = np.where(covered[:, :, None], other.image, scene.image)
    fields = {
        name: np.concatenate([column, added.fields[name]]) for name, column in scene.fields.items()
    }
    return dataclasses.replace(
        scene,
        image=image,
        masks=scene.masks.without(covered).concatenate(added.masks),
        fields=fields,
        class_ids=np.concatenate([scene.class_ids, added.class_ids]),
        whole=np.append(scene.whole, added.whole),
    )
