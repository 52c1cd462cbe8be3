"""Holding out: which photos a training validates on, as its options ask, as its run folder notes it, and as its checkpoints tell others."""

import argparse
import re

from fashion.datasets.splits import Split, default_split, first_split
from mrcnn.data.record_checks import Record
from mrcnn.weights.layer_files import read_metadata


def add_split_arguments(parser):
    """--split, --fold, --near-duplicates and --show-split."""
    parser.add_argument(
        "--split",
        choices=["stratified", "random"],
        help="how photos of train.csv are held out; default: stratified, or those of val.csv where there is one",
    )
    parser.add_argument(
        "--fold",
        type=_fold,
        metavar="I/K",
        help="hold out part I of K of train.csv, from 1/K to K/K",
    )
    parser.add_argument(
        "--near-duplicates",
        action=argparse.BooleanOptionalAction,
        help="a stratified split keeps photos that look alike on one side (default). All photos are read for it once, "
        "which takes some minutes for 45,000",
    )
    parser.add_argument(
        "--show-split",
        action="store_true",
        help="print what is held out of each category and attribute, and stop",
    )


def agreed_split(order, args, files):
    """The Split of a run: what its `order` notes where it goes on, else what the arguments ask.

    Raises ValueError if the run was begun with another split than is asked for.
    """
    asked = {"kind": args.split, "fold": args.fold, "near_duplicates": args.near_duplicates}
    asked = {name: value for name, value in asked.items() if value is not None}
    if not args.resume:
        start = (
            {"kind": "stratified"} if args.split or args.fold else default_split(files).to_dict()
        )
        split = Split(**start | asked)
        if args.near_duplicates is not None and split.kind != "stratified":
            raise ValueError(
                f"Photos that look alike are looked for in a stratified split, and this one is {split.kind!r}. Add --split "
                "stratified, or leave --near-duplicates and --no-near-duplicates out."
            )
        return split
    begun = Split(**order["split"]) if "split" in order else first_split(files)
    different = [
        f"{name} {getattr(begun, name)!r} there, {value!r} here"
        for name, value in asked.items()
        if value != getattr(begun, name)
    ]
    if different:
        raise ValueError(
            f"The run was begun with another split ({'; '.join(different)}). Leave --split, --fold and --near-duplicates out, "
            "or leave --resume out to start anew."
        )
    return begun


def held_out_by(run):
    """The ImageIds that a run to be resumed holds out, as its checkpoint notes them; None: there is no such note yet."""
    if run is None or not run.last.exists():
        return None
    return (noted_split(run.last) or {}).get("held_out")


def noted_split(checkpoint, metadata=None):
    """What a checkpoint says about the split of its training.

    Args:
        checkpoint: A .h5 file.
        metadata: Its `read_metadata`, if it was read already.

    Returns:
        What `note_of` made, for `fashion.datasets.splits.load_as_trained`; None: it says nothing.

    Raises:
        ValueError: The note makes no sense. The message names the file and what is wrong.
    """
    noted = (read_metadata(checkpoint) if metadata is None else metadata).get("split")
    if noted is None:
        return None
    try:
        _check_note(noted)
    except ValueError as error:
        raise ValueError(
            f"{checkpoint} is damaged: {str(error).rstrip('.')}. Fetch it again, or take another "
            "checkpoint of the run."
        ) from error
    return noted


def _check_note(noted):
    entry = Record(noted, "", "split", 0, "what it notes about the photos that were held out")
    unknown = sorted(noted.keys() - Split.__dataclass_fields__.keys() - {"held_out"})
    if unknown:
        entry.refuse(unknown[0], "no such field")
    names = noted.get("held_out")
    if names is not None and not (
        isinstance(names, list) and all(isinstance(name, str) for name in names)
    ):
        entry.refuse("held_out", "a list of ImageIds, or null")
    if "kind" in noted:
        entry.text("kind")
    if "val_fraction" in noted:
        entry.number("val_fraction")
    if "seed" in noted:
        entry.integer("seed")
    if entry.has("fold") and len(entry.ids("fold")) != 2:
        entry.refuse("fold", "two whole numbers, or null")
    Split(**{key: value for key, value in noted.items() if key != "held_out"})


def note_of(split, validation):
    """What a checkpoint says about a split, so that the same photos are found with it: JSON-able."""
    ids = None if split.kind == "val.csv" else [info["id"] for info in validation.image_info]
    return split.to_dict() | {"held_out": ids}


def _fold(text):
    """ "2/5" -> (2, 5)."""
    if not re.fullmatch(r"\d+/\d+", text):
        raise argparse.ArgumentTypeError(f"a fold is I/K, for instance 1/5; got {text!r}")
    return tuple(map(int, text.split("/")))
