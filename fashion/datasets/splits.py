"""Splits: which images train and which are held out; the same seed always gives the same split."""

import dataclasses
import hashlib
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from fashion.datasets.files import DataFiles
from fashion.datasets.imaterialist import IMaterialistDataset, load_imaterialist
from fashion.datasets.label_counts import label_counts
from fashion.datasets.near_duplicates import near_duplicate_groups
from fashion.datasets.stratify import folds, hold_out
from fashion.formats.bad_rows import BadRows
from fashion.labels.ontology import Ontology
from mrcnn.typing import Array, PathLike

log = logging.getLogger(__name__)

KINDS = ("val.csv", "stratified", "random")

TrainAndVal: TypeAlias = tuple[IMaterialistDataset, IMaterialistDataset]


@dataclasses.dataclass(frozen=True)
class Split:
    """How images are held out.

    Attributes:
        kind: "val.csv", the images of that file; "stratified", a part of train.csv with a share of
            every category and attribute; "random", a part of train.csv chosen by the hash of each
            name, so that adding an image moves hardly any other.
        fold: (i, k), part i of k, counted from 1; None holds out the share `val_fraction`.
        val_fraction: Share of the images, between 0 and 1.
        seed: Another seed gives another split.
        near_duplicates: A stratified split keeps near-duplicates on one side.

    Raises:
        ValueError: If the values do not go together.
    """

    kind: str = "stratified"
    fold: tuple[int, int] | None = None
    val_fraction: float = 0.1
    seed: int = 0
    near_duplicates: bool = True

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"A split is one of {', '.join(KINDS)}. Got {self.kind!r}.")
        _check_fraction(self.val_fraction)
        if self.fold is not None:
            fold, number = self.fold
            object.__setattr__(self, "fold", (fold, number))  # JSON has lists
            if not 1 <= fold <= number or number < 2:
                raise ValueError(
                    "A fold is I/K, part I of K, for instance 1/5, and K at least 2. Got "
                    f"{fold}/{number}."
                )
            if self.kind == "val.csv":
                raise ValueError(
                    "Folds are made of train.csv, and val.csv is held out instead. Choose one of "
                    "them."
                )

    def to_dict(self) -> dict[str, Any]:
        """Converts to JSON; `Split(**...)` reads it.

        Returns:
            The attributes.
        """
        return dataclasses.asdict(self)

    def held_out(self, dataset: IMaterialistDataset) -> list[str]:
        """Chooses the images to hold out.

        Args:
            dataset: The images of train.csv; their order does not matter.

        Returns:
            ImageIds, sorted.

        Raises:
            ValueError: If there are too few images.
        """
        ids = [info["id"] for info in dataset.image_info]
        if self.kind == "random":
            if self.fold is None:
                return split_image_ids(ids, val_fraction=self.val_fraction, seed=self.seed)[1]
            return sorted(_shuffled(ids, self.seed)[self.fold[0] - 1 :: self.fold[1]])
        # By hash, not by place in the file: the rows of a CSV may come in another order.
        place = {name: i for i, name in enumerate(ids)}
        order = np.array([place[name] for name in _shuffled(ids, self.seed)])
        group = np.arange(len(ids))
        if self.near_duplicates:
            group = near_duplicate_groups([info["path"] for info in dataset.image_info])
            _log_groups(group)
        # What an image shows, not how often: ten shoes in one image test shoes once.
        present = label_counts(dataset).all() > 0
        if self.fold is None:
            chosen = hold_out(present, group, order, self.val_fraction)
        else:
            chosen = folds(present, group, order, self.fold[1]) == self.fold[0] - 1
        return sorted(ids[i] for i in np.flatnonzero(chosen))


def default_split(files: DataFiles) -> Split:
    """Returns the split of a training that does not ask for one.

    Args:
        files: The data folder.

    Returns:
        "val.csv" if the folder has that file, otherwise "stratified".
    """
    return Split("val.csv" if files.val_csv else "stratified")


def first_split(files: DataFiles) -> Split:
    """Returns the split of old run folders and checkpoints, which do not note any.

    Args:
        files: The data folder.

    Returns:
        "val.csv" if the folder has that file, otherwise "random".
    """
    return Split("val.csv" if files.val_csv else "random")


def split_image_ids(
    image_ids: Iterable[str], *, val_fraction: float = 0.1, seed: int = 0
) -> tuple[list[str], list[str]]:
    """Splits ids at random; adding or removing an image leaves almost all others where they are.

    Args:
        image_ids: The ids; their order does not matter.
        val_fraction: Share of the validation images, between 0 and 1.
        seed: Another seed gives another split.

    Returns:
        The training and the validation ids, sorted, disjoint, neither empty.

    Raises:
        ValueError: If there are fewer than two ids, or `val_fraction` is out of range.
    """
    _check_fraction(val_fraction)
    shuffled = _shuffled(image_ids, seed)
    if len(shuffled) < 2:
        raise ValueError(f"A split needs at least 2 images. Got {len(shuffled)}.")
    count = min(max(round(val_fraction * len(shuffled)), 1), len(shuffled) - 1)
    return sorted(shuffled[count:]), sorted(shuffled[:count])


def load_train_and_val(
    files: DataFiles,
    ontology: Ontology | None = None,
    *,
    split: Split | None = None,
    held_out: Collection[str] | None = None,
    **options: Any,
) -> TrainAndVal:
    """Loads the training and the validation images of a data folder.

    Args:
        files: The data folder.
        ontology: The labels; None reads those of the folder.
        split: How images are held out; None takes `default_split`.
        held_out: The ImageIds that an earlier run of this split chose; they are taken again.
        **options: Passed to `load_files`.

    Returns:
        The two datasets.

    Raises:
        ValueError: If rows cannot be used (those of both files are named), or there are too few
            images.
        FileNotFoundError: If the split needs a val.csv and there is none.
    """
    ontology, split = ontology or files.ontology(), split or default_split(files)
    if split.kind == "val.csv":
        train, val = _load_both(
            files.train_csv,
            _val_csv(files),
            lambda csv: load_files(files, csv, ontology, **options),
        )
        _warn_of_overlap(files, train, val)
        return train, val
    return _in_two(files, load_files(files, files.train_csv, ontology, **options), split, held_out)


def load_held_out(
    files: DataFiles,
    ontology: Ontology,
    noted: Mapping[str, Any] | None = None,
    **options: Any,
) -> IMaterialistDataset:
    """Loads the validation images of a trained model.

    Args:
        files: See `load_as_trained`.
        ontology: See `load_as_trained`.
        noted: See `load_as_trained`.
        **options: Passed to `load_files`.

    Returns:
        The validation images alone.
    """
    split, held_out, whole = _noted_split(files, ontology, noted, options)
    if whole is None or split.kind == "val.csv":
        return load_files(files, _val_csv(files), ontology, **options)
    return _in_two(files, whole, split, held_out)[1]


def load_as_trained(
    files: DataFiles,
    ontology: Ontology,
    noted: Mapping[str, Any] | None = None,
    **options: Any,
) -> TrainAndVal:
    """Loads the training and the validation images as a trained model had them.

    In a folder with none of the held-out images, that is, with other data, `default_split` is
    taken.

    Args:
        files: The data folder.
        ontology: The model's labels.
        noted: What the checkpoint notes: `Split.to_dict()` and "held_out", the ImageIds. None for
            checkpoints from before there was a choice.
        **options: Passed to `load_files`.

    Returns:
        The two datasets.
    """
    split, held_out, whole = _noted_split(files, ontology, noted, options)
    if whole is None or split.kind == "val.csv":
        return load_train_and_val(files, ontology, split=split, **options)
    return _in_two(files, whole, split, held_out)


def load_files(
    files: DataFiles, csv_path: PathLike, ontology: Ontology, **options: Any
) -> IMaterialistDataset:
    """Loads the images of one CSV of a data folder.

    Args:
        files: The data folder.
        csv_path: One of its CSVs.
        ontology: The labels.
        **options: Passed to `load_imaterialist`.

    Returns:
        The dataset.
    """
    # In 2019 a few categories that carry no attributes have some, by mistake.
    carrying = ontology.attribute_category_ids if files.year == 2019 else None
    return load_imaterialist(
        csv_path, files.images_dir, ontology, attribute_categories=carrying, **options
    )


def _in_two(
    files: DataFiles,
    whole: IMaterialistDataset,
    split: Split,
    held_out: Collection[str] | None,
) -> TrainAndVal:
    """Divides the dataset of train.csv, see `load_train_and_val`."""
    ids = [info["id"] for info in whole.image_info]
    try:
        val = set(split.held_out(whole) if held_out is None else held_out).intersection(ids)
    except ValueError as error:  # too few images
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
            f"{files.train_csv} holds {len(val)} of the photos that were held out and "
            f"{len(ids) - len(val)} others; there must be some of both. Are these the data of the "
            "training?"
        )
    if held_out is not None and len(val) < len(held_out):
        log.warning(
            "%d of the %d photos that were held out are not in %s (any more); going on without "
            "them.",
            len(held_out) - len(val),
            len(held_out),
            files.train_csv,
        )
    return whole.subset(set(ids) - val), whole.subset(val)


def _noted_split(
    files: DataFiles,
    ontology: Ontology,
    noted: Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> tuple[Split, list[str] | None, IMaterialistDataset | None]:
    """The split of a checkpoint, its held-out ImageIds if noted, and the dataset of train.csv.

    There may be no dataset if the split is "val.csv".
    """
    noted = dict(noted or first_split(files).to_dict())
    held_out, split = noted.pop("held_out", None), Split(**noted)
    if split.kind == "val.csv" and files.val_csv is None:
        held_out, split = None, default_split(files)
        log.warning(
            "The model was trained with a val.csv, and there is none in %s. Photos of %s are held "
            "out instead: if it learned from these, it has seen them.",
            files.folder,
            files.train_csv.name,
        )
    if split.kind == "val.csv":
        return split, None, None
    whole = load_files(files, files.train_csv, ontology, **options)
    if held_out is not None and set(held_out).isdisjoint(info["id"] for info in whole.image_info):
        held_out, split = None, default_split(files)
    return split, held_out, whole


def _check_fraction(val_fraction: float) -> None:
    if not 0 < val_fraction < 1:
        raise ValueError(
            f"val_fraction must lie between 0 and 1, as a share of the images. Got {val_fraction}."
        )


def _log_groups(group: Array) -> None:
    sizes = np.bincount(group)
    sizes = sizes[sizes > 1]
    if len(sizes):
        log.info(
            "%d photos are near-duplicates of each other, in %d groups of up to %d; each group is "
            "kept on one side.",
            sizes.sum(),
            len(sizes),
            sizes.max(),
        )


def _warn_of_overlap(
    files: DataFiles, train: IMaterialistDataset, val: IMaterialistDataset
) -> None:
    train_ids, val_ids = ({info["id"] for info in part.image_info} for part in (train, val))
    both = sorted(train_ids & val_ids)
    if both:
        log.warning(
            "%d photos are in %s as well as in %s, %s for one: what is trained on them looks "
            "better on them than it is.",
            len(both),
            files.train_csv,
            files.val_csv,
            both[0],
        )


def _val_csv(files: DataFiles) -> Path:
    if files.val_csv is None:
        raise FileNotFoundError(
            f"There is no val.csv in {files.folder}, from which the photos to hold out were to be "
            "taken."
        )
    return files.val_csv


def _load_both(
    train_csv: Path, val_csv: Path, load: Callable[[Path], IMaterialistDataset]
) -> TrainAndVal:
    """Loads two files; the bad rows of both are raised together."""
    loaded, errors = [], []
    for path in (train_csv, val_csv):
        try:
            loaded.append(load(path))
        except BadRows as error:
            errors.append(error)
    if len(errors) > 1:
        raise ValueError("\n".join(map(str, errors)))
    if errors:
        raise errors[0]
    train, val = loaded
    return train, val


def _shuffled(image_ids: Iterable[str], seed: int) -> list[str]:
    """Unique ids in an order that depends on them and the seed alone, not on NumPy's version."""
    return sorted(
        set(image_ids), key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest()
    )
