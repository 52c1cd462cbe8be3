"""What decides the predictions of a model: where it differs, an interrupted command is refused."""

import argparse
from collections.abc import Mapping
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
    different = [
        f"{_OPTIONS.get(key, f'--{key}')}: {_shown(there)} there, {_shown(here)} here"
        for key, there, here in journal_differences(partial, dict(keys))
    ]
    if different:
        raise ValueError(
            f"{partial} was started with other arguments ({'; '.join(different)}). Give the same "
            "ones to resume, another folder with --out, or --restart to start over."
        )


def _shown(value: object) -> str:
    return "not given" if value is None else preview(value)
