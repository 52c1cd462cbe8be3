"""The page that sets runs side by side: scores, curves, categories and settings."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fashion.pages.html import Page
from fashion.pages.plots import FONT_SIZE, TEXT_COLOR, legend_above, style_axes
from fashion.reports.comparison import (
    Entry,
    category_rows,
    score_rows,
    setting_rows,
    warnings,
)
from fashion.reports.run_facts import SCORES, duration
from mrcnn.typing import PathLike

# Ten colours that differ in hue and lightness; matplotlib's, without the two that are alike.
_COLORS = (
    "#1f6fb4",
    "#d9731a",
    "#2b8a57",
    "#b0413e",
    "#8a4fb0",
    "#6b4a3a",
    "#d65fa8",
    "#3d4652",
    "#a7a01f",
    "#2fb4c2",
)
# Column of history.csv: title of its panel.
_PANELS = {
    "loss": "training loss",
    "val_loss": "validation loss",
    SCORES["ap"]: "mask AP",
    SCORES["f1"]: "attribute F1",
}


def write_comparison(folder: PathLike, entries: Sequence[Entry]) -> Path:
    """Writes index.html.

    Args:
        folder: Where to write.
        entries: What is compared; the first one is the reference.

    Returns:
        Path of the page.
    """
    page = Page(
        f"Comparison of {len(entries)} runs",
        f"differences from {entries[0].label} · {datetime.now():%Y-%m-%d %H:%M}",
    )
    for sentence in warnings(entries):
        page.text(sentence)
    page.chapter("Scores")
    page.table(score_rows(entries))
    page.note("All scores run from 0 to 1; higher is better. A dash: not measured.")
    page.table(_origin_rows(entries))
    curves = history_figure(entries)
    if curves:
        page.chapter("Over the epochs")
        page.figure(curves, "Losses and scores of the runs on their validation images.")
    precision = precision_figure(entries)
    if precision:
        page.chapter("Precision and recall")
        page.figure(precision, "Masks at IoU 0.50, the mean over categories with objects.")
    categories = category_rows(entries)
    if categories:
        page.chapter("Mask AP of each category")
        page.table(categories)
    settings = setting_rows(entries)
    if settings:
        page.chapter("Settings that differ")
        if len(settings) > 1:
            page.table(settings)
        else:
            page.text("None: the runs have the same settings.")
    path = Path(folder) / "index.html"
    page.write(path)
    return path


def _origin_rows(entries: Sequence[Entry]) -> list[list[str]]:
    rows = [["run", "data", "images scored", "recipe", "epochs", "time in epochs"]]
    for entry in entries:
        facts, metrics = entry.facts, entry.metrics
        data = metrics.get("data") or metrics.get("gt") or (facts.data if facts else "")
        of_run = ["", "", ""]
        if facts:
            of_run = [facts.recipe, f"{facts.epochs} of {facts.planned}", duration(facts.seconds)]
        images = str(metrics.get("photos", ""))
        rows.append([entry.label, str(data), images, *of_run])
    return rows


def history_figure(entries: Sequence[Entry]) -> Figure | None:
    """Plots losses and scores of several runs over their epochs.

    Args:
        entries: What is compared; those without a history are left out.

    Returns:
        The figure; None if there is no history.
    """
    panels = []
    for column, title in _PANELS.items():
        lines = {}
        for entry in entries:
            points = _points(entry.history, column)
            if points[0]:
                lines[entry.label] = points
        if lines:
            panels.append((title, lines))
    if not panels:
        return None
    colors = dict(zip((entry.label for entry in entries), _COLORS))
    figure = Figure(figsize=(9.6, 3.0 * -(-len(panels) // 2) + 0.4), layout="constrained")
    for place, (title, lines) in enumerate(panels, 1):
        axes = figure.add_subplot(-(-len(panels) // 2), 2, place)
        for label, (epochs, values) in lines.items():
            axes.plot(
                epochs, values, "o-", color=colors[label], label=label, markersize=3, linewidth=1.6
            )
        style_axes(axes, "epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(title, fontsize=FONT_SIZE + 1, color=TEXT_COLOR, loc="left")
    legend_above(figure, figure.axes[0], columns=min(len(entries), 4))
    return figure


def precision_figure(entries: Sequence[Entry]) -> Figure | None:
    """Plots precision over recall of several evaluations, of masks at IoU 0.50.

    Args:
        entries: What is compared; those without curves are left out.

    Returns:
        The figure; None if there are no curves.
    """
    figure = Figure(figsize=(6.6, 3.8), layout="constrained")
    axes = figure.add_subplot()
    for entry, color in zip(entries, _COLORS):
        curves = entry.metrics.get("curves")
        if curves:
            precision = curves["segm"]["all"]["50"]
            axes.plot(curves["segm"]["recalls"], precision, color=color, label=entry.label)
    if not axes.lines:
        return None
    style_axes(axes, "recall", "precision")
    axes.set(xlim=(0, 1.01), ylim=(0, 1.03))
    legend_above(figure, axes, columns=min(len(entries), 3))
    return figure


def _points(history: Sequence[Mapping[str, Any]], column: str) -> tuple[list[int], list[float]]:
    epochs, values = [], []
    for row in history:
        if isinstance(row.get(column), int | float):
            epochs.append(int(row["epoch"]))
            values.append(float(row[column]))
    return epochs, values
