"""Body of `study`: trains every variant with several seeds, and tabulates what they scored."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
from tqdm import tqdm

from fashion.cli.interrupts import resumable
from fashion.cli.locks import working_in
from fashion.formats.model_files import checkpoint_in
from fashion.studies.detector_tables import folder_of, results_of, screen_table, write_results
from fashion.studies.detectors import STUDIES, Study
from fashion.studies.runner import differences, note_run_arguments, run_study
from mrcnn.files import digest_of, write_text
from mrcnn.training.run_folder import RunFolder
from mrcnn.typing import Array

# Arguments that all runs of a folder have in common.
COMMON = ("study", "recipe", "data", "skip_bad", "weights", "epochs", "rate", "set")


class Verbs(NamedTuple):
    """The commands that a study calls; each takes its options as words.

    Attributes:
        train: `fashion.train.main`.
        evaluate: `fashion.evaluate.main`.
    """

    train: Callable[[Sequence[str]], RunFolder | None]
    evaluate: Callable[[Sequence[str]], Any]


def run(args: argparse.Namespace, verbs: Verbs) -> dict[str, dict[str, Array]]:
    """Does the study that the arguments name.

    Args:
        args: Result of `fashion.study.parse`.
        verbs: Train and evaluate.

    Returns:
        Result of `results_of` the output folder.

    Raises:
        ValueError: At the end, if runs have failed.
    """
    with working_in(args.out, "study", below=True), resumable():
        return compare(args, verbs)


def compare(args: argparse.Namespace, verbs: Verbs) -> dict[str, dict[str, Array]]:
    """Does what is missing of a study, then prints the table of all finished runs.

    Args:
        args: Result of `fashion.study.parse`.
        verbs: Train and evaluate.

    Returns:
        Result of `results_of` the output folder.

    Raises:
        ValueError: The folder holds another study, or runs have failed.
    """
    study = STUDIES[args.study]
    names = [name for name in study.variants if not args.only or name in args.only]
    note_start(args)
    note_variants(args.out, study, names)
    with tqdm(total=len(names) * args.seeds, unit="run", desc=args.study) as bar:

        def run_one(name, seed):
            try:
                return finished_run(args, study, name, seed, verbs)
            finally:
                bar.update()

        def write_table():
            write_results(args.out, study.title, results_of(args.out, study.variants))

        _, failures = run_study(names, args.seeds, run_one, keep_going=True, after_seed=write_table)
    results = results_of(args.out, study.variants)
    if results:
        print(screen_table(study.title, results))
        print(f"table: {args.out / 'table.csv'}; plot: {args.out / 'plot.png'}")
    if failures:
        summary = (
            f"{len(failures)} of {bar.total} runs failed, and the table is without them. The same "
            "command tries them again:"
        )
        raise ValueError("\n".join([summary, *failures]))
    return results


def note_start(args: argparse.Namespace) -> None:
    """Notes in study.json what all runs have in common, the content of --weights too.

    Args:
        args: Result of `fashion.study.parse`.

    Raises:
        ValueError: The folder holds runs with other arguments.
    """
    named = args.weights in (None, "imagenet", "none")  # not a file
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
                    f"{path.parent} holds runs of {name!r} from when it was something else "
                    f"({different}). Give another folder with --out, or remove this one to have "
                    "them done again."
                )
        if has_runs or name in names:
            notes[path] = note
    for path, note in notes.items():
        write_text(path, json.dumps(note, indent=1) + "\n")


def _note_of(study: Study, name: str) -> dict[str, Any]:
    """What variant.json says, as reading it gives it back."""
    note = {
        "layers": study.layers,
        "anew": study.exclude,
        "settings": study.variants[name],
        "words": study.options.get(name, []),
    }
    return json.loads(json.dumps(note))


def finished_run(
    args: argparse.Namespace, study: Study, name: str, seed: int, verbs: Verbs
) -> Path:
    """Trains and scores a run, unless that is done.

    Args:
        args: Result of `fashion.study.parse`.
        study: The study.
        name: Variant.
        seed: Seed of the run.
        verbs: Train and evaluate.

    Returns:
        Folder of the run.
    """
    folder = folder_of(args.out, name, seed)
    if (folder / "metrics.json").exists():
        return folder
    keras.utils.clear_session(free_memory=True)
    if list(folder.glob("*/config.json")):
        run = verbs.train(["--resume", "--out", str(folder)])
    else:
        run = verbs.train(["--out", str(folder), *training_options(args, study, name, seed)])
    assert run is not None  # neither a split nor a preview was asked for
    weights = ["--weights", str(run.last), "--out", str(folder)]
    verbs.evaluate([*weights, "--fixed", "--true-boxes", "--no-pages", *data_options(args)])
    return folder


def training_options(args: argparse.Namespace, study: Study, name: str, seed: int) -> list[str]:
    """Writes the options of `train` for a run.

    Args:
        args: Result of `fashion.study.parse`.
        study: The study.
        name: Variant.
        seed: Seed of the run.

    Returns:
        The options, without --out.
    """
    stages = [["compare", study.layers, args.epochs, args.rate]]
    settings = {"SEED": seed, "EVALUATE_EVERY": args.epochs, **study.variants[name]}
    options = ["--recipe", args.recipe, *data_options(args)]
    if args.weights:
        options += ["--weights", args.weights]
    if study.exclude:
        options += ["--exclude", study.exclude]
    options += study.options.get(name, ())
    for key, value in (settings | {"STAGES": stages}).items():
        options += ["--set", f"{key}={json.dumps(value)}"]
    for text in args.set:
        options += ["--set", text]
    return options


def data_options(args: argparse.Namespace) -> list[str]:
    """Writes the options that name the data.

    Args:
        args: Result of `fashion.study.parse`.

    Returns:
        --data and --skip-bad, as far as they were given.
    """
    return [
        *(["--data", args.data] if args.data else []),
        *(["--skip-bad"] if args.skip_bad else []),
    ]
