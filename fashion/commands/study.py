"""Body of `study`: trains every variant with several seeds, and tabulates what they scored."""

import argparse
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
from tqdm import tqdm

from fashion.cli.data import open_files
from fashion.cli.interrupts import resumable
from fashion.cli.locks import working_in
from fashion.datasets.splits import load_train_and_val
from fashion.pages.text import count
from fashion.studies.detector_notes import note_start, note_variants
from fashion.studies.detector_options import (
    QUICK_VALIDATION,
    data_options,
    run_of,
    training_options,
)
from fashion.studies.detector_page import conclusions, write_page
from fashion.studies.detector_tables import (
    folder_of,
    measured,
    results_of,
    screen_table,
    write_results,
)
from fashion.studies.factors import effect_rows
from fashion.studies.runner import run_study
from fashion.studies.study import Study
from fashion.studies.torchvision_network import import_torch
from mrcnn.drawing.tables import text_table
from mrcnn.packages import PackageMissing
from mrcnn.training.run_folder import RunFolder
from mrcnn.typing import Array

log = logging.getLogger(__name__)


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
            write_results(args.out, study, scores_in(args, study))

        _, failures = run_study(names, args.seeds, run_one, keep_going=True, after_seed=write_table)
    results = scores_in(args, study)
    if results:
        report(args, study, results)
    if failures:
        summary = (
            f"{len(failures)} of {bar.total} runs failed, and the table is without them. The same "
            "command tries them again:"
        )
        raise ValueError("\n".join([summary, *failures]))
    return results


def scores_in(args: argparse.Namespace, study: Study) -> dict[str, dict[str, Array]]:
    """Reads the scores of a study.

    Args:
        args: Result of `fashion.study.parse`.
        study: The study.

    Returns:
        Result of `results_of`.
    """
    # --quick leaves out the attributes at true boxes, which cost one more graph.
    lacking = study.variants if args.quick else study.trainers
    return results_of(args.out, study.variants, lacking)


def report(args: argparse.Namespace, study: Study, results: dict[str, dict[str, Array]]) -> None:
    """Prints the table and which differences are significant, and writes the page.

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
    too_large = [name for name in names if (study.photos_of(name, None) or 0) > available]
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
    weights = ["--weights", str(run.last), *([] if args.quick else ["--true-boxes"])]
    verbs.evaluate([*weights, *common, *data_options(args)])
    return folder


def _train_torchvision(args: argparse.Namespace, run: RunFolder, folder: Path) -> None:
    from fashion.commands.torchvision_training import train_beside

    train_beside(run, folder, QUICK_VALIDATION if args.quick else None)
