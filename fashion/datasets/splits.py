"""Splits: which photos train and which are held out, the same every time for the same seed."""

import dataclasses
import hashlib
import logging

import numpy as np

from fashion.datasets.imaterialist import load_imaterialist
from fashion.datasets.label_counts import label_counts
from fashion.datasets.near_duplicates import near_duplicate_groups
from fashion.datasets.stratify import folds, hold_out
from fashion.formats.annotation_csv import BadRows

log = logging.getLogger(__name__)

KINDS = ("val.csv", "stratified", "random")


@dataclasses.dataclass(frozen=True)
class Split:
    """How photos are held out.

    kind: "val.csv", the photos of that file; "stratified", of train.csv, so that every category and attribute has its share; "random", of
        train.csv, by the hash of the photo's name alone, so that a photo more or fewer moves hardly any other
    fold: (i, k), part i of k, from 1; None: a share `val_fraction` of the photos
    near_duplicates: a stratified split keeps them on one side, see `near_duplicates`
    """

    kind: str = "stratified"
    fold: tuple | None = None
    val_fraction: float = 0.1
    seed: int = 0
    near_duplicates: bool = True

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"A split is one of {', '.join(KINDS)}. Got {self.kind!r}.")
        if not 0 < self.val_fraction < 1:
            raise ValueError(
                f"val_fraction must lie between 0 and 1, as a share of the images. Got {self.val_fraction}."
            )
        if self.fold is not None:
            object.__setattr__(self, "fold", tuple(self.fold))
            fold, number = self.fold
            if not 1 <= fold <= number or number < 2:
                raise ValueError(
                    f"A fold is I/K, part I of K, for instance 1/5, and K at least 2. Got {fold}/{number}."
                )
            if self.kind == "val.csv":
                raise ValueError(
                    "Folds are made of train.csv, and val.csv is held out instead. Choose one of them."
                )

    def to_dict(self):
        """JSON-able; Split(**…) makes it again."""
        return dataclasses.asdict(self)

    def held_out(self, dataset):
        """ImageIds of an `IMaterialistDataset` that are held out, sorted; does not depend on the order of its photos."""
        ids = [info["id"] for info in dataset.image_info]
        if self.kind == "random":
            if self.fold is None:
                return split_image_ids(ids, val_fraction=self.val_fraction, seed=self.seed)[1]
            return sorted(_shuffled(ids, self.seed)[self.fold[0] - 1 :: self.fold[1]])
        place = {name: i for i, name in enumerate(ids)}
        order = np.array([place[name] for name in _shuffled(ids, self.seed)])
        group = (
            near_duplicate_groups([info["path"] for info in dataset.image_info])
            if self.near_duplicates
            else np.arange(len(ids))
        )
        if self.near_duplicates and len(
            twins := np.flatnonzero(np.bincount(group, minlength=len(ids)) > 1)
        ):
            number = np.bincount(group)[twins]
            log.info(
                "%d photos are near-duplicates of each other, in %d groups of up to %d; each group is kept on one side.",
                number.sum(),
                len(twins),
                number.max(),
            )
        present = label_counts(dataset).all() > 0
        if self.fold is None:
            chosen = hold_out(present, group, order, self.val_fraction)
        else:
            chosen = folds(present, group, order, self.fold[1]) == self.fold[0] - 1
        return sorted(ids[i] for i in np.flatnonzero(chosen))


def default_split(files):
    """The Split of a data folder's `DataFiles` that a training gets unless it asks for another."""
    return Split("val.csv" if files.val_csv else "stratified")


def first_split(files):
    """The Split of trainings that do not say which, since there was only this one."""
    return Split("val.csv" if files.val_csv else "random")


def split_image_ids(image_ids, *, val_fraction=0.1, seed=0):
    """Image ids -> (train, val), two sorted lists without common members.

    Does not depend on the order of `image_ids`; a few images more or fewer leave almost all others where they
    were. With two images or more, neither list is empty.
    """
    if not 0 < val_fraction < 1:
        raise ValueError(
            f"val_fraction must lie between 0 and 1, as a share of the images. Got {val_fraction}."
        )
    shuffled = _shuffled(image_ids, seed)
    if len(shuffled) < 2:
        raise ValueError(f"A split needs at least 2 images. Got {len(shuffled)}.")
    count = min(max(round(val_fraction * len(shuffled)), 1), len(shuffled) - 1)
    return sorted(shuffled[count:]), sorted(shuffled[:count])


def load_train_and_val(files, ontology=None, *, split=None, held_out=None, **options):
    """The (train, val) datasets of a data folder's `DataFiles`.

    split: a Split; None: `default_split`; held_out: the ImageIds that an earlier run of this split chose, which are chosen again
    `options` go to `load_files`. Raises ValueError with the wrong rows of both files.
    """
    ontology, split = ontology or files.ontology(), split or default_split(files)
    if split.kind == "val.csv":
        train, val = _both(
            [files.train_csv, _val_csv(files)],
            lambda csv: load_files(files, csv, ontology, **options),
        )
        _tell_overlap(files, train, val)
        return train, val
    return _in_two(files, load_files(files, files.train_csv, ontology, **options), split, held_out)


def load_held_out(files, ontology, noted=None, **options):
    """The validation photos of a data folder's `DataFiles` for a model that was trained; see `load_as_trained`."""
    split, held_out, whole = _noted_split(files, ontology, noted, options)
    if split.kind == "val.csv":
        return load_files(files, files.val_csv, ontology, **options)
    return _in_two(files, whole, split, held_out)[1]


def load_as_trained(files, ontology, noted=None, **options):
    """The (train, val) datasets of a data folder's `DataFiles` as a model that was trained had them.

    noted: what its checkpoint says, `Split.to_dict()` and "held_out", the ImageIds; None: it was trained before there was a choice.
    In a folder that holds none of these photos, and so other data, they are those of `default_split`. `options` go to `load_files`.
    """
    split, held_out, whole = _noted_split(files, ontology, noted, options)
    if split.kind == "val.csv":
        return load_train_and_val(files, ontology, split=split, **options)
    return _in_two(files, whole, split, held_out)


def load_files(files, csv_path, ontology, **options):
    """The dataset of one CSV of a data folder's `DataFiles`; `options` go to `load_imaterialist`.

    In 2019 a few categories that carry no attributes have some, by mistake; those are left out.
    """
    carrying = ontology.attribute_category_ids if files.year == 2019 else None
    return load_imaterialist(
        csv_path, files.images_dir, ontology, attribute_categories=carrying, **options
    )


def _in_two(files, whole, split, held_out):
    """The dataset of train.csv -> (train, val), see `load_train_and_val`."""
    ids = [info["id"] for info in whole.image_info]
    try:
        val = set(split.held_out(whole) if held_out is None else held_out).intersection(ids)
    except ValueError as error:  # too few photos
        bad = whole.bad_rows
        left_out = ""
        if bad:
            left_out = (
                f" Rows that were left out: {len(bad):,}, the first in line {bad[0].line}: "
                f"{bad[0].reason}."
            )
        raise ValueError(f"{files.train_csv} cannot be split. {error}{left_out}") from error
    if not 0 < len(val) < len(ids):
        raise ValueError(
            f"{files.train_csv} holds {len(val)} of the photos that were held out and {len(ids) - len(val)} others; there "
            "must be some of both. Are these the data of the training?"
        )
    if held_out is not None and len(val) < len(held_out):
        log.warning(
            "%d of the %d photos that were held out are not in %s (any more); going on without them.",
            len(held_out) - len(val),
            len(held_out),
            files.train_csv,
        )
    return whole.subset(set(ids) - val), whole.subset(val)


def _noted_split(files, ontology, noted, options):
    """(Split, its ImageIds that were held out or None, the dataset of train.csv or None for "val.csv") of what a checkpoint says."""
    noted = dict(noted or first_split(files).to_dict())
    held_out, split = noted.pop("held_out", None), Split(**noted)
    if split.kind == "val.csv" and files.val_csv is None:
        held_out, split = None, default_split(files)
        log.warning(
            "The model was trained with a val.csv, and there is none in %s. Photos of %s are held out instead: if it learned from "
            "these, it has seen them.",
            files.folder,
            files.train_csv.name,
        )
    if split.kind == "val.csv":
        return split, None, None
    whole = load_files(files, files.train_csv, ontology, **options)
    if held_out is not None and set(held_out).isdisjoint(info["id"] for info in whole.image_info):
        held_out, split = None, default_split(files)
    return split, held_out, whole


def _tell_overlap(files, train, val):
    both = sorted(
        {info["id"] for info in train.image_info} & {info["id"] for info in val.image_info}
    )
    if both:
        log.warning(
            "%d photos are in %s as well as in %s, %s for one: what is trained on them looks better on them than it is.",
            len(both),
            files.train_csv,
            files.val_csv,
            both[0],
        )


def _val_csv(files):
    if files.val_csv is None:
        raise FileNotFoundError(
            f"There is no val.csv in {files.folder}, from which the photos to hold out were to be taken."
        )
    return files.val_csv


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
    return sorted(
        set(image_ids), key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest()
    )
