"""Files of a trend analysis: trends.json, trends.csv, plots and one page."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from fashion.formats.dates import place_of
from fashion.pages.html import Page, svg_of
from fashion.pages.plots import BLUE, FONT_SIZE, GREY, LIGHT, ORANGE, TEXT_COLOR, style_axes
from fashion.pages.text import axis_label, count, signed
from fashion.retrieval.trend_text import change_text, q_text, title
from mrcnn.files import atomic_path, write_text
from mrcnn.typing import PathLike

_TRENDS = 18  # plots of trends
_OTHERS = 6  # plots of other series of each kind, the most frequent
_TICKS = 4  # names of periods below a plot
_KINDS = {"category": "Categories", "attribute": "Attributes", "color": "Colors"}
_FIELDS = ("kind", "name", "trend", "from", "to", "slope", "tau", "p", "q")

Row = Mapping[str, Any]  # one of "series"


def write_trends(folder: PathLike, result: Mapping[str, Any], facts: Row | None = None) -> Path:
    """Writes all files.

    Args:
        folder: Where to write.
        result: Of `fashion.retrieval.trends.trends_of`.
        facts: Names and values that stand at the top of the page, such as the catalogue.

    Returns:
        Path of the page.
    """
    folder = Path(folder)
    write_text(folder / "trends.json", json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / "trends.csv", csv_text(result["series"]))
    plots = folder / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    for old in plots.glob("*.svg"):  # of an earlier run, with other names
        old.unlink()
    page = _page(result, facts or {}, plots)
    path = folder / "index.html"
    page.write(path)
    return path


def csv_text(rows: Sequence[Row]) -> str:
    """Writes series as CSV, a line for each period of each.

    Args:
        rows: "series".

    Returns:
        The text. The columns of the test repeat on every line of a series.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    points = ("period", "images", "with", "share", "low", "high")
    writer.writerow([*_FIELDS[:2], *points, *_FIELDS[2:]])
    for row in rows:
        for point in row["points"]:
            cells = [*(row[key] for key in _FIELDS[:2]), *(point[key] for key in points)]
            cells += [row[key] for key in _FIELDS[2:]]
            writer.writerow([f"{c:.6g}" if isinstance(c, float) else c for c in cells])
    return text.getvalue()


def panel(row: Row, period: str) -> Figure:
    """Plots one series: shares with their intervals, and the line of Theil and Sen.

    Args:
        row: One of "series".
        period: Name of the periods.

    Returns:
        The figure.
    """
    points = row["points"]
    places = np.array([place_of(point["period"], period) for point in points], float)
    shares, low, high = (
        np.array([point[key] for point in points]) for key in ("share", "low", "high")
    )
    figure = Figure(figsize=(3.4, 2.1), layout="constrained")
    axes = figure.add_subplot()
    color = {"rise": ORANGE, "fall": BLUE, "none": GREY}[row["trend"]]
    axes.vlines(places, low, high, color=LIGHT, linewidth=min(4.0, 110 / len(places)))
    axes.plot(places, shares, "o", color=color, markersize=3.5 if len(places) < 40 else 2)
    if row["trend"] != "none":
        axes.plot(places[[0, -1]], [row["from"], row["to"]], color=color, linewidth=1.8)
    style_axes(axes)
    axes.set_title(axis_label(row["name"]), fontsize=FONT_SIZE + 1, color=TEXT_COLOR, loc="left")
    axes.set_ylim(0, min(1.02, 1.08 * float(high.max())))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, 0, " %"))
    shown = np.unique(np.linspace(0, len(points) - 1, min(_TICKS, len(points))).round().astype(int))
    axes.set_xticks(places[shown], [points[i]["period"] for i in shown])
    axes.grid(visible=False, axis="x")
    return figure


def _page(result: Mapping[str, Any], facts: Row, plots: Path) -> Page:
    periods = result["periods"]
    span = f"{periods[0]['period']} to {periods[-1]['period']}" if periods else ""
    name = f"Trends of “{result['category']}”" if result["category"] else "Trends"
    page = Page(f"{name}, {span}" if span else name, _subtitle(result))
    page.facts((str(key), str(value)) for key, value in facts.items())
    page.chapter("What is real")
    page.text(result["summary"])
    rows = result["series"]
    trends = [row for row in rows if row["trend"] != "none"]
    period = result["period"]
    if trends:
        page.panels(_drawn(trends[:_TRENDS], period, plots, result["category"]))
        page.note(
            "Dots: share of the images of each period; bars: 95 % intervals (Wilson). Line: Theil "
            "and Sen."
        )
    for kind, heading in _KINDS.items():
        others = [row for row in rows if row["kind"] == kind and row["trend"] == "none"]
        if others:
            page.chapter(f"{heading} without a trend" if trends else heading)
            page.panels(_drawn(others[:_OTHERS], period, plots, result["category"]))
            if len(others) > _OTHERS:
                page.note(f"The {_OTHERS} most frequent of {len(others)}; the table has all.")
    if rows:
        page.chapter("All series")
        page.table(_table(rows, period))
        page.note(
            f"Slope: percentage points per {period}, with its 95 % interval. q: p value after "
            "Benjamini and Hochberg."
        )
    page.chapter("What is assumed, and what is left out")
    page.text(*result["notes"])
    _add_left_out(page, result)
    return page


def _subtitle(result: Mapping[str, Any]) -> str:
    plural = {"month": "months", "quarter": "quarters", "year": "years", "week": "weeks"}
    return (
        f"{count(result['images'], 'dated image')}, "
        f"{count(len(result['periods']), result['period'], plural[result['period']])}, "
        f"{result['tested']} series · false-discovery rate {100 * result['alpha']:g} %"
        f"{' · compared within seasons' if result['seasonal'] else ''}"
    )


def _drawn(
    rows: Sequence[Row], period: str, plots: Path, category: str | None
) -> Iterator[tuple[str, str]]:
    """Figures with captions; each is written to the folder as well."""
    for row in rows:
        svg = svg_of(panel(row, period))
        name = re.sub(r"[^\w]+", "-", f"{row['kind']} {row['name']}").strip("-")[:80]
        with atomic_path(plots / f"{name}.svg", synced=False) as temporary:
            temporary.write_text(svg, encoding="utf-8")
        if row["trend"] == "none":
            yield svg, f"{title(row)}: no trend ({q_text(row['q'])})."
        else:
            yield svg, change_text(row, category)


def _table(rows: Sequence[Row], period: str) -> list[list[str]]:
    table = [["kind", "name", "images", "from", "to", f"slope a {period}", "95 %", "q", "trend"]]
    for row in rows:
        table.append(
            [
                row["kind"],
                row["name"],
                f"{row['images']:,}",
                f"{100 * row['from']:.1f}",
                f"{100 * row['to']:.1f}",
                signed(100 * row["slope"], 2),
                f"{signed(100 * row['slope_low'], 2)} to {signed(100 * row['slope_high'], 2)}",
                f"{row['q']:.3f}" if row["q"] >= 0.001 else f"{row['q']:.0e}",
                "" if row["trend"] == "none" else row["trend"],
            ]
        )
    return table


def _add_left_out(page: Page, result: Mapping[str, Any]) -> None:
    rare = result["left_out"]["series"]
    if rare:
        table = [["kind", "name", "images"]]
        table += [[row["kind"], row["name"], str(row["images"])] for row in rare]
        page.folded_table(f"Left out, in fewer than {result['min_count']} images", table)
