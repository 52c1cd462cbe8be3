"""What decides the predictions of a model: where it differs, an interrupted command is refused."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fashion.evaluation.io.resumable import journal_differences
from fashion.formats.model_files import rescorer_in
from mrcnn.data.record_checks import preview
from mrcnn.files import digest_of

# Keys that are not named like their options.
_OPTIONS = {
    "min_score": "--conf",
    "attribute_threshold": "--attr-conf",
    "photos": "--images",
    "settings": "settings beside the weights",
}


def resume_keys(
    args: argparse.Namespace, contents: Mapping[str, Any], min_score: float
) -> dict[str, Any]:
    """Describes the model and the options that decide its predictions.

    Args:
        args: Parsed arguments of a verb with --set; of --attr-conf, --thresholds and --rescore
            those that it has.
        contents: The model, from `ChosenModel.contents`.
        min_score: Minimum confidence score of a detection.

    Returns:
        JSON-able: digests of files, and values of options. Options that were not given have no
        key: files of older versions lack them.
    """
    keys = {**contents, "min_score": min_score, "set": args.set}
    given = vars(args)
    if given.get("attr_conf") is not None:
        keys["attribute_threshold"] = args.attr_conf
    if given.get("thresholds"):
        keys["thresholds"] = digest_of(args.thresholds)
    if given.get("rescore"):
        keys["rescore"] = digest_of(rescorer_in(args.rescore))
    return keys


def check_same_keys(partial: Path, keys: Mapping[str, Any]) -> None:
    """Checks that an interrupted command was asked for the same.

    Args:
        partial: Its finished work; there may be none.
        keys: Of the command now, from `resume_keys` and more.

    Raises:
        ValueError: Something is different; names all of it.
    """
    advice = "Give the same ones to resume, another folder with --out, or --restart to start over."
    _refuse(partial, journal_differences(partial, dict(keys)), advice)


def check_keys(
    place: Path, before: Mapping[str, Any], keys: Mapping[str, Any], advice: str
) -> None:
    """Checks that what exists was made with the same arguments.

    Args:
        place: Where it is.
        before: Its keys, from `resume_keys` and more, perhaps as JSON returns them.
        keys: Of the command now.
        advice: What to do, in whole sentences.

    Raises:
        ValueError: Something is different; names all of it.
    """
    keys = json.loads(json.dumps(dict(keys)))  # as a file returns them
    different = [
        (key, before.get(key), keys.get(key))
        for key in sorted(before.keys() | keys.keys())
        if before.get(key) != keys.get(key)
    ]
    _refuse(place, different, advice)


def _refuse(place: Path, differences: Sequence[tuple[str, object, object]], advice: str) -> None:
    different = [
        f"{_OPTIONS.get(key, f'--{key}')}: {_shown(there)} there, {_shown(here)} here"
        for key, there, here in differences
    ]
    if different:
        raise ValueError(
            f"{place} was started with other arguments ({'; '.join(different)}). {advice}"
        )


def _shown(value: object) -> str:
    return "not given" if value is None else preview(value)
