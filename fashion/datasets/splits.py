"""Splits: which images train and which are held out, the same every time for the same seed."""
import hashlib

from fashion.datasets.imaterialist import load_imaterialist


def split_image_ids(image_ids, *, val_fraction=0.1, seed=0):
    """Image ids -> (train, val), two sorted lists without common members.

    Does not depend on the order of `image_ids`; a few images more or fewer leave almost all others where they
    were. With two images or more, neither list is empty.
    """
    if not 0 < val_fraction < 1:
        raise ValueError(f"val_fraction must lie between 0 and 1, as a share of the images. Got "
                         f"{val_fraction}.")
    shuffled = _shuffled(image_ids, seed)
    if len(shuffled) < 2:
        raise ValueError(f"A split needs at least 2 images. Got {len(shuffled)}.")
    count = min(max(round(val_fraction * len(shuffled)), 1), len(shuffled) - 1)
    return sorted(shuffled[count:]), sorted(shuffled[:count])


def fold_image_ids(image_ids, *, folds=5, fold=0, seed=0):
    """(train, val) of one of `folds` folds: every image is in `val` of exactly one fold."""
    if not 0 <= fold < folds:
        raise ValueError(f"fold must be one of 0..{folds - 1}. Got {fold}.")
    shuffled = _shuffled(image_ids, seed)
    val = shuffled[fold::folds]
    return sorted(set(shuffled).difference(val)), sorted(val)


def load_train_and_val(files, ontology=None, *, val_fraction=0.1, seed=0, **options):
    """The (train, val) datasets of a data folder's `DataFiles`: by val.csv, or by splitting train.csv.

    `options` go to `load_imaterialist`.
    """
    ontology = ontology or files.ontology()
    train = load_imaterialist(files.train_csv, files.images_dir, ontology, **options)
    if files.val_csv:
        return train, load_imaterialist(files.val_csv, files.images_dir, ontology, **options)
    ids = split_image_ids([info["id"] for info in train.image_info], val_fraction=val_fraction, seed=seed)
    return tuple(train.subset(part) for part in ids)


def _shuffled(image_ids, seed):
    """Unique ids in an order that depends on the ids and the seed only, not even on NumPy's version."""
    return sorted(set(image_ids), key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
