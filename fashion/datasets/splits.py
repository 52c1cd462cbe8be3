"""Splits: which images train and which are held out; the same seed always gives the same split."""

import dataclasses
import hashlib
import logging
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from fashion.datasets.annotated import load_part
from fashion.datasets.files import DataFiles, year_of
from fashion.datasets.imaterialist import IMaterialistDataset, load_imaterialist
from fashion.datasets.label_counts import label_counts
from fashion.datasets.near_duplicates import near_duplicate_groups
from fashion.datasets.readers.base import Part
from fashion.datasets.split_rules import check_fold, check_fractions
from fashion.datasets.stratify import folds, hold_out
from fashion.formats.bad_rows import load_together
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
        test_fraction: Share of the images of `train` that neither trains nor validates; 0 for none.

    Raises:
        ValueError: If the values do not go together.
    """

    kind: str = "stratified"
    fold: tuple[int, int] | None = None
    val_fraction: float = 0.1
    seed: int = 0
    near_duplicates: bool = True
    test_fraction: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"A split is one of {', '.join(KINDS)}. Got {self.kind!r}.")
        check_fractions(self.val_fraction, self.test_fraction)
        if self.fold is not None:
            fold, number = self.fold
            object.__setattr__(self, "fold", (fold, number))  # JSON has lists
            check_fold(fold, number)
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
        # A share of all images, of which those of the test are gone.
        return self._chosen(dataset, self.val_fraction / (1 - self.test_fraction), self.fold)

    def kept_for_test(self, dataset: IMaterialistDataset) -> list[str]:
        """Chooses the images that neither train nor validate.

        Args:
            dataset: The images of train.csv; their order does not matter.

        Returns:
            ImageIds, sorted; none if `test_fraction` is 0.

        Raises:
            ValueError: If there are too few images.
        """
        if not self.test_fraction:
            return []
        return self._chosen(dataset, self.test_fraction, None, "test")

    def _chosen(
        self,
        dataset: IMaterialistDataset,
        fraction: float,
        fold: tuple[int, int] | None,
        purpose: str = "",
    ) -> list[str]:
        ids, seed = [info["id"] for info in dataset.image_info], f"{self.seed}{purpose}"
        if self.kind == "random" or purpose and self.kind == "val.csv":
            if fold is None:
                return split_image_ids(ids, val_fraction=fraction, seed=seed)[1]
            return sorted(shuffled(ids, seed)[fold[0] - 1 :: fold[1]])
        place = {name: i for i, name in enumerate(ids)}
        order = np.array([place[name] for name in shuffled(ids, seed)])
        group = np.arange(len(ids))
        if self.near_duplicates:
            group = near_duplicate_groups([info["path"] for info in dataset.image_info])
            _log_groups(group)
        present = label_counts(dataset).all() > 0
        if fold is None:
            chosen = hold_out(present, group, order, fraction)
        else:
            chosen = folds(present, group, order, fold[1]) == fold[0] - 1
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
    image_ids: Iterable[str], *, val_fraction: float = 0.1, seed: int | str = 0
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
    check_fractions(val_fraction)
    order = shuffled(image_ids, seed)
    if len(order) < 2:
        raise ValueError(f"A split needs at least 2 images. Got {len(order)}.")
    count = min(max(round(val_fraction * len(order)), 1), len(order) - 1)
    return sorted(order[count:]), sorted(order[:count])


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
        train, val = load_together(
            [files.train, _val_part(files)],
            lambda part: load_files(files, part, ontology, **options),
        )
        _warn_of_overlap(files, train, val)
        train, val.kept_for_test = _without_test(files, train, split)
        return train, val
    return _in_two(files, load_files(files, files.train, ontology, **options), split, held_out)


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
    split, held_out, whole, test = _noted_split(files, ontology, noted, options)
    if whole is None or split.kind == "val.csv":
        return load_files(files, _val_part(files), ontology, **options)
    return _in_two(files, whole, split, held_out, test)[1]


def load_test(
    files: DataFiles,
    ontology: Ontology,
    noted: Mapping[str, Any] | None = None,
    **options: Any,
) -> IMaterialistDataset:
    """Loads the images that neither trained nor validated a model.

    Args:
        files: See `load_as_trained`.
        ontology: See `load_as_trained`.
        noted: See `load_as_trained`.
        **options: Passed to `load_files`.

    Returns:
        The test part of the data set if it has one, otherwise the images of the training data that
        the model's split kept for the test.

    Raises:
        ValueError: If there are none.
    """
    if files.test is not None:
        return load_files(files, files.test, ontology, **options)
    test = (noted or {}).get("test")
    if not test:
        raise ValueError(
            f"{files.source()} has no test images of its own, and the training kept none of its "
            "images for a test. Train with --test-fraction, for instance 0.1, or name the "
            "annotations: --data FILE."
        )
    whole = load_files(files, files.train, ontology, **options)
    there = set(test).intersection(info["id"] for info in whole.image_info)
    if not there:
        raise ValueError(
            f"None of the {len(test)} images that the training kept for a test is in "
            f"{files.train}. Are these the data of the training?"
        )
    return whole.subset(there)


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
    split, held_out, whole, test = _noted_split(files, ontology, noted, options)
    if whole is None or split.kind == "val.csv":
        return load_train_and_val(files, ontology, split=split, **options)
    return _in_two(files, whole, split, held_out, test)


def load_files(
    files: DataFiles, part: PathLike | Part, ontology: Ontology, **options: Any
) -> IMaterialistDataset:
    """Loads the images of one part of a data set.

    Args:
        files: The data set.
        part: One of its parts, or one of its CSVs.
        ontology: The labels.
        **options: Passed to `load_imaterialist` or `load_part`.

    Returns:
        The dataset.
    """
    if not isinstance(part, Part):
        known = {known.annotations: known for known in reversed(files.parts)}
        part = known.get(Path(part)) or Part("kaggle", Path(part), (files.images_dir,))
    if part.reader != "kaggle":
        return load_part(part, ontology, **options)
    # In 2019 a few categories that carry no attributes have some, by mistake.
    year = files.year if part.annotations == files.train_csv else year_of(part.annotations)
    carrying = ontology.attribute_category_ids if year == 2019 else None
    return load_imaterialist(
        part.annotations, part.images, ontology, attribute_categories=carrying, **options
    )


def _in_two(
    files: DataFiles,
    whole: IMaterialistDataset,
    split: Split,
    held_out: Collection[str] | None,
    test: Collection[str] | None = None,
) -> TrainAndVal:
    """Divides the dataset of train.csv, see `load_train_and_val`."""
    whole, kept = _without_test(files, whole, split, test)
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
    train, validation = whole.subset(set(ids) - val), whole.subset(val)
    validation.kept_for_test = kept
    return train, validation


def _without_test(
    files: DataFiles,
    whole: IMaterialistDataset,
    split: Split,
    test: Collection[str] | None = None,
) -> tuple[IMaterialistDataset, list[str]]:
    """The images that are not kept for the test, and the names of those that are."""
    try:
        kept = split.kept_for_test(whole) if test is None else list(test)
    except ValueError as error:
        raise ValueError(f"{files.train} cannot be split. {error}") from error
    if not kept:
        return whole, []
    ids = {info["id"] for info in whole.image_info}
    return whole.subset(ids.difference(kept)), kept


def _noted_split(
    files: DataFiles,
    ontology: Ontology,
    noted: Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> tuple[Split, list[str] | None, IMaterialistDataset | None, list[str] | None]:
    """The split of a checkpoint, its held-out ImageIds, the dataset of train.csv, and the test.

    ImageIds are None if they are not noted. There may be no dataset if the split is "val.csv".
    """
    noted = dict(noted or first_split(files).to_dict())
    held_out, test = noted.pop("held_out", None), noted.pop("test", None)
    split = Split(**noted)
    if split.kind == "val.csv" and files.val_csv is None:
        held_out, split = None, default_split(files)
        log.warning(
            "The model was trained with a val.csv, and there is none in %s. Photos of %s are held "
            "out instead: if it learned from these, it has seen them.",
            files.folder,
            files.train_csv.name,
        )
    if split.kind == "val.csv":
        return split, None, None, test
    whole = load_files(files, files.train, ontology, **options)
    if held_out is not None and set(held_out).isdisjoint(info["id"] for info in whole.image_info):
        held_out, test, split = None, None, default_split(files)
    return split, held_out, whole, test


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


def _val_part(files: DataFiles) -> Part:
    if files.val is None:
        raise FileNotFoundError(
            f"There is no val.csv in {files.folder}, from which the photos to hold out were to be "
            "taken."
        )
    return files.val


def shuffled(image_ids: Iterable[str], seed: int | str) -> list[str]:
    """Shuffles ids in an order that depends on them and the seed alone, not on NumPy's version.

    Args:
        image_ids: In any order.
        seed: Another seed gives another order.

    Returns:
        Each id once.
    """
    return sorted(
        set(image_ids), key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest()
    )
