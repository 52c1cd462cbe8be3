"""What the trials of a search have scored: rows, trials.csv and best.json."""

import csv
import dataclasses
import io
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from fashion.config import RECIPES
from fashion.hyperparameters.metrics import Metric
from fashion.hyperparameters.space import Values
from fashion.hyperparameters.worker import latest_trials, name_of, value_text
from fashion.pages.text import count
from fashion.reports.run_facts import duration
from mrcnn.config import DERIVED
from mrcnn.files import write_text
from mrcnn.training.run_folder import RunFolder

FINISHED, CUT, FAILED, RUNNING, WAITING = "finished", "cut", "failed", "running", "waiting"
_STATES = {
    TrialState.COMPLETE: FINISHED,
    TrialState.PRUNED: CUT,
    TrialState.FAIL: FAILED,
    TrialState.RUNNING: RUNNING,
    TrialState.WAITING: WAITING,
}
# Settings that a search changes for its own sake, or that follow from the data.
_OF_SEARCH = {
    *("EVALUATE_EVERY", "EVALUATE_IMAGES", "VALIDATION_STEPS", "SEED"),
    *("NUM_CLASSES", "NUM_ATTRIBUTES", "CLASS_COUNTS", "NAME"),
}


@dataclasses.dataclass(frozen=True)
class Row:
    """A trial.

    Attributes:
        name: Of its run folder.
        state: FINISHED, CUT, FAILED, RUNNING or WAITING.
        value: The metric; None unless it is finished.
        values: Of the parameters.
        scored: The column that is reported, by epoch.
        epochs: Complete epochs.
        planned: Epochs of the whole training; 0 if that is not known.
        seconds: That the training took; None if that is not known.
        note: Why it was cut or failed.
    """

    name: str
    state: str
    value: float | None
    values: Values
    scored: Mapping[int, float]
    epochs: int
    planned: int
    seconds: float | None
    note: str


def rows_of(study: optuna.Study, metric: Metric) -> list[Row]:
    """Reads the trials of a study.

    Args:
        study: The study.
        metric: What is maximized.

    Returns:
        The finished ones, the best first; then those that were cut, those that lasted longest
        first; then the others.
    """
    rows = [_row(trial) for trial in latest_trials(study)]
    sign = -1 if metric.maximize else 1

    def place(row: Row) -> tuple:
        best = metric.best(list(row.scored.values())) if row.scored else 0.0
        score = best if row.value is None else row.value
        longest = -row.epochs if row.state == CUT else 0
        return list(_STATES.values()).index(row.state), longest, sign * score

    return sorted(rows, key=place)


def _row(trial: FrozenTrial) -> Row:
    notes, state = trial.user_attrs, _STATES[trial.state]
    fixed = trial.system_attrs.get("fixed_params", {}) if state == WAITING else {}
    return Row(
        name=name_of(trial),
        state=state,
        value=trial.value if state == FINISHED else None,
        values={**fixed, **trial.params},
        scored=dict(trial.intermediate_values),
        epochs=int(notes.get("epochs", 0)),
        planned=int(notes.get("planned", 0)),
        seconds=notes.get("seconds"),
        note=str(notes.get("cut") or notes.get("error") or ""),
    )


def finished_rows(rows: Sequence[Row]) -> list[Row]:
    """Selects the finished trials.

    Args:
        rows: From `rows_of`.

    Returns:
        Those with a value, the best first.
    """
    return [row for row in rows if row.value is not None]


def trial_table(rows: Sequence[Row], names: Sequence[str], metric: Metric) -> list[list[str]]:
    """Makes the table of the trials.

    Args:
        rows: From `rows_of`; waiting ones are left out.
        names: Of the parameters.
        metric: What is maximized.

    Returns:
        Heading and rows as text.
    """
    table = [["trial", "state", metric.name, *names, "epochs", "time"]]
    for row in rows:
        if row.state == WAITING:
            continue
        shown = "–" if row.value is None else f"{row.value:.4f}"
        values = [value_text(row.values[name]) if name in row.values else "–" for name in names]
        epochs = f"{row.epochs} of {row.planned}" if row.planned else str(row.epochs)
        table.append([row.name, row.state, shown, *values, epochs, duration(row.seconds)])
    return table


def cut_table(rows: Sequence[Row]) -> list[list[str]]:
    """Makes the table of the trials that were cut or failed.

    Args:
        rows: From `rows_of`.

    Returns:
        Heading and rows as text; the heading alone if there are none.
    """
    table = [["trial", "state", "epochs", "why"]]
    for row in rows:
        if row.state in (CUT, FAILED):
            epochs = f"{row.epochs} of {row.planned}" if row.planned else str(row.epochs)
            table.append([row.name, row.state, epochs, row.note])
    return table


def cut_sentence(rows: Sequence[Row]) -> str:
    """Says what the pruner has saved.

    Args:
        rows: From `rows_of`.

    Returns:
        A sentence; empty if nothing was cut.
    """
    cut = [row for row in rows if row.state == CUT]
    if not cut:
        return ""
    tried = [row for row in rows if row.state in (FINISHED, CUT)]
    planned = sum(row.planned for row in tried)
    saved = sum(row.planned - row.epochs for row in cut)
    share = f" of {planned} ({100 * saved / planned:.0f} %)" if planned else ""
    return (
        f"{len(cut)} of {count(len(tried), 'trial')} were cut, which saved "
        f"{count(saved, 'epoch')}{share}."
    )


def write_trials(path: Path, rows: Sequence[Row], names: Sequence[str], metric: Metric) -> None:
    """Writes trials.csv.

    Args:
        path: The file.
        rows: From `rows_of`.
        names: Of the parameters.
        metric: What is maximized.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", metric.name, *names, "epochs", "planned", "seconds", "note"])
    for row in rows:
        values = [row.values.get(name, "") for name in names]
        shown = "" if row.value is None else row.value
        seconds = "" if row.seconds is None else row.seconds
        writer.writerow(
            [row.name, row.state, shown, *values, row.epochs, row.planned, seconds, row.note]
        )
    write_text(path, text.getvalue())


def write_best(path: Path, row: Row, folder: Path, metric: Metric, words: Sequence[str]) -> None:
    """Writes best.json, which `fashion train --recipe` reads.

    Args:
        path: The file.
        row: The trial.
        folder: Of the search.
        metric: What is maximized.
        words: Options of `fashion train` of the trial.

    Without settings that the search has changed for its own sake, such as --limit.
    """
    run = RunFolder(folder / row.name)
    arguments = run.read_config()
    recipe = arguments["recipe"]
    usual = RECIPES[recipe].from_dict({}).to_dict()
    settings: dict[str, Any] = {}
    for name, value in arguments["config"].items():
        if name in DERIVED or name in _OF_SEARCH or value == _json(usual.get(name)):
            continue
        settings[name] = value
    content = {
        "recipe": recipe,
        "settings": settings,
        "trial": row.name,
        metric.name: row.value,
        "searched": row.values,
        "command": shlex.join(["fashion", "train", *words]),
    }
    write_text(path, json.dumps(content, indent=2) + "\n")


def _json(value: Any) -> Any:
    """A value as reading it from JSON gives it back."""
    return json.loads(json.dumps(value, default=str))
