"""Figures of a search: parallel coordinates, values over each parameter, learning curves."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fashion.hyperparameters.metrics import Metric
from fashion.hyperparameters.results import CUT, Row, finished_rows
from fashion.hyperparameters.space import Parameter, Space
from fashion.hyperparameters.worker import value_text
from fashion.pages.plots import (
    BLUE,
    FONT_SIZE,
    LABEL_COLOR,
    LIGHT,
    MAX_WIDTH,
    ORANGE,
    TEXT_COLOR,
    legend_above,
    log_axis,
    style_axes,
)

_COLORS = "viridis"
_MISSING = -0.12  # where a line passes an axis on which it has no value
_LONGEST_TICK = 16  # characters
_ACROSS = 3  # panels in a row


def parallel_coordinates(rows: Sequence[Row], space: Space, metric: Metric) -> Figure:
    """Draws a line for each trial across an axis for each parameter, and one for the metric.

    Args:
        rows: From `results.rows_of`, some of them finished.
        space: The search space.
        metric: What is maximized.

    Returns:
        The figure.
    """
    finished = finished_rows(rows)
    values = [row.value for row in finished if row.value is not None]
    low, high = min(values), max(values)
    norm = Normalize(low, high if high > low else low + 1e-9)
    count = len(space.parameters)
    figure = Figure(figsize=(min(MAX_WIDTH, 1.6 * (count + 1) + 2.2), 4.2), layout="constrained")
    axes = figure.add_subplot()
    for row in (row for row in rows if row.state == CUT):
        axes.plot(range(count), _heights(row, space), color=LIGHT, linewidth=1.0, zorder=1)
    for row in reversed(finished):  # the best on top
        assert row.value is not None
        heights = [*_heights(row, space), float(norm(row.value))]
        color = colormaps[_COLORS](norm(row.value))
        axes.plot(range(count + 1), heights, color=color, linewidth=1.6, alpha=0.9, zorder=2)
    _draw_axes(axes, space)
    for share in np.linspace(0, 1, 5):
        text = f"{low + share * (high - low):.3f}"
        axes.text(count + 0.05, share, text, fontsize=FONT_SIZE, color=LABEL_COLOR, va="center")
    axes.plot([count, count], [0, 1], color=TEXT_COLOR, linewidth=0.8, zorder=3)
    names = [*space.names, metric.name]
    axes.set_xticks(range(count + 1), names, fontsize=FONT_SIZE, color=TEXT_COLOR)
    axes.tick_params(axis="x", length=0)
    axes.set(xlim=(-0.25, count + 0.6), ylim=(-0.2, 1.06), yticks=[])
    axes.spines[:].set_visible(False)
    return figure


def _draw_axes(axes: Axes, space: Space) -> None:
    """The axes of the parameters with their values."""
    for x, parameter in enumerate(space.parameters):
        axes.plot([x, x], [0, 1], color=TEXT_COLOR, linewidth=0.8, zorder=3)
        ticks = [(_height(parameter, value), value) for value in _tick_values(parameter)]
        if parameter.condition:
            ticks.append((_MISSING, "–"))
        for height, value in ticks:
            text = value_text(value)
            text = text if len(text) <= _LONGEST_TICK else f"{text[: _LONGEST_TICK - 1]}…"
            axes.text(
                x + 0.05,
                height,
                text,
                fontsize=FONT_SIZE,
                color=LABEL_COLOR,
                va="center",
                zorder=4,
                bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.8},
            )


def _tick_values(parameter: Parameter) -> list[Any]:
    if parameter.choices:
        return list(parameter.choices)
    if parameter.is_log:
        low, high = math.log10(parameter.low), math.log10(parameter.high)
        powers = [10.0**power for power in range(math.ceil(low), math.floor(high) + 1)]
        inner = [p for p in powers if 1.2 * parameter.low < p < parameter.high / 1.2]
        return [parameter.low, *inner, parameter.high]
    return [parameter.low, (parameter.low + parameter.high) / 2, parameter.high]


def _height(parameter: Parameter, value: Any) -> float:
    """Where a value lies on its axis, from 0 to 1."""
    if parameter.choices:
        last = len(parameter.choices) - 1
        return parameter.choices.index(value) / last if last else 0.5
    if parameter.is_log:
        return math.log(value / parameter.low) / math.log(parameter.high / parameter.low)
    return (value - parameter.low) / (parameter.high - parameter.low)


def _heights(row: Row, space: Space) -> list[float]:
    heights = []
    for parameter in space.parameters:
        has = parameter.name in row.values
        heights.append(_height(parameter, row.values[parameter.name]) if has else _MISSING)
    return heights


def parameter_panels(rows: Sequence[Row], space: Space, metric: Metric, best: str | None) -> Figure:
    """Draws the metric over each parameter, a dot for each finished trial.

    Args:
        rows: From `results.rows_of`, some of them finished.
        space: The search space.
        metric: What is maximized.
        best: Name of the trial that is orange.

    Returns:
        The figure.
    """
    finished = finished_rows(rows)
    count = len(space.parameters)
    down = -(-count // _ACROSS)
    figure = Figure(figsize=(9.6, 2.6 * down), layout="constrained")
    for place, parameter in enumerate(space.parameters):
        axes = figure.add_subplot(down, min(count, _ACROSS), place + 1)
        found = [row for row in finished if parameter.name in row.values]
        xs = [_x(parameter, row.values[parameter.name]) for row in found]
        colors = [ORANGE if row.name == best else BLUE for row in found]
        ys = [row.value for row in found if row.value is not None]
        axes.scatter(xs, ys, c=colors, s=22, alpha=0.75, linewidths=0)
        style_axes(axes, parameter.name, "" if place % _ACROSS else metric.name)
        if parameter.choices:
            labels = [value_text(choice)[:_LONGEST_TICK] for choice in parameter.choices]
            turn = 20 if sum(map(len, labels)) > 30 else 0
            axes.set_xticks(range(len(labels)), labels, rotation=turn)
            axes.set_xlim(-0.5, len(labels) - 0.5)
        elif parameter.is_log:
            log_axis(axes.xaxis, parameter.low, parameter.high)
    return figure


def _x(parameter: Parameter, value: Any) -> float:
    return parameter.choices.index(value) if parameter.choices else value


def learning_curves(rows: Sequence[Row], metric: Metric, best: str | None) -> Figure | None:
    """Draws the reported column over the epochs, a line for each trial.

    Args:
        rows: From `results.rows_of`.
        metric: What is maximized.
        best: Name of the trial that is orange.

    Returns:
        The figure; None if no epoch was scored.
    """
    shown = [row for row in rows if row.scored]
    if not shown:
        return None
    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    axes = figure.add_subplot()
    # The best on top.
    shown.sort(key=lambda row: row.name != best)
    labelled = set()
    for row in reversed(shown):
        color, width, label = BLUE, 1.0, "finished"
        if row.name == best:
            color, width, label = ORANGE, 2.4, f"the best, {row.name}"
        elif row.value is None:
            color, label = "#9aa7b5", "cut or not finished"
        epochs = sorted(row.scored)
        axes.plot(
            epochs,
            [row.scored[epoch] for epoch in epochs],
            "o-" if row.value is not None else "x--",
            color=color,
            linewidth=width,
            markersize=3.5,
            alpha=1 if row.name == best else 0.65,
            label="" if label in labelled else label,
        )
        labelled.add(label)
    style_axes(axes, "epoch", metric.column)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_above(figure, axes)
    return figure
