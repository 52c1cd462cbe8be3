"""Plots: the palette and the axes that the figures of every page share; colour-blind readers can tell the colours apart."""

BLUE, ORANGE, GREY = COLORS = ("#1f6fb4", "#d9731a", "#3d4652")  # also of different lightness
TEXT_COLOR, LABEL_COLOR, GRID_COLOR = (
    "#1c2430",
    "#5d6978",
    "#e3e8ee",
)  # writing, small writing, lines of a grid
LIGHT = "#c9d3de"  # bars that are not the point
FONT_SIZE = 9
MAX_WIDTH = 10.0  # inches: all that a page has room for


def style_axes(axes, x_label="", y_label=""):
    """Small pale labels, a grid behind everything, and no more frame than two thin lines."""
    axes.set_xlabel(x_label, fontsize=FONT_SIZE, color=LABEL_COLOR)
    axes.set_ylabel(y_label, fontsize=FONT_SIZE, color=LABEL_COLOR)
    axes.tick_params(labelsize=FONT_SIZE, labelcolor=LABEL_COLOR, color=GRID_COLOR)
    axes.grid(color=GRID_COLOR, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID_COLOR)
