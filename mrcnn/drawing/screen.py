"""Screen: axes to draw into, and showing them where somebody can see it."""

import textwrap

import matplotlib
from matplotlib import pyplot as plt
from matplotlib.backends import BackendFilter, backend_registry

from mrcnn.drawing.overlay import text_size_for

TITLE_GROWTH = 1.0  # points an inch: on 16 inches matplotlib's own 12 points are a whisper
LEAST_POINTS = 7  # smaller writing is not legible
LARGEST_GROWTH = 2  # or the writing would hide a picture that is that small
LETTER = 0.55  # em: the mean width of a letter in matplotlib's typeface


def new_axes(figsize):
    """Axes that fill a new figure of pyplot's, (width, height) in inches; labels and titles are kept inside it."""
    return plt.subplots(figsize=figsize, layout="constrained")[1]


def entitle(axes, title):
    """Writes a title above axes that have a figure for themselves, in a size that suits it."""
    width = axes.figure.get_figwidth()
    points = max(12, TITLE_GROWTH * width)
    axes.set_title(wrapped(title, width, points), fontsize=points)


def text_size_on(axes, size_hw):
    """Pixels per em of writing in a picture of (height, width) pixels: its own, or more where the axes are small."""
    own = text_size_for(size_hw)
    pixels_per_inch = (
        max(size_hw[0] / axes.bbox.height, size_hw[1] / axes.bbox.width) * axes.figure.dpi
    )
    return round(min(max(own, LEAST_POINTS / 72 * pixels_per_inch), LARGEST_GROWTH * own))


def on_screen():
    """Whether `plt.show()` has somewhere to show a figure: a window or a notebook."""
    writes_files_only = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)
    return matplotlib.get_backend().lower() not in {name.lower() for name in writes_files_only}


def show():
    """plt.show(), except where it could only warn that there is no screen; `savefig` still works then."""
    if on_screen():
        plt.show()


def wrapped(title, inches, points):
    """A title broken into lines that are about as wide as they may be at a size in points."""
    letters = max(8, int(inches * 72 / (points * LETTER)))
    return "\n".join(textwrap.fill(line, letters) for line in str(title).split("\n"))
