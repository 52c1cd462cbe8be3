"""Runner: trains the variants of a study with several seeds, and resumes where it was killed."""

import json
import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mrcnn.files import write_text
from mrcnn.json_files import read_json_object

log = logging.getLogger(__name__)

Variant = TypeVar("Variant", bound=Hashable)
Result = TypeVar("Result")


def run_study(
    variants: Sequence[Variant],
    num_seeds: int,
    run_one: Callable[[Variant, int], Result],
    *,
    keep_going: bool = False,
    after_seed: Callable[[], object] = lambda: None,
) -> tuple[dict[Variant, list[Result]], list[str]]:
    """Does every run of a study. A run that is finished is for `run_one` to recognise.

    Args:
        variants: Variants of the study.
        num_seeds: Runs of each variant. Seeds count from 1: 0 is the recipes' own, and a layer
            with new weights would start as it did when the pretrained weights were trained.
        run_one: `(variant, seed)` -> result; does one run, or what is missing of it.
        keep_going: Whether a failed run is logged instead of ending the study: the others may
            take hours, and nobody may be there to start them again.
        after_seed: Called when all variants are done for a seed.

    Returns:
        results: Results of each variant, a seed each.
        failures: A line for each failed run.
    """
    results: dict[Variant, list[Result]] = {variant: [] for variant in variants}
    failures = []
    # Seed by seed: an interrupted study has about as many seeds of each variant.
    for seed in range(1, 1 + num_seeds):
        for variant in variants:
            try:
                results[variant].append(run_one(variant, seed))
            except Exception as error:
                if not keep_going:
                    raise
                failures.append(_logged(variant, seed, error))
        after_seed()
    return results, failures


def _logged(variant: Hashable, seed: int, error: Exception) -> str:
    """Logs a failed run, an unexpected error with its traceback; returns the line."""
    first_line, *_ = str(error).strip().splitlines() or [""]
    line = f"{variant}, seed {seed}: {type(error).__name__}: {first_line}"
    is_expected = isinstance(error, (ValueError, OSError))
    log.error("failed: %s", line, exc_info=None if is_expected else error)
    return line


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
            f"{folder} holds runs with other arguments ({different}). Give another folder "
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
        f"{key} {_given(before[key])} there, {_given(value)} here"
        for key, value in now.items()
        if before.get(key, value) != value
    )


def _given(value: Any) -> str:
    return "not given" if value is None else repr(value)
