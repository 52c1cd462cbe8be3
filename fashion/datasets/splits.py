"""Splits: which images train and which are held out, the same every time for the same seed."""
import hashlib

from fashion.datasets.annotation_csv import BadRows
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


def load_train_and_val(files, ontology=None, *, val_fraction=0.1, seed=0, **options):
    """The (train, val) datasets of a data folder's `DataFiles`: by val.csv, or by splitting train.csv.

    `options` go to `load_files`. Raises ValueError with the wrong rows of both files.
    """
    ontology = ontology or files.ontology()
    if files.val_csv:
        return _both([files.train_csv, files.val_csv], lambda csv: load_files(files, csv, ontology, **options))
    train = load_files(files, files.train_csv, ontology, **options)
    ids = split_image_ids([info["id"] for info in train.image_info], val_fraction=val_fraction, seed=seed)
    return tuple(train.subset(part) for part in ids)


def load_files(files, csv_path, ontology, **options):
    """The dataset of one CSV of a data folder's `DataFiles`; `options` go to `load_imaterialist`.

    In 2019 a few categories that carry no attributes have some, by mistake; those are left out.
    """
    carrying = ontology.attribute_category_ids if files.year == 2019 else None
    return load_imaterialist(csv_path, files.images_dir, ontology, attribute_categories=carrying, **options)


def _both(paths, load):
    loaded, errors = [], []
    for path in paths:
        try:
            loaded.append(load(path))
        except BadRows as error:
            errors.append(error)
    if len(errors) > 1:
        raise ValueError("\n".join(map(str, errors)))
    if errors:
        raise errors[0]
    return tuple(loaded)


def _shuffled(image_ids, seed):
    """Unique ids in an order that depends on the ids and the seed only, not even on NumPy's version."""
    return sorted(set(image_ids), key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
