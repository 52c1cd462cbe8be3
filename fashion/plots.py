"""Plots: the palette and the axes that the figures of every page share; colour-blind readers can tell the colours apart."""

BLUE, ORANGE, GREY = COLORS = ("#1f6fb4", "#d9731a", "#3d4652")  # also of different lightness
INK, PALE, RULE = "#1c2430", "#5d6978", "#e3e8ee"  # writing, small writing, lines of a grid
FAINT = "#c9d3de"  # bars that are not the point
POINTS = 9
WIDEST = 10.0  # inches: all that a page has room for


def dress(axes, x_label="", y_label=""):
    """Small pale labels, a grid behind everything, and no more frame than two thin lines."""
    axes.set_xlabel(x_label, fontsize=POINTS, color=PALE)
    axes.set_ylabel(y_label, fontsize=POINTS, color=PALE)
    axes.tick_params(labelsize=POINTS, labelcolor=PALE, color=RULE)
    axes.grid(color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
