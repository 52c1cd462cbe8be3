"""Notes of a detector study: what all its runs have in common, and what each variant is."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fashion.formats.model_files import checkpoint_in
from fashion.studies.detector_tables import folder_of
from fashion.studies.runner import differences, note_run_arguments
from fashion.studies.study import Study
from mrcnn.files import digest_of, write_text

# Arguments that all runs of a folder have in common.
COMMON = (
    *("study", "recipe", "data", "skip_bad", "weights", "epochs", "rate", "set"),
    *("limit", "quick", "recipe_settings"),
)


def note_start(args: argparse.Namespace) -> None:
    """Notes in study.json what all runs have in common, the content of --weights too.

    Args:
        args: Result of `fashion.study.parse`.

    Raises:
        ValueError: The folder holds runs with other arguments.
    """
    named = args.weights in (None, "imagenet", "coco", "none")  # not a file
    weights_file = args.weights if named else digest_of(checkpoint_in(args.weights))
    arguments = {name: getattr(args, name) for name in COMMON}
    note_run_arguments(args.out, arguments | {"weights_file": weights_file})


def note_variants(out: Path, study: Study, names: Sequence[str]) -> None:
    """Notes in variant.json, beside the runs of each variant, what it is.

    Args:
        out: Folder of the study.
        study: The study.
        names: Variants that are about to have runs.

    Raises:
        ValueError: A variant has runs, and was something else when they were started.
    """
    notes = {}
    for name in study.variants:
        path = folder_of(out, name, 1).with_name("variant.json")
        note = _note_of(study, name)
        files = ("metrics.json", "*/config.json")
        has_runs = any(any(path.parent.glob(f"seed*/{file}")) for file in files)
        if has_runs and path.exists():
            before = json.loads(path.read_text(encoding="utf-8"))
            different = differences({key: before.get(key) for key in note}, note)
            if different:
                raise ValueError(
                    f"{path.parent} holds runs of {name!r} from when it had other settings "
                    f"({different}). Give another folder with --out, or remove this one to have "
                    "them done again."
                )
        if has_runs or name in names:
            notes[path] = note
    for path, note in notes.items():
        write_text(path, json.dumps(note, indent=1) + "\n")


def _note_of(study: Study, name: str) -> dict[str, Any]:
    """What variant.json says, as reading it gives it back."""
    note: dict[str, Any] = {
        "layers": study.layers,
        "anew": study.exclude,
        "settings": {**study.settings, **study.variants[name]},
        "words": study.options.get(name, []),
    }
    # Only what is given: older notes lack these keys.
    if name in study.stages:
        note["stages"] = study.stages[name]
    if name in study.photos:
        note["photos"] = study.photos[name]
    return json.loads(json.dumps(note))
