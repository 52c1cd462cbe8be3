"""The best trials with other seeds: whether they differ by more than chance does."""

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fashion.hyperparameters.metrics import Metric
from fashion.hyperparameters.names import words_of
from fashion.hyperparameters.results import Row
from fashion.hyperparameters.training import Training, TrainingFailed
from fashion.hyperparameters.worker import Search
from fashion.studies.seed_statistics import half_interval, known, mean, mean_text
from mrcnn.training.run_folder import RunFolder
from mrcnn.typing import Array


@dataclasses.dataclass(frozen=True)
class Repeated:
    """A trial that was trained again with other seeds.

    Attributes:
        name: Of the trial.
        values: `(S,)` float64, the metric of each seed; NaN where it is missing.
    """

    name: str
    values: Array


def folder_of(folder: Path, name: str, seed: int) -> Path:
    """Chooses the run folder of a repetition.

    Args:
        folder: Of the search.
        name: Of the trial.
        seed: Of the training.

    Returns:
        The folder.
    """
    return folder / f"{name}-seed-{seed}"


def repeat_best(search: Search, best: Sequence[Row], seeds: Sequence[int]) -> list[str]:
    """Trains the best trials with other seeds, as far as that is missing.

    Several processes share the trainings. Each returns when all are finished, also those of others.

    Args:
        search: The search.
        best: Its best trials.
        seeds: Of the trainings; none is that of the trials, which were chosen by their luck, too.

    Returns:
        A line for each training that failed.
    """
    failures = []
    # By seeds: an interrupted search has about as many of each trial.
    left = [(folder_of(search.folder, row.name, seed), row, seed) for seed in seeds for row in best]
    while left:
        of_others = []
        for path, row, seed in left:
            release = search.claims.take(path.name)
            if release is None:
                of_others.append((path, row, seed))
                continue
            with release:
                failure = _repeat(search, path, row, seed)
            failures += [failure] if failure else []
        left = of_others
        if left:
            names = [path.name for path, _, _ in left]
            search.say(f"Waiting for {', '.join(names)}, which other processes train.")
            search.claims.wait_for(names)
    return failures


def _repeat(search: Search, path: Path, row: Row, seed: int) -> str | None:
    """Trains a trial with another seed, unless that is done; returns why it failed."""
    words = [*search.words, *words_of(row.values), "--seed", str(seed)]
    training = Training(path, words, search.command)
    if training.is_finished():
        return None
    search.say(f"{path.name}: {row.name} with seed {seed}")
    try:
        with contextlib.closing(training.follow()) as epochs:
            for _ in epochs:
                pass
        value = search.metric.of_run(path, training.run.read_history())
    except (TrainingFailed, ValueError) as failure:
        search.say(f"  failed: {failure}")
        return f"{path.name}: {failure}"
    search.say(f"  {search.metric.name} {value:.4f}")
    return None


def read_repeated(
    folder: Path, names: Sequence[str], seeds: Sequence[int], metric: Metric
) -> list[Repeated]:
    """Reads the repetitions.

    Args:
        folder: Of the search.
        names: Of trials.
        seeds: Of the repetitions.
        metric: What is maximized.

    Returns:
        An entry for each trial that was repeated with at least one seed, the best mean first.
    """
    found = []
    for name in names:
        values = np.full(len(seeds), np.nan)
        for i, seed in enumerate(seeds):
            path = folder_of(folder, name, seed)
            if Training(path, ()).is_finished():
                with contextlib.suppress(ValueError):
                    values[i] = metric.of_run(path, RunFolder(path).read_history())
        if len(known(values)):
            found.append(Repeated(name, values))
    sign = -1 if metric.maximize else 1
    return sorted(found, key=lambda repeated: sign * mean(known(repeated.values)))


def verdict(repeated: Sequence[Repeated], metric: Metric) -> tuple[str | None, list[str]]:
    """Compares the best mean with the others, seed by seed.

    Args:
        repeated: From `read_repeated`, the best mean first.
        metric: What is maximized.

    Returns:
        winner: Name of the trial that is better than all others by more than the seeds differ;
            None if there is none.
        sentences: The comparison in words.
    """
    if not repeated:
        return None, []
    first, *others = repeated
    count = len(known(first.values))
    sentences = [
        f"{first.name} has the best mean {metric.name}: {mean_text(first.values, 4)} over "
        f"{count} seed{'' if count == 1 else 's'}."
    ]
    alike = []
    for other in others:
        differences = known(first.values - other.values)
        if len(differences) < 2:
            alike.append(other.name)
            sentences.append(f"{other.name}: too few seeds in common to compare.")
            continue
        by, half = abs(mean(differences)), half_interval(differences)
        interval = f"{by:.4f} ± {half:.4f} (95 % interval over {len(differences)} seeds)"
        if by > half:
            worse = "lower" if metric.maximize else "higher"
            sentences.append(f"{other.name} is {worse} by {interval}.")
        else:
            alike.append(other.name)
            sentences.append(
                f"{other.name} differs by {interval}: no more than the seeds do. It may be as good."
            )
    if others and not alike:
        return first.name, [*sentences, f"{first.name} is the winner."]
    if alike:
        sentences.append(
            f"There is no winner among {', '.join([first.name, *alike])}. More --seeds may "
            "separate them; otherwise take the cheapest."
        )
    return None, sentences
