"""Runner: trains the variants of a study with several seeds, and resumes where it was killed."""

import json
import logging
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mrcnn.files import write_text
from mrcnn.json_files import read_json_object

log = logging.getLogger(__name__)

Variant = TypeVar("Variant", bound=Hashable)


def runs_of(variants: Sequence[Variant], num_seeds: int) -> Iterator[tuple[Variant, int]]:
    """Lists the runs of a study in the order in which they are done.

    Args:
        variants: Variants of the study.
        num_seeds: Runs of each variant. Seeds count from 1.

    Yields:
        Pairs of a variant and a seed. An interrupted study has about as many seeds of each
        variant, since all variants are done for one seed before the next.
    """
    for seed in range(1, 1 + num_seeds):
        for variant in variants:
            yield variant, seed


def note_run_arguments(folder: Path, arguments: Mapping[str, Any]) -> None:
    """Writes study.json: the arguments that all runs of a folder have in common.

    Args:
        folder: Output folder of the study.
        arguments: Argument names and JSON-able values.

    Raises:
        ValueError: The runs in the folder were started with other arguments. An argument that an
            older study.json lacks counts as equal.
    """
    path = folder / "study.json"
    before = read_json_object(path) if path.exists() else arguments
    different = differences(before, arguments)
    if different:
        raise ValueError(
            f"{folder} holds runs that were begun otherwise ({different}). Give another folder "
            "with --out."
        )
    write_text(path, json.dumps(dict(arguments), indent=1) + "\n")


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Describes which values have changed.

    Args:
        before: Noted values.
        now: Values of this command.

    Returns:
        "epochs 3 there, 5 here; …", empty if nothing changed. Keys that `before` lacks are equal.
    """
    return "; ".join(
        f"{key} {before[key]!r} there, {value!r} here"
        for key, value in now.items()
        if before.get(key, value) != value
    )
