"""A process of a search: chooses a trial, trains it and reports its epochs, and so on."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from fashion.hyperparameters.claims import Claims
from fashion.hyperparameters.cuts import reason_for_cut
from fashion.hyperparameters.metrics import Metric
from fashion.hyperparameters.names import words_of
from fashion.hyperparameters.space import Space, Values
from fashion.hyperparameters.study import report, resumed, suggest
from fashion.hyperparameters.training import COMMAND, Training, TrainingFailed
from fashion.pages.text import count
from fashion.reports.run_facts import duration, read_run

# Where the space is small, chance gives the same values again and again.
_MOST_TWINS = 50
_FAILURES = 3  # of the first trials: then all would fail

Say = Callable[[str], Any]


@dataclasses.dataclass
class Search:
    """What all processes of a search have in common, and what this one may do.

    Attributes:
        folder: Of the search.
        study: Optuna's study, with sampler and pruner.
        space: The search space.
        metric: What is maximized.
        pruner: "none", "median" or "hyperband".
        words: Options of `fashion train` that all trainings have.
        points: Trials that are tried first, in this order; of a grid all.
        is_grid: Whether `points` are all trials.
        trials: Most trials; None for no limit.
        deadline: When no trial is begun any more, in seconds of `time.monotonic`; None for never.
        command: The command that trains.
        say: Prints a line.
    """

    folder: Path
    study: optuna.Study
    space: Space
    metric: Metric
    pruner: str = "none"
    words: Sequence[str] = ()
    points: Sequence[Values] = ()
    is_grid: bool = False
    trials: int | None = None
    deadline: float | None = None
    command: Sequence[str] = COMMAND
    say: Say = print

    @property
    def claims(self) -> Claims:
        """Who works on what."""
        return Claims(self.folder)


@dataclasses.dataclass
class _Claimed:
    """A trial that this process works on."""

    trial: Trial
    name: str
    release: contextlib.ExitStack


def name_of(trial: FrozenTrial) -> str:
    """Names the run folder of a trial.

    Args:
        trial: Of the study.

    Returns:
        "trial-007"; of a trial that repeats a failed one, the name of that one.
    """
    return trial.user_attrs.get("run") or f"trial-{trial.number:03d}"


def latest_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Lists the trials that count: not those that were tried again, nor twins of others.

    Args:
        study: The study.

    Returns:
        The last trial of each run folder, by number of the first.
    """
    latest: dict[str, FrozenTrial] = {}
    for trial in study.get_trials(deepcopy=False):
        if "same_as" not in trial.user_attrs:
            latest[name_of(trial)] = trial
    return list(latest.values())


def shuffled_points(points: Sequence[Values], seed: int, first: Values | None) -> list[Values]:
    """Puts the points of a grid in the order in which they are tried.

    A search that ends early has then tried all values of each parameter.

    Args:
        points: Of the grid.
        seed: Another seed gives another order.
        first: The point that is tried first; None, or no point of the grid, for any.

    Returns:
        All points.
    """
    order = np.random.default_rng(seed).permutation(len(points))
    shuffled = [points[i] for i in order]
    return sorted(shuffled, key=lambda point: point != first)


def enqueue(search: Search, retry_failed: bool = False) -> None:
    """Puts the points that are tried first into the study, unless they are in it.

    Args:
        search: The search.
        retry_failed: Put failed trials in, too; they resume in their folders.
    """
    with search.claims.deciding():
        known = []
        for trial in search.study.get_trials(deepcopy=False):
            known.append(trial.system_attrs.get("fixed_params") or trial.params)
        for point in search.points:
            if point not in known:
                search.study.enqueue_trial(dict(point))
        for trial in latest_trials(search.study) if retry_failed else ():
            if trial.state == TrialState.FAIL:
                search.study.enqueue_trial(trial.params, user_attrs={"run": name_of(trial)})


def work(search: Search, after_trial: Callable[[], Any] = lambda: None) -> int:
    """Trains trials until there is nothing left to begin.

    Args:
        search: The search.
        after_trial: Called when a trial has ended.

    Returns:
        How many trials this process has finished.

    Raises:
        ValueError: The first trials have all failed.
    """
    errors: list[str] = []
    finished = 0
    while (claimed := _next(search)) is not None:
        with claimed.release:
            error = _train(search, claimed)
        after_trial()
        finished += 1
        errors += [f"{claimed.name}: {error}"] if error else []
        if len(errors) == finished == _FAILURES:
            raise ValueError(
                f"The first {_FAILURES} trials have failed, so the search stops.\n"
                + "\n".join(errors)
                + "\nWhen the cause is removed, the same command with --retry-failed tries them "
                "again."
            )
    return finished


def _next(search: Search) -> _Claimed | None:
    """Takes over a trial whose process has ended, or begins one."""
    study, claims = search.study, search.claims
    with claims.deciding():
        for frozen in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            release = claims.take(name_of(frozen))
            if release is not None:
                return _Claimed(resumed(study, frozen), name_of(frozen), release)
        for _ in range(_MOST_TWINS):
            if not _may_begin(search):
                return None
            trial = study.ask()
            if not _settle_twin(search, trial):
                name = trial.user_attrs.get("run") or f"trial-{trial.number:03d}"
                trial.set_user_attr("run", name)
                release = claims.take(name)
                if release is None:  # nobody else of this search decides meanwhile
                    raise ValueError(
                        f"{search.folder / name} is in use by another search. Give each search a "
                        "folder of its own, and the processes of one search the same --storage."
                    )
                return _Claimed(trial, name, release)
        search.say(
            f"The last {_MOST_TWINS} choices were trained before: the space has no other points, "
            "or few."
        )
        return None


def _may_begin(search: Search) -> bool:
    if search.deadline is not None and time.monotonic() >= search.deadline:
        return False
    states = [trial.state for trial in latest_trials(search.study)]
    waiting = states.count(TrialState.WAITING)
    if search.trials is not None and len(states) - waiting >= search.trials:
        return False
    return not search.is_grid or waiting > 0


def _settle_twin(search: Search, trial: Trial) -> bool:
    """Ends a trial whose values were trained before with their result; returns whether it did."""
    values = suggest(trial, search.space)
    for other in latest_trials(search.study):
        is_itself = other.number == trial.number or name_of(other) == trial.user_attrs.get("run")
        if is_itself or other.params != values or other.state == TrialState.WAITING:
            continue
        trial.set_user_attr("same_as", name_of(other))
        for epoch, value in other.intermediate_values.items():
            report(trial, value, epoch)
        if other.state == TrialState.COMPLETE:
            search.study.tell(trial, other.value)
        else:
            is_cut = other.state == TrialState.PRUNED
            search.study.tell(trial, state=TrialState.PRUNED if is_cut else TrialState.FAIL)
        return True
    return False


def _train(search: Search, claimed: _Claimed) -> str | None:
    """Trains a trial, or what is missing of it; returns why it failed."""
    trial, values = claimed.trial, suggest(claimed.trial, search.space)
    training = Training(
        search.folder / claimed.name, [*search.words, *words_of(values)], search.command
    )
    resumes = f", resumed after epoch {training.epochs()}" if training.epochs() else ""
    search.say(f"{claimed.name}{_place(search)}: {values_text(values)}{resumes}")
    search.say(f"  progress: {training.folder / 'train.log'}")
    error, cut, value = None, None, None
    try:
        cut = _follow(search, trial, training)
        if cut is None:
            value = search.metric.of_run(training.folder, training.run.read_history())
    except (TrainingFailed, ValueError) as failure:
        error = str(failure)
    seconds = _note(trial, training, cut, error)
    if value is not None:
        search.study.tell(trial, value)
        search.say(f"  {search.metric.name} {value:.4f} in {duration(seconds)}")
    elif cut is not None:
        search.study.tell(trial, state=TrialState.PRUNED)
        search.say(f"  cut after {count(training.epochs(), 'epoch')}: {cut}")
    else:
        search.study.tell(trial, state=TrialState.FAIL)
        search.say(f"  failed: {error}")
    return error


def _follow(search: Search, trial: Trial, training: Training) -> str | None:
    """Reports the epochs of a training; returns why it was cut, None if it was not."""
    with contextlib.closing(training.follow()) as epochs:
        for done in epochs:
            scored = search.metric.of_epochs(training.run.read_history())
            for epoch, value in scored.items():
                report(trial, value, epoch)
            planned = read_run(training.folder).planned
            if done in scored:
                search.say(
                    f"  epoch {done} of {planned}: {search.metric.column} {scored[done]:.4f}"
                )
            if done in scored and done < planned and trial.should_prune():
                return reason_for_cut(search.pruner, search.study, scored, done, search.metric)
    return None


def _note(trial: Trial, training: Training, cut: str | None, error: str | None) -> float | None:
    """Notes in the study what the tables show; returns the seconds that the training took."""
    notes: dict[str, Any] = {"epochs": training.epochs(), "cut": cut, "error": error}
    if training.run.config.exists():
        facts = read_run(training.folder)
        notes |= {"planned": facts.planned, "seconds": facts.seconds}
    for key, value in notes.items():
        if value is not None:
            trial.set_user_attr(key, value)
    return notes.get("seconds")


def _place(search: Search) -> str:
    """How many trials there are and will be, as far as that is known."""
    trials = latest_trials(search.study)
    begun = sum(trial.state != TrialState.WAITING for trial in trials)
    most = [len(trials)] if search.is_grid else []
    most += [search.trials] if search.trials else []
    return f" ({begun} of {min(most)})" if most else f" ({begun})"


def values_text(values: Values) -> str:
    """Writes the values of a trial.

    Args:
        values: By the names of parameters.

    Returns:
        "lr 0.00032, batch 4".
    """
    return ", ".join(f"{name} {value_text(value)}" for name, value in values.items())


def value_text(value: Any) -> str:
    """Writes a value.

    Args:
        value: A number or text.

    Returns:
        Numbers with four digits.
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)
