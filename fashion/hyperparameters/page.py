"""The page of a search: the best trial, all trials, what matters, and what was cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fashion.hyperparameters.figures import (
    learning_curves,
    parallel_coordinates,
    parameter_panels,
)
from fashion.hyperparameters.metrics import Metric
from fashion.hyperparameters.repeats import Repeated
from fashion.hyperparameters.results import (
    CUT,
    RUNNING,
    WAITING,
    Row,
    cut_sentence,
    cut_table,
    finished_rows,
    trial_table,
)
from fashion.hyperparameters.space import Space
from fashion.hyperparameters.worker import value_text
from fashion.pages.html import Bar, Page
from fashion.pages.text import count
from fashion.reports.run_facts import duration
from fashion.studies.seed_statistics import known, mean_text

# With fewer finished trials the shares of the parameters are chance.
LEAST_FOR_IMPORTANCE = 10


@dataclass(frozen=True)
class Report:
    """What the page shows.

    Attributes:
        folder: Of the search.
        rows: From `results.rows_of`.
        space: The search space.
        metric: What is maximized.
        facts: Names and values of what all trials have in common.
        importances: Shares by parameter, the largest first; empty where they cannot be computed.
        repeated: Trials that were repeated with other seeds, the best mean first.
        sentences: What the repetitions tell, or that there are none.
        best: Name of the trial in best.json; None if none is finished.
        command: That trains with best.json.
    """

    folder: Path
    rows: Sequence[Row]
    space: Space
    metric: Metric
    facts: Sequence[tuple[str, str]]
    importances: dict[str, float]
    repeated: Sequence[Repeated]
    sentences: Sequence[str]
    best: str | None
    command: str = ""


def write_page(report: Report) -> Path:
    """Writes index.html.

    Args:
        report: What it shows.

    Returns:
        Path of the page.
    """
    rows = [row for row in report.rows if row.state != WAITING]
    subtitle = f"{count(len(rows), 'trial')} · {datetime.now():%Y-%m-%d %H:%M}"
    page = Page(f"Search {report.folder.resolve().name}", subtitle)
    page.facts(report.facts)
    _add_best(page, report)
    page.chapter("Trials")
    page.table(trial_table(rows, report.space.names, report.metric))
    page.note(
        "Finished trials first, the best on top. A dash: not measured, or the setting does not "
        "apply."
    )
    if finished_rows(rows):
        page.chapter("Settings and results")
        page.figure(
            parallel_coordinates(rows, report.space, report.metric),
            "A line for each trial, colored by its result; trials that were cut are gray.",
        )
        page.figure(
            parameter_panels(rows, report.space, report.metric, report.best),
            "A dot for each finished trial; the best is orange.",
        )
        _add_importances(page, report)
    curves = learning_curves(rows, report.metric, report.best)
    if curves:
        page.chapter("Learning curves")
        page.figure(curves, f"{report.metric.column} after each epoch that was scored.")
    _add_cuts(page, rows)
    _add_next(page, report)
    path = report.folder / "index.html"
    page.write(path)
    return path


def _add_best(page: Page, report: Report) -> None:
    """The best trial in large print, and whether the difference is significant."""
    finished = finished_rows(report.rows)
    row = next((row for row in finished if row.name == report.best), None)
    if row is None or row.value is None:
        page.text("No trial is finished yet.")
        return
    seconds = sum(row.seconds or 0 for row in report.rows)
    cut = sum(row.state == CUT for row in report.rows)
    page.cards(
        [
            (f"{row.value:.3f}", report.metric.name, f"{row.name}, {duration(row.seconds)}"),
            (str(len(finished)), "finished", f"{cut} cut early"),
            (duration(seconds), "of training", "all trials together, without repetitions"),
        ]
    )
    page.table(
        [["setting", f"value of {row.name}"]]
        + [[name, value_text(value)] for name, value in row.values.items()]
    )
    page.chapter("Is it better than the others?")
    page.text(*report.sentences)
    if report.repeated:
        rows = [["trial", "seeds", f"mean {report.metric.name}", "each seed"]]
        for repeated in report.repeated:
            each = ", ".join(f"{value:.4f}" for value in known(repeated.values))
            seeds = str(len(known(repeated.values)))
            rows.append([repeated.name, seeds, mean_text(repeated.values, 4), each])
        page.table(rows)
        page.note(
            "Mean ± standard deviation over seeds that the search itself did not use. Intervals "
            "are of paired differences (Student's t), without a correction for several comparisons."
        )


def _add_importances(page: Page, report: Report) -> None:
    page.section("What matters")
    finished = len(finished_rows(report.rows))
    if not report.importances or finished < LEAST_FOR_IMPORTANCE:
        page.text(
            f"{count(finished, 'finished trial')} cannot tell how much each setting matters; "
            f"{LEAST_FOR_IMPORTANCE} or more can, if their results differ."
        )
        return
    bars = []
    for name, share in report.importances.items():
        bars.append(Bar(name, share, f"{100 * share:.0f} %"))
    page.bars(bars, ("setting", "share", ""), top=max(*report.importances.values(), 1e-9))
    page.note(
        f"PED-ANOVA over {count(finished, 'finished trial')}: how far the values of the best "
        "quarter differ from all values. It ranks settings within the ranges that were searched; "
        "with few trials the shares are rough."
    )


def _add_cuts(page: Page, rows: Sequence[Row]) -> None:
    table = cut_table(rows)
    if len(table) > 1:
        page.chapter("Cut and failed")
        if cut_sentence(rows):
            page.text(cut_sentence(rows))
        page.table(table)


def _add_next(page: Page, report: Report) -> None:
    page.chapter("Next commands")
    if any(row.state in (RUNNING, WAITING) for row in report.rows):
        page.text("Trials are left: the command of the search resumes it.")
    if report.best is None:
        return
    page.text("Train with the best settings, for longer or on more images:")
    page.code(report.command)
    page.text("Look at the run of the best trial:")
    page.link(f"{report.best}/index.html", f"{report.best}/index.html")
