"""Body of `study`: trains every variant with several seeds, and tabulates what they scored."""

import argparse
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
from tqdm import tqdm

from fashion.cli.data import open_files
from fashion.cli.interrupts import resumable
from fashion.cli.locks import working_in
from fashion.config import RECIPES
from fashion.datasets.splits import load_train_and_val
from fashion.formats.model_files import checkpoint_in
from fashion.pages.text import count
from fashion.studies.detector_page import conclusions, write_page
from fashion.studies.detector_tables import (
    folder_of,
    measured,
    results_of,
    screen_table,
    write_results,
)
from fashion.studies.factors import effect_rows
from fashion.studies.runner import differences, note_run_arguments, run_study
from fashion.studies.study import Study
from fashion.studies.torchvision_network import import_torch
from mrcnn.drawing.tables import text_table
from mrcnn.files import digest_of, write_text
from mrcnn.packages import PackageMissing
from mrcnn.training.run_folder import RunFolder
from mrcnn.typing import Array

log = logging.getLogger(__name__)

# Arguments that all runs of a folder have in common.
COMMON = (
    *("study", "recipe", "data", "skip_bad", "weights", "epochs", "rate", "set"),
    *("limit", "quick"),
)
# What --quick changes in the recipe "smoke", beside images, epochs and seeds.
QUICK_SETTINGS = {
    "IMAGE_MIN_DIM": 64,
    "IMAGE_MAX_DIM": 128,
    "TOP_DOWN_PYRAMID_SIZE": 16,
    "RPN_CHANNELS": 16,
    "MASK_CHANNELS": 8,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 64,
    "ATTRIBUTE_HIDDEN": 64,
    "PRE_NMS_LIMIT": 100,
    "POST_NMS_ROIS_TRAINING": 60,
    "POST_NMS_ROIS_INFERENCE": 40,
    "DETECTION_MAX_INSTANCES": 20,
    "WARMUP_STEPS": 2,
    "EVALUATE_IMAGES": 4,
    "VALIDATION_STEPS": 1,
}
QUICK_VALIDATION = 8  # images that --quick evaluates
QUICK_STEPS = 4  # batches of an epoch, where sizes are compared


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
        ValueError: The folder holds another study, the data have too few images, or runs have
            failed.
    """
    study = args.definition
    names = chosen_variants(args, study)
    fit_to_data(args, study, names)
    note_start(args)
    note_variants(args.out, study, names)
    with tqdm(total=len(names) * args.seeds, unit="run", desc=args.study) as bar:

        def run_one(name, seed):
            try:
                return finished_run(args, study, name, seed, verbs)
            finally:
                bar.update()

        def write_table():
            write_results(args.out, study, scores_in(args.out, study))

        _, failures = run_study(names, args.seeds, run_one, keep_going=True, after_seed=write_table)
    results = scores_in(args.out, study)
    if results:
        report(args, study, results)
    if failures:
        summary = (
            f"{len(failures)} of {bar.total} runs failed, and the table is without them. The same "
            "command tries them again:"
        )
        raise ValueError("\n".join([summary, *failures]))
    return results


def scores_in(out: Path, study: Study) -> dict[str, dict[str, Array]]:
    """Reads the scores of a study.

    Args:
        out: Its folder.
        study: The study.

    Returns:
        Result of `results_of`.
    """
    return results_of(out, study.variants, study.trainers)


def report(args: argparse.Namespace, study: Study, results: dict[str, dict[str, Array]]) -> None:
    """Prints the table and what is beyond the seeds, and writes the page.

    Args:
        args: Result of `fashion.study.parse`.
        study: The study.
        results: Result of `scores_in`, not empty.
    """
    print(screen_table(study, results))
    if study.factors:
        shown = measured(results, study.judged)
        print(f"\n{text_table(effect_rows(results, study.factors, shown))}")
    print()
    print("\n".join(conclusions(study, results)))
    print(f"table: {args.out / 'table.csv'}; plot: {args.out / 'plot.png'}")
    print(f"page: {write_page(args.out, study, results, about(args))}")


def about(args: argparse.Namespace) -> list[tuple[str, str]]:
    """Describes data and settings, for the head of the page.

    Args:
        args: Result of `fashion.study.parse`.

    Returns:
        Rows: what, and its value.
    """
    recipe = f"{args.recipe}, {count(args.epochs, 'epoch')}"
    rows = [("Data", args.data or "the built-in drawings"), ("Recipe", recipe)]
    if args.limit:
        rows.append(("Training photos", f"{args.limit:,}"))
    rows.append(("Start", args.weights or "the weights of the recipe"))
    if args.set:
        rows.append(("Settings", ", ".join(args.set)))
    if args.quick:
        rows.append(("Scores", "of --quick, which shows that everything runs: they mean nothing"))
    return rows


def chosen_variants(args: argparse.Namespace, study: Study) -> list[str]:
    """Chooses the variants to train.

    Args:
        args: Result of `fashion.study.parse`.
        study: The study.

    Returns:
        Those of --only, of --quick or all; without those whose packages are missing, with a
        warning.

    Raises:
        ValueError: Nothing is left.
    """
    names = [name for name in study.variants if not args.only or name in args.only]
    if args.quick and not args.only and study.quick:
        names = list(study.quick)
    missing: PackageMissing | None = None
    if any(name in study.trainers for name in names):
        try:
            import_torch()
        except PackageMissing as error:
            missing = error
            names = [name for name in names if name not in study.trainers]
            log.warning("torchvision is left out: %s", error)
    if not names:
        raise ValueError(f"There is nothing to train: {missing}")
    return names


def fit_to_data(args: argparse.Namespace, study: Study, names: Sequence[str]) -> None:
    """Lowers --limit to the number of training images, where variants have shares of them.

    Args:
        args: Result of `fashion.study.parse`; `limit` may change.
        study: The study.
        names: Variants to train.

    Raises:
        ValueError: A size that is compared is larger than the data.
    """
    if not study.sizes and args.limit is None:
        return
    train, _ = load_train_and_val(open_files(args.data), skip_bad=args.skip_bad)
    available = len(train.image_ids)
    too_large = [name for name in names if study.sizes and study.photos_of(name, None) > available]
    if too_large:
        raise ValueError(
            f"There are {available} training photos, too few for {too_large[0]}. Give smaller "
            f"sizes, for instance --sizes {available // 4} {available // 2} {available}."
        )
    if args.limit is not None and args.limit > available:
        log.warning(
            "There are %d training photos; the study asks for %d. All sizes are lowered in "
            "proportion.",
            available,
            args.limit,
        )
        args.limit = available


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

    Raises:
        FileNotFoundError: The run that this one builds on is missing.
    """
    folder = folder_of(args.out, name, seed)
    if (folder / "metrics.json").exists():
        return folder
    keras.utils.clear_session(free_memory=True)
    limit = ["--limit", str(QUICK_VALIDATION)] if args.quick else []
    common = ["--out", str(folder), "--fixed", "--no-pages", *study.evaluate, *limit]
    if name in study.trainers:
        ours = next(other for other in study.variants if other not in study.trainers)
        _train_torchvision(args, run_of(args.out, ours, seed), folder)
        files = ["--gt", str(folder / "truth.json")]
        files += ["--predictions", str(folder / "predictions.json")]
        verbs.evaluate([*files, "--out", str(folder), "--fixed", "--no-pages"])
        return folder
    if list(folder.glob("*/config.json")):
        run = verbs.train(["--resume", "--out", str(folder)])
    else:
        run = verbs.train(["--out", str(folder), *training_options(args, study, name, seed)])
    assert run is not None  # neither a split nor a preview was asked for
    weights = ["--weights", str(run.last), "--true-boxes"]
    verbs.evaluate([*weights, *common, *data_options(args)])
    return folder


def _train_torchvision(args: argparse.Namespace, run: RunFolder, folder: Path) -> None:
    from fashion.commands.torchvision_training import train_beside

    train_beside(run, folder, QUICK_VALIDATION if args.quick else None)


def run_of(out: Path, name: str, seed: int) -> RunFolder:
    """Finds the finished run of a variant.

    Args:
        out: Folder of the study.
        name: The variant.
        seed: Seed of the run.

    Returns:
        The run folder.

    Raises:
        FileNotFoundError: There is none.
    """
    folder = folder_of(out, name, seed)
    runs = sorted(path.parent for path in folder.glob("*/config.json"))
    if not runs or not (folder / "metrics.json").exists():
        raise FileNotFoundError(
            f"There is no finished run of {name!r} with seed {seed} in {folder}, which this one "
            "builds on. Train it first: leave --only out, or name it too."
        )
    return RunFolder(runs[-1])


def training_options(args: argparse.Namespace, study: Study, name: str, seed: int) -> list[str]:
    """Writes the options of `train` for a run.

    Args:
        args: Result of `fashion.study.parse`.
        study: The study.
        name: Variant.
        seed: Seed of the run.

    Returns:
        The options, without --out.

    Raises:
        FileNotFoundError: The run that this one builds on is missing.
    """
    stages = study.stages_of(name, args.epochs, args.rate)
    settings = {"SEED": seed, "EVALUATE_EVERY": sum(stage[2] for stage in stages)}
    settings |= study.settings
    if study.sizes:  # as many batches whatever the number of images
        settings["STEPS_PER_EPOCH"] = RECIPES[args.recipe].STEPS_PER_EPOCH
    if args.quick:
        settings |= QUICK_SETTINGS | ({"STEPS_PER_EPOCH": QUICK_STEPS} if study.sizes else {})
    settings |= study.variants[name]
    options = ["--recipe", args.recipe, *data_options(args)]
    former = study.references(list(study.variants)).get(name) if study.builds_on else None
    weights = str(run_of(args.out, former, seed).last) if former else args.weights
    if weights:
        options += ["--weights", weights]
    if study.exclude:
        options += ["--exclude", study.exclude]
    photos = study.photos_of(name, args.limit)
    if photos is not None:
        options += ["--limit", str(photos)]
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
