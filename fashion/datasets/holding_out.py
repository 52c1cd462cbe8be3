"""Holding out: the validation images of a run, from its options, its folder and its checkpoints."""

import argparse
from collections.abc import Mapping
from typing import Any

from fashion.datasets.files import DataFiles
from fashion.datasets.imaterialist import IMaterialistDataset
from fashion.datasets.splits import Split, default_split, first_split
from mrcnn.data.record_checks import Record
from mrcnn.training.run_folder import RunFolder
from mrcnn.typing import PathLike

# What errors call a kind of split.
_KINDS = {
    "val.csv": "made by the validation data that the data set has",
    "random": "random",
    "stratified": "stratified",
}
# The options of a split.
_OPTIONS = {
    "kind": "--split",
    "fold": "--fold",
    "near_duplicates": "--near-duplicates",
    "val_fraction": "--val-fraction",
    "test_fraction": "--test-fraction",
}


def agreed_split(
    run_arguments: Mapping[str, Any], args: argparse.Namespace, files: DataFiles
) -> Split:
    """Decides on the split of a run.

    Args:
        run_arguments: Content of the config.json of a run to resume.
        args: Parsed options, with `resume`, `split`, `fold` and `near_duplicates`.
        files: The data folder.

    Returns:
        The split that a resumed run notes, otherwise the one that the options ask for.

    Raises:
        ValueError: If the run was started with another split than the options ask for.
    """
    asked = {
        "kind": args.split,
        "fold": args.fold,
        "near_duplicates": args.near_duplicates,
        "val_fraction": getattr(args, "val_fraction", None),
        "test_fraction": getattr(args, "test_fraction", None),
    }
    asked = {name: value for name, value in asked.items() if value is not None}
    if not args.resume:
        return _new_split(args, asked, files)
    noted = run_arguments.get("split")
    started = Split(**noted) if noted is not None else first_split(files)
    different = [
        f"{_OPTIONS[name]}: {_in_words(getattr(started, name))} there, {_in_words(value)} here"
        for name, value in asked.items()
        if value != getattr(started, name)
    ]
    if different:
        raise ValueError(
            f"The run was started with another split ({'; '.join(different)}). Leave --split, "
            "--fold and --near-duplicates out, or leave --resume out to start again."
        )
    return started


def _in_words(value: Any) -> str:
    """A value as its option takes it."""
    if isinstance(value, tuple):
        return "/".join(map(str, value))
    return {None: "none", True: "yes", False: "no"}.get(value, str(value))


def _new_split(args: argparse.Namespace, asked: dict[str, Any], files: DataFiles) -> Split:
    """The split that the options of a new run ask for."""
    start = {"kind": "stratified"} if args.split or args.fold else default_split(files).to_dict()
    split = Split(**start | asked)
    if args.near_duplicates is not None and split.kind != "stratified":
        raise ValueError(
            "Near-duplicates are looked for in a stratified split only, and this one is "
            f"{_KINDS[split.kind]}. Add --split stratified, or leave --near-duplicates and "
            "--no-near-duplicates out."
        )
    if split.kind == "val.csv" and "val_fraction" in asked:
        raise ValueError(
            f"{files.source()} has validation data of its own, so --val-fraction would change "
            "nothing. Leave it out, or add --split stratified."
        )
    return split


def held_out_by(run: RunFolder | None) -> list[str] | None:
    """Returns the images that a run to resume holds out.

    Args:
        run: Its folder.

    Returns:
        ImageIds from its last checkpoint; None if there is none, or it does not note them.
    """
    if run is None or not run.last.exists():
        return None
    return (noted_split(run.last) or {}).get("held_out")


def noted_split(
    checkpoint: PathLike, metadata: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Reads what a checkpoint notes about the split of its training.

    Args:
        checkpoint: A .h5 file.
        metadata: Its `read_metadata`, if it was read already.

    Returns:
        The result of `note_of`, for `splits.load_as_trained`; None if there is no note.

    Raises:
        ValueError: If the note is malformed. Names the file and what is wrong.
    """
    if metadata is None:
        # Not at the top: exported models are used where h5py is not installed.
        from mrcnn.weights.h5_files import read_metadata

        metadata = read_metadata(checkpoint)
    noted = metadata.get("split")
    if noted is None:
        return None
    try:
        _check_note(noted)
    except ValueError as error:
        raise ValueError(
            f"{checkpoint} is damaged: {str(error).rstrip('.')}. Download it again, or take "
            "another checkpoint of the run."
        ) from error
    return noted


def _check_note(noted: dict[str, Any]) -> None:
    record = Record(noted, "", "split", 0, "what it notes about the photos that were held out")
    lists = ("held_out", "test")
    unknown = sorted(noted.keys() - Split.__dataclass_fields__.keys() - set(lists))
    if unknown:
        record.refuse(unknown[0], "no such field")
    for key in lists:
        names = noted.get(key)
        if names is not None and not (
            isinstance(names, list) and all(isinstance(name, str) for name in names)
        ):
            record.refuse(key, "a list of ImageIds, or null")
    if "kind" in noted:
        record.text("kind")
    for key in ("val_fraction", "test_fraction"):
        if key in noted:
            record.number(key)
    if "seed" in noted:
        record.integer("seed")
    if record.has("fold") and len(record.ids("fold")) != 2:
        record.refuse("fold", "two whole numbers, or null")
    Split(**{key: value for key, value in noted.items() if key not in lists})


def note_of(split: Split, validation: IMaterialistDataset) -> dict[str, Any]:
    """Describes a split for a checkpoint, so that the same images are held out again.

    Args:
        split: The split.
        validation: The images that it holds out.

    Returns:
        JSON: `Split.to_dict()`; "held_out", the ImageIds, None for those of val.csv; and "test",
        the ImageIds that neither train nor validate, if there are some.
    """
    ids = None if split.kind == "val.csv" else [info["id"] for info in validation.image_info]
    test = {"test": validation.kept_for_test} if validation.kept_for_test else {}
    return split.to_dict() | {"held_out": ids} | test
