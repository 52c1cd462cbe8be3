"""The table of runs: its rows as text, as records for JSON and CSV, and their order."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fashion.reports.run_facts import RunFacts, duration

# Columns of which the largest comes first.
_LARGEST_FIRST = ("epochs", "ap", "ap50", "f1", "time")
_FIELDS = {"time": "seconds"}


def sorted_runs(runs: Sequence[RunFacts], column: str) -> list[RunFacts]:
    """Sorts runs by a column of the table.

    Args:
        runs: In any order.
        column: One of `fashion.runs.COLUMNS`. Names are sorted from A, start times from the oldest,
            numbers from the largest.

    Returns:
        The runs; those without a value come last, equal ones by their paths.
    """
    field, sign = _FIELDS.get(column, column), -1 if column in _LARGEST_FIRST else 1
    known: list[RunFacts] = []
    unknown: list[RunFacts] = []
    for facts in sorted(runs, key=lambda facts: str(facts.path)):
        (unknown if getattr(facts, field) is None else known).append(facts)

    def key(facts: RunFacts) -> Any:
        value = getattr(facts, field)
        return value if isinstance(value, str) or field == "started" else sign * value

    return [*sorted(known, key=key), *unknown]


def table_rows(runs: Sequence[RunFacts]) -> list[list[str]]:
    """Writes runs as rows of text.

    Args:
        runs: In the order of the table.

    Returns:
        A heading, and a row for each run.
    """
    rows = [
        [
            "run",
            "data",
            "recipe",
            "epochs",
            "mask AP",
            "AP50",
            "attribute F1",
            "time in epochs",
            "state",
        ]
    ]
    for facts in runs:
        planned = f"/{facts.planned}" if facts.planned else ""
        scores = [_score(value) for value in (facts.ap, facts.ap50, facts.f1)]
        rows.append(
            [
                str(facts.path),
                Path(facts.data).name,
                facts.recipe,
                f"{facts.epochs}{planned}",
                *scores,
                duration(facts.seconds),
                facts.state,
            ]
        )
    return rows


def record_of(facts: RunFacts) -> dict[str, Any]:
    """Writes a run as a record.

    Args:
        facts: Of the run.

    Returns:
        Values that JSON and CSV can hold; None for what is not known.
    """
    return {
        "path": str(facts.path),
        "name": facts.name,
        "data": facts.data,
        "recipe": facts.recipe,
        "epochs": facts.epochs,
        "planned_epochs": facts.planned,
        "best_epoch": facts.best_epoch,
        "mask_ap": facts.ap,
        "mask_ap50": facts.ap50,
        "box_ap": facts.box_ap,
        "attribute_micro_f1": facts.f1,
        "seconds": facts.seconds,
        "started": facts.started.isoformat() if facts.started else None,
        "state": facts.state,
    }


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
