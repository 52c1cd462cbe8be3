"""The style that all figures share: palette, fonts, axes and legends."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from fashion.pages.text import axis_label
from mrcnn.drawing.colors import text_color

# Colour-blind readers can tell these apart: they also differ in lightness.
BLUE, ORANGE, GREY = COLORS = ("#1f6fb4", "#d9731a", "#3d4652")
TEXT_COLOR, LABEL_COLOR, GRID_COLOR = "#1c2430", "#5d6978", "#e3e8ee"
LIGHT = "#c9d3de"  # bars in the background
FONT_SIZE = 9  # points
MAX_WIDTH = 10.0  # inches: the width of a page


def style_axes(axes: Axes, x_label: str = "", y_label: str = "") -> None:
    """Sets labels, a light grid behind the data, and no frame on the top and right.

    Args:
        axes: Axes to change.
        x_label: Text below the x axis.
        y_label: Text beside the y axis.
    """
    axes.set_xlabel(x_label, fontsize=FONT_SIZE, color=LABEL_COLOR)
    axes.set_ylabel(y_label, fontsize=FONT_SIZE, color=LABEL_COLOR)
    axes.tick_params(labelsize=FONT_SIZE, labelcolor=LABEL_COLOR, color=GRID_COLOR)
    axes.grid(color=GRID_COLOR, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID_COLOR)


def log_axis(axis: Axis, low: float, high: float) -> None:
    """Makes an axis logarithmic, with tick labels written out.

    Args:
        axis: `axes.xaxis` or `axes.yaxis`.
        low: About the smallest value shown.
        high: About the largest value shown. Below 300 * low, ticks at 2 and 5 are added.
    """
    set_scale = axis.axes.set_xscale if axis is axis.axes.xaxis else axis.axes.set_yscale
    set_scale("log")
    subs = (1, 2, 5) if high < 300 * low else (1,)
    axis.set_major_locator(LogLocator(10, subs, numticks=12))
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    )
    axis.set_minor_locator(NullLocator())


def label_rows(axes: Axes, names: Sequence[str]) -> None:
    """Writes a name beside each row of a figure; row 0 is at the bottom.

    Args:
        axes: Axes whose rows lie at y = 0, 1, 2, ….
        names: One for each row; long names are shortened.
    """
    axes.grid(visible=False, axis="y")
    axes.set_yticks(range(len(names)), [axis_label(name) for name in names])
    axes.tick_params(axis="both", which="both", length=0)
    axes.tick_params(axis="y", labelcolor=TEXT_COLOR)
    axes.set_ylim(-0.6, len(names) - 0.4)


def cell_grid(axes: Axes, rows: int, columns: int) -> None:
    """Draws thin lines between the cells of a heat map, and no frame.

    Args:
        axes: Axes with an image of `rows` x `columns` cells.
        rows: Number of rows.
        columns: Number of columns.
    """
    axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#ecf0f4", linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


def cell_text_color(share: float, color_map: str = "Blues") -> str:
    """Chooses the colour of the text in a cell of a heat map, whichever has more contrast.

    Args:
        share: Position of the cell's colour in the colour map, 0 to 1.
        color_map: Name of the colour map.

    Returns:
        A colour for matplotlib.
    """
    red, green, blue, _ = (round(255 * channel) for channel in colormaps[color_map](share))
    # Black, not the dark blue of other text: black or white has a contrast of at least 4.5.
    return "black" if text_color((red, green, blue)) == (0, 0, 0) else "white"


def legend_above(
    figure: Figure, axes: Axes, columns: int | None = None, *, by_label: bool = False
) -> None:
    """Puts the legend of one axes above the figure.

    Args:
        figure: The figure, with constrained layout.
        axes: The axes whose labels are shown.
        columns: Columns of the legend; default: one for each label.
        by_label: Sort the labels, so that "AP" stands before "AP50".
    """
    handles, labels = axes.get_legend_handles_labels()
    if by_label:  # matplotlib lists lines before bars
        by_name = dict(sorted(zip(labels, handles)))
        handles, labels = list(by_name.values()), list(by_name)
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=columns or len(labels),
        fontsize=FONT_SIZE,
        frameon=False,
        labelcolor=TEXT_COLOR,
    )
