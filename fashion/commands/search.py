"""The work of `fashion search`: opens the study, trains trials, repeats the best, and reports."""

import argparse
import dataclasses
import functools
import json
import re
import shlex
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fashion.cli.interrupts import resumable
from fashion.hyperparameters.claims import Claims
from fashion.hyperparameters.names import words_of
from fashion.hyperparameters.page import Report, write_page
from fashion.hyperparameters.repeats import Repeated, read_repeated, repeat_best, verdict
from fashion.hyperparameters.results import (
    FAILED,
    RUNNING,
    Row,
    cut_sentence,
    finished_rows,
    rows_of,
    trial_table,
    write_best,
    write_trials,
)
from fashion.hyperparameters.space import Values
from fashion.hyperparameters.study import (
    DATABASE,
    SeededSampler,
    delete_study,
    importances,
    open_study,
    pruner_of,
    storage_of,
)
from fashion.hyperparameters.training import COMMAND
from fashion.hyperparameters.worker import Search, enqueue, shuffled_points, work
from fashion.pages.text import count
from fashion.studies.runner import differences
from mrcnn.drawing.tables import text_table
from mrcnn.files import remove_leftovers, write_text
from mrcnn.json_files import read_json_object

_NOTE = "search.json"
_WRITTEN = (_NOTE, DATABASE, "trials.csv", "best.json", "index.html")
_RUNS = re.compile(r"trial-\d+(-seed-\d+)?")
# Options of `train` that no recipe holds.
_BESIDE_SETTINGS = ("data", "images", "val", "weights", "exclude", "stage", "rebalance")
_ON_SCREEN = 10  # rows of the table
# The page takes seconds: it is written again when they are 1 % of the time since the last one.
_SHARE_OF_PAGES = 0.01


def run(args: argparse.Namespace, command: Sequence[str] = COMMAND) -> Path:
    """Searches.

    Args:
        args: Result of `fashion.search.parse`.
        command: The command that trains, to which options are appended.

    Returns:
        The folder of the search.

    Raises:
        ValueError: The folder holds another search, or no trial has finished and some failed.
    """
    with resumable():
        search = _opened(args, command)
        print(_plan(args, search), flush=True)
        pages = _Pages(functools.partial(_write, args, search))
        rows = _train(args, search, pages)
        if any(row.state == RUNNING for row in rows):
            others = ", ".join(row.name for row in rows if row.state == RUNNING)
            print(f"Other processes still train {others}; the last one reports the result.")
        elif args.repeat_best:
            for line in repeat_best(search, _to_repeat(args, rows), _seeds(args)):
                print(f"failed: {line}")
        _report(args, search)
    return args.out


def _train(args: argparse.Namespace, search: Search, pages: "_Pages") -> list[Row]:
    """Trains trials until all have ended; those of other processes too if some are repeated."""
    while True:
        work(search, pages.after_trial)
        held = search.claims.held()
        rows = rows_of(search.study, search.metric)
        running = [row.name for row in rows if row.state == RUNNING and row.name in held]
        if not running or not args.repeat_best:
            return rows
        search.say(
            f"Waiting for {', '.join(running)}, which other processes train. The best trials are "
            "repeated after that."
        )
        search.claims.wait_for(running)


def _opened(args: argparse.Namespace, command: Sequence[str]) -> Search:
    """The search, with its study begun or loaded, and the trials that come first."""
    claims = Claims(args.out)
    with claims.deciding():
        others = claims.held()
        if args.restart:
            _start_over(args, others)
        if not others:
            remove_leftovers(args.out)
        _note_arguments(args)
        storage = storage_of(args.storage, args.out)
        study = open_study(
            storage,
            args.out.resolve().name,
            args.metric.maximize,
            SeededSampler(args.sampler, args.seed),
            pruner_of(args.pruner, args.epochs),
        )
    points: list[Values] = [args.defaults] if args.defaults else []
    if args.sampler == "grid":
        points = shuffled_points(args.space.grid(), args.seed, args.defaults)
    search = Search(
        folder=args.out,
        study=study,
        space=args.space,
        metric=args.metric,
        pruner=args.pruner,
        words=args.words,
        points=points,
        is_grid=args.sampler == "grid",
        trials=args.trials,
        deadline=time.monotonic() + 60 * args.minutes if args.minutes else None,
        command=command,
        say=functools.partial(print, flush=True),
    )
    enqueue(search, args.retry_failed)
    return search


def _start_over(args: argparse.Namespace, others: Sequence[str]) -> None:
    """Removes the trials and what was written about them."""
    if others:
        raise ValueError(
            f"--restart would remove trials that another process works on ({', '.join(others)}). "
            "Stop it first, or give another folder with --out."
        )
    if args.storage:
        delete_study(storage_of(args.storage, args.out), args.out.resolve().name)
    for path in args.out.iterdir():
        if path.is_dir() and _RUNS.fullmatch(path.name):
            shutil.rmtree(path)
    for name in _WRITTEN:
        (args.out / name).unlink(missing_ok=True)


def _note_arguments(args: argparse.Namespace) -> None:
    """Writes what all processes of a search must have in common, or compares it."""
    path = args.out / _NOTE
    arguments = {
        "space": args.space.lines(),
        "sampler": args.sampler,
        "pruner": args.pruner,
        "metric": args.metric.name,
        "train": list(args.words),
        # Without name and password.
        "storage": args.storage and re.sub(r"//[^@/]*@", "//", args.storage),
    }
    if path.exists():
        different = differences(read_json_object(path), arguments)
        if different:
            raise ValueError(
                f"{args.out} holds a search with other arguments ({different}). Give the same ones "
                "to resume it, another folder with --out, or --restart to start over."
            )
        return
    write_text(path, json.dumps(arguments, indent=1) + "\n")


def _plan(args: argparse.Namespace, search: Search) -> str:
    """What will be searched, and how."""
    grid = f", {count(len(search.points), 'point')}" if search.is_grid else ""
    limits = [count(args.trials, "trial")] if args.trials else []
    limits += [f"{args.minutes:g} minutes"] if args.minutes else []
    first = "the recipe's settings" if args.defaults else ""
    if args.reason:
        first = f"not the recipe's settings: they are outside the space, in {args.reason}"
    facts = {
        "search": f"{args.out}, {args.sampler}{grid}, pruner {args.pruner}",
        "until": ", ".join(limits) or "all points are tried",
        "maximize" if args.metric.maximize else "minimize": args.metric.name,
        "first trial": first,
        "every trial": shlex.join(["fashion", "train", *args.words]),
    }
    lines = [f"{name:12} {text}" for name, text in facts.items() if text]
    return "\n".join([*lines, *(f"{'space':12} {line}" for line in args.space.lines())])


@dataclasses.dataclass
class _Pages:
    """Writes results after each trial, and the page too where that takes a small share of time."""

    write: Callable[[bool], None]
    written: float = dataclasses.field(default_factory=time.monotonic)
    took: float = 5.0  # seconds, until it was measured

    def after_trial(self) -> None:
        now = time.monotonic()
        with_page = self.took < _SHARE_OF_PAGES * (now - self.written)
        self.write(with_page)
        if with_page:
            self.written = time.monotonic()
            self.took = self.written - now


def _write(args: argparse.Namespace, search: Search, with_page: bool) -> None:
    """Writes trials.csv and best.json, and the page if asked for."""
    rows = rows_of(search.study, search.metric)
    repeated = _repeated(args, search, rows)
    sentences = _sentences(args, repeated, rows, search)
    best = _best(repeated, rows)
    with search.claims.deciding():  # one process at a time
        write_trials(args.out / "trials.csv", rows, search.space.names, search.metric)
        if best and (args.out / best.name / "config.json").exists():
            words = [*search.words, *words_of(best.values)]
            write_best(args.out / "best.json", best, args.out, search.metric, words)
        if with_page:
            write_page(
                Report(
                    folder=args.out,
                    rows=rows,
                    space=search.space,
                    metric=search.metric,
                    facts=_facts(args),
                    importances=importances(search.study),
                    repeated=repeated,
                    sentences=sentences,
                    best=best.name if best else None,
                    command=_next_command(args, best),
                )
            )


def _repeated(args: argparse.Namespace, search: Search, rows: Sequence[Row]) -> list[Repeated]:
    names = [row.name for row in finished_rows(rows)]
    return read_repeated(args.out, names, _seeds(args), search.metric)


def _to_repeat(args: argparse.Namespace, rows: Sequence[Row]) -> list[Row]:
    """The best trials, and the one with the recipe's settings, which they have to beat."""
    finished = finished_rows(rows)
    best = finished[: args.repeat_best]
    if args.defaults:
        best += [row for row in finished[args.repeat_best :] if row.values == args.defaults]
    return best


def _seeds(args: argparse.Namespace) -> list[int]:
    """Seeds of the repetitions: not that of the trials, which were chosen by it."""
    return [args.seed + i for i in range(1, args.seeds + 1)]


def _best(repeated: Sequence[Repeated], rows: Sequence[Row]) -> Row | None:
    """The trial with the best mean over the seeds, or with the best value."""
    finished = finished_rows(rows)
    if repeated:
        return next(row for row in finished if row.name == repeated[0].name)
    return finished[0] if finished else None


def _sentences(
    args: argparse.Namespace, repeated: Sequence[Repeated], rows: Sequence[Row], search: Search
) -> list[str]:
    """Whether the best trial differs significantly."""
    finished = finished_rows(rows)
    recipe = next((row for row in finished if row.values == args.defaults), None)
    about = []
    if recipe is not None and recipe.value is not None:
        about = [f"{recipe.name} has the recipe's settings: {recipe.value:.4f}."]
    if repeated:
        return [*verdict(repeated, search.metric)[1], *about]
    if len(finished) < 2:
        return ["One finished trial, or none: there is nothing to compare."]
    gap = abs((finished[0].value or 0) - (finished[1].value or 0))
    return [
        f"{finished[0].name} has the best {search.metric.name}, {finished[0].value:.4f}, "
        f"{gap:.4f} better than the next one, {finished[1].name}. Each was trained with one seed, "
        "and the best of many is partly luck, so no winner is named. --repeat-best 3 --seeds 3 "
        "trains the best three again with other seeds, and compares them.",
        *about,
    ]


def _facts(args: argparse.Namespace) -> list[tuple[str, str]]:
    first = "the recipe's settings" if args.defaults else f"outside the space: {args.reason}"
    return [
        ("space", "; ".join(args.space.lines())),
        ("sampler", f"{args.sampler}, seed {args.seed}"),
        ("pruner", args.pruner),
        ("recipe's settings", "trial-000" if args.defaults else first),
        ("every trial", shlex.join(["fashion", "train", *args.words])),
    ]


def _next_command(args: argparse.Namespace, best: Row | None) -> str:
    """The command that trains with best.json, with the options that are not settings."""
    given = {name: getattr(args, name) for name in _BESIDE_SETTINGS if getattr(args, name)}
    words = ["fashion", "train", "--recipe", str(args.out / "best.json")]
    for name, value in given.items():
        words += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    searched = {} if best is None else best.values
    words += words_of({k: v for k, v in searched.items() if k in _BESIDE_SETTINGS})
    return shlex.join(words)


def _report(args: argparse.Namespace, search: Search) -> None:
    """Prints the best trials, what was cut, and whether the best trial is significantly better."""
    _write(args, search, True)
    rows = rows_of(search.study, search.metric)
    table = trial_table(rows, search.space.names, search.metric)
    print(f"\n{text_table(table[: 1 + _ON_SCREEN])}")
    if len(table) > 1 + _ON_SCREEN:
        print(f"… and {len(table) - 1 - _ON_SCREEN} more in {args.out / 'trials.csv'}")
    if cut_sentence(rows):
        print(cut_sentence(rows))
    print("\n".join(_sentences(args, _repeated(args, search, rows), rows, search)))
    best = f"; best settings: {args.out / 'best.json'}" if finished_rows(rows) else ""
    print(f"page: {args.out / 'index.html'}{best}")
    failed = [row for row in rows if row.state == FAILED]
    if failed and not finished_rows(rows):
        raise ValueError(
            f"No trial has finished, and {count(len(failed), 'trial')} failed: {failed[0].name}: "
            f"{failed[0].note} --retry-failed tries them again."
        )
