"""Figures: frequencies, sizes and shapes as dots and bars that stay readable from one object to a hundred thousand."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from fashion.pages.plots import (
    BLUE,
    COLORS,
    FONT_SIZE,
    LABEL_COLOR,
    LIGHT,
    MAX_WIDTH,
    ORANGE,
    TEXT_COLOR,
    style_axes,
)

_LINE = 0.205  # inches of one name in a list
_PANEL_ROWS = 10  # names in a panel of `group_panels`


def size_figure(sizes):
    """Width and height of the photos as dots, the larger and darker the more photos. sizes: of `quantiles.photo_sizes`"""
    figure = Figure(figsize=(5.2, 4.4), layout="constrained")
    axes = figure.add_subplot()
    x, y, number = np.array(sorted(sizes["grid"], key=lambda cell: cell[2])).T
    dots = axes.scatter(
        x,
        y,
        10 + 150 * np.sqrt(number / number.max()),
        number,
        cmap="Blues",
        vmin=-0.35 * number.max(),
        edgecolors="white",
        linewidths=0.4,
    )
    dots.set_clim(-0.35 * number.max(), number.max())
    style_axes(axes, "width, pixels", "height, pixels")
    room = 0.06 * max(np.ptp(x), np.ptp(y), 0.1 * y.max())
    axes.axline((0, 0), slope=1, linestyle=":", color=LABEL_COLOR, linewidth=1)  # square photos
    axes.set(xlim=(x.min() - room, x.max() + room), ylim=(y.min() - room, y.max() + room))
    return figure


def histograms(panels):
    """Histograms side by side. panels: list of (histogram of `quantiles.histogram`, what is on the x axis, what is counted)"""
    figure = Figure(figsize=(min(MAX_WIDTH, 4.4 * len(panels)), 2.7), layout="constrained")
    for i, (histogram, x_label, y_label) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), i)
        edges = np.array(histogram["edges"])
        axes.bar(edges[:-1], histogram["counts"], np.diff(edges) * 0.94, align="edge", color=BLUE)
        style_axes(axes, x_label, y_label)
        axes.grid(visible=False, axis="x")
    return figure


def count_bars(panels):
    """Bars over whole numbers, side by side. panels: list of (how often each of 0, 1, 2, …, what is on the x axis, what is counted)"""
    figure = Figure(figsize=(min(MAX_WIDTH, 4.8 * len(panels)), 2.7), layout="constrained")
    for i, (counts, x_label, y_label) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), i)
        axes.bar(range(len(counts)), counts, 0.86, color=BLUE)
        style_axes(axes, x_label, y_label)
        axes.grid(visible=False, axis="x")
        axes.set_xlim(-0.6, len(counts) - 0.4)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def frequency_figure(rows):
    """Objects and photos of each name on a logarithmic scale, the most frequent at the top. rows: of `frequencies`, some of them seen"""
    rows = sorted(
        (row for row in rows if row["objects"]), key=lambda row: (row["objects"], row["photos"])
    )
    figure = Figure(figsize=(8.2, _LINE * len(rows) + 1.0), layout="constrained")
    axes = figure.add_subplot()
    _dots(axes, rows)
    axes.tick_params(axis="x", labeltop=len(rows) > 20)
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside upper left",
        ncols=2,
        fontsize=FONT_SIZE,
        frameon=False,
        labelcolor=TEXT_COLOR,
    )
    return figure


def group_panels(groups):
    """The most frequent names of each group, a panel a group, on one logarithmic scale. groups: {name: rows of `frequencies`}"""
    columns = 2 if len(groups) > 1 else 1
    groups = dict(
        sorted(groups.items(), key=lambda group: -len(group[1]))
    )  # panels of one height side by side
    shown = {
        name: sorted((row for row in rows if row["objects"]), key=lambda row: row["objects"])[
            -_PANEL_ROWS:
        ]
        for name, rows in groups.items()
    }
    pairs = [list(shown.items())[i : i + columns] for i in range(0, len(shown), columns)]
    heights = [_LINE * max(len(rows) for _, rows in pair) + 0.55 for pair in pairs]
    figure = Figure(
        figsize=(MAX_WIDTH if columns > 1 else 6, sum(heights) + 0.3), layout="constrained"
    )
    figure.get_layout_engine().set(wspace=0.05)
    grid = figure.add_gridspec(len(pairs), columns, height_ratios=heights)
    low = min(row["photos"] for rows in shown.values() for row in rows)
    high = max(row["objects"] for rows in shown.values() for row in rows)
    for i, pair in enumerate(pairs):
        most = max(len(rows) for _, rows in pair)
        for j, (name, rows) in enumerate(pair):
            axes = figure.add_subplot(grid[i, j])
            _dots(axes, rows, (low, high))
            axes.set_ylim(
                len(rows) - most - 0.6, len(rows) - 0.4
            )  # rows are equally high in all panels
            left_out = sum(1 for row in groups[name] if row["objects"]) - len(rows)
            more = f", the first {len(rows)} of {len(rows) + left_out}" if left_out else ""
            axes.set_title(
                f"{name.split(',')[0]}{more}", fontsize=FONT_SIZE + 1, color=TEXT_COLOR, loc="left"
            )
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside upper left",
        ncols=2,
        fontsize=FONT_SIZE,
        frameon=False,
        labelcolor=TEXT_COLOR,
    )
    return figure


def logarithmic(axis, low, high):
    """A logarithmic axis with numbers that are written out: powers of ten and, where these are few, two and five times them.

    axis: axes.xaxis or axes.yaxis; low, high: about the ends of what it shows
    """
    {"x": axis.axes.set_xscale, "y": axis.axes.set_yscale}[axis.axis_name]("log")
    axis.set_major_locator(LogLocator(10, (1, 2, 5) if high < 300 * low else (1,), numticks=12))
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    )
    axis.set_minor_locator(NullLocator())


def _dots(axes, rows, ends=None):
    """A line of dots for each row, from the bottom up: objects, and photos as a ring; counts and share of the photos behind them."""
    places = np.arange(len(rows))
    objects, photos = (np.array([row[key] for row in rows]) for key in ("objects", "photos"))
    low, high = ends or (photos.min(), objects.max())
    logarithmic(axes.xaxis, low, high)
    axes.hlines(places, low / 2, objects, color=LIGHT, linewidth=1)
    axes.plot(objects, places, "o", color=BLUE, markersize=5.5, label="objects")
    axes.plot(
        photos,
        places,
        "o",
        color=ORANGE,
        markersize=5.5,
        markerfacecolor="none",
        markeredgewidth=1.3,
        label="photos with one or more",
    )
    for y, row in zip(places, rows):
        axes.annotate(
            f"{row['objects']:,} ({share_text(row['share_of_photos'])})",
            (row["objects"], y),
            (7, 0),
            textcoords="offset points",
            va="center",
            fontsize=FONT_SIZE - 1,
            color=LABEL_COLOR,
        )
    style_axes(axes)
    axes.grid(visible=False, axis="y")
    axes.set_yticks(places, [shortened(row["name"]) for row in rows])
    axes.tick_params(axis="both", which="both", length=0)
    axes.tick_params(axis="y", labelcolor=TEXT_COLOR)
    axes.set(xlim=(low / 2, high * (high / low) ** 0.22 * 1.6), ylim=(-0.6, len(rows) - 0.4))


def rank_figure(rows):
    """Objects over rank, both logarithmic: how long the tail is. rows: of `frequencies`"""
    counts = np.sort([row["objects"] for row in rows if row["objects"]])[::-1]
    figure = Figure(figsize=(6.6, 3.0), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(
        np.arange(1, len(counts) + 1), counts, color=BLUE, linewidth=1.8, marker="o", markersize=3
    )
    logarithmic(axes.xaxis, 1, len(counts))
    logarithmic(axes.yaxis, counts[-1], counts[0])
    style_axes(axes, "rank, the most frequent first", "objects")
    for least in (10, 100, 1000):
        rank = int((counts >= least).sum())
        if 0 < rank < len(counts):
            place, side = (
                ((-6, -10), "right") if rank**2 > len(counts) else ((6, 5), "left")
            )  # where the curve leaves room
            axes.annotate(
                f"{rank} with {least:,} or more",
                (rank, counts[rank - 1]),
                place,
                textcoords="offset points",
                ha=side,
                fontsize=FONT_SIZE,
                color=LABEL_COLOR,
            )
    return figure


def quantile_figure(rows, panels):
    """Boxes of quantiles by name: line 5 to 95 %, bar 25 to 75 %, dot the median; panels side by side share the names.

    rows: dicts with "name" and the panels' keys, five quantiles each; panels: list of (key, what is on the x axis, logarithmic or not)
    """
    rows = rows[::-1]
    figure = Figure(
        figsize=(min(MAX_WIDTH, 2.0 + 3.0 * len(panels)), _LINE * len(rows) + 0.8),
        layout="constrained",
    )
    places = np.arange(len(rows))
    for axes, (key, x_label, on_log) in zip(
        figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels
    ):
        p5, p25, p50, p75, p95 = np.array([row[key] for row in rows], np.float64).T
        if on_log:
            logarithmic(axes.xaxis, p5.min(), p95.max())
        axes.hlines(places, p5, p95, color=BLUE, linewidth=1.1)
        axes.hlines(places, p25, p75, color=BLUE, linewidth=6, alpha=0.45)
        axes.plot(p50, places, "o", color=TEXT_COLOR, markersize=4)
        style_axes(axes, x_label)
        axes.grid(visible=False, axis="y")
        axes.set_yticks(places, [shortened(row["name"]) for row in rows])
        axes.tick_params(axis="both", which="both", length=0)
        axes.tick_params(axis="y", labelcolor=TEXT_COLOR)
        axes.tick_params(axis="x", labeltop=len(rows) > 20)
        axes.set_ylim(-0.6, len(rows) - 0.4)
    return figure


def share_bars(rows, titles, labels):
    """Bars of 100 % by name, parted, a panel each. rows: list of (name, [counts of the parts] for each panel); labels: of the parts"""
    rows = rows[::-1]
    figure = Figure(
        figsize=(min(MAX_WIDTH, 2.2 + 3.4 * len(titles)), _LINE * len(rows) + 1.0),
        layout="constrained",
    )
    grid = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for i, (axes, title) in enumerate(zip(grid, titles)):
        parts = np.array([row[1][i] for row in rows], np.float64)
        parts = 100 * parts / np.maximum(parts.sum(axis=1, keepdims=True), 1)
        left = np.zeros(len(rows))
        for values, color, label in zip(parts.T, (ORANGE, LIGHT, BLUE), labels):
            axes.barh(
                range(len(rows)), values, 0.72, left, color=color, label=label if not i else None
            )
            left = left + values
        style_axes(axes, "% of the objects")
        axes.set_title(title, fontsize=FONT_SIZE + 1, color=TEXT_COLOR, loc="left")
        axes.grid(visible=False)
        axes.set_yticks(range(len(rows)), [shortened(row[0]) for row in rows])
        axes.tick_params(axis="both", length=0)
        axes.tick_params(axis="y", labelcolor=TEXT_COLOR)
        axes.set(xlim=(0, 100), ylim=(-0.6, len(rows) - 0.4))
    figure.legend(
        *grid[0].get_legend_handles_labels(),
        loc="outside upper left",
        ncols=3,
        fontsize=FONT_SIZE,
        frameon=False,
        labelcolor=TEXT_COLOR,
    )
    return figure


def two_shares(rows, names=("train", "val")):
    """Two shares of each name as two dots that a line joins, the largest at the top. rows: dicts of name, train, val"""
    rows = sorted(
        (row for row in rows if max(row["train"], row["val"]) > 0),
        key=lambda row: max(row["train"], row["val"]),
    )
    figure = Figure(figsize=(7.2, _LINE * len(rows) + 1.0), layout="constrained")
    axes, places = figure.add_subplot(), np.arange(len(rows))
    one, other = (100 * np.array([row[key] for row in rows]) for key in ("train", "val"))
    axes.hlines(places, one, other, color=LIGHT, linewidth=3)
    for values, color, label, fill in (
        (one, COLORS[0], names[0], COLORS[0]),
        (other, COLORS[1], names[1], "none"),
    ):
        axes.plot(
            values,
            places,
            "o",
            color=color,
            markersize=5.5,
            markerfacecolor=fill,
            markeredgewidth=1.3,
            label=label,
            clip_on=False,
        )
    style_axes(axes, "% of the photos that have it")
    axes.grid(visible=False, axis="y")
    axes.set_yticks(places, [shortened(row["name"]) for row in rows])
    axes.tick_params(axis="both", length=0)
    axes.tick_params(axis="y", labelcolor=TEXT_COLOR)
    axes.set(xlim=(0, None), ylim=(-0.6, len(rows) - 0.4))
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside upper left",
        ncols=2,
        fontsize=FONT_SIZE,
        frameon=False,
        labelcolor=TEXT_COLOR,
    )
    return figure


def shortened(name, most=30):
    """A name as it fits beside a figure: its first word of several with commas, cut."""
    name = name.split(",")[0]
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"


def share_text(share):
    """0.123 -> "12 %", with two digits where it is small."""
    percent = 100 * share
    return (
        "0 %"
        if not share
        else f"{percent:.0f} %"
        if percent >= 9.95
        else f"{percent:.1f} %"
        if percent >= 0.95
        else f"{percent:.2g} %"
    )
