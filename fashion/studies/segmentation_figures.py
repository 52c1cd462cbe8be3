"""Figures of the study: scores by epoch, pair by pair, and label maps over their photos."""

import numpy as np

from fashion.pages.plots import COLORS, MAX_WIDTH, style_axes
from fashion.semantic.losses import IGNORED
from fashion.semantic.networks import NETWORKS
from fashion.studies.segmentation import LOSSES, OPTIMIZERS
from mrcnn.drawing.colors import distinct_colors

CURVES = {"val_pixel_accuracy": "pixel accuracy", "val_binary_iou": "binary IoU"}
TITLES = {
    "network": {name: network.title for name, network in NETWORKS.items()},
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
}
_STYLES = [(color, line) for line in ("-", "--") for color in COLORS]
_STRENGTH = 0.65  # of a label's colour over the photo
_COLUMNS = 4  # of panels in a figure


def comparison(histories, by):
    """Panels of the validation scores by epoch: in each the variants that differ in `by` alone.

    histories: {Variant: [history of each seed]}; by: "network", "loss", "optimizer" or "size"
    Returns: a matplotlib Figure, or None if no two variants differ so.
    """
    others = [name for name in (*TITLES, "size") if name != by]
    groups = {}
    for variant in histories:
        groups.setdefault(tuple(getattr(variant, name) for name in others), []).append(variant)
    groups, several = (
        {key: members for key, members in groups.items() if len(members) > 1},
        len({v.size for v in histories}) > 1,
    )
    if not groups:
        return None
    from matplotlib import pyplot as plt

    columns = min(_COLUMNS, len(groups))
    bands = -(-len(groups) // columns)
    figure, axes = plt.subplots(
        2 * bands,
        columns,
        figsize=(MAX_WIDTH * max(columns, 2) / _COLUMNS, 4.2 * bands),
        squeeze=False,
        sharex=True,
        sharey="row",
    )
    for panel in axes.flat:
        panel.set_visible(False)
    for i, (key, members) in enumerate(groups.items()):
        for row, (column, label) in enumerate(CURVES.items()):
            panel = axes[2 * (i // columns) + row][i % columns]
            panel.set_visible(True)
            for member, (color, line) in zip(members, _STYLES):
                _curve(
                    panel,
                    histories[member],
                    column,
                    label=title_of(by, getattr(member, by)),
                    color=color,
                    linestyle=line,
                )
            style_axes(panel, "epoch" if row else "", "" if i % columns else label)
            panel.tick_params(labelbottom=True)
            panel.xaxis.get_major_locator().set_params(integer=True)
        head = axes[2 * (i // columns)][i % columns]
        head.set_title(
            ", ".join(
                title_of(name, value)
                for name, value in zip(others, key)
                if name != "size" or several
            ),
            fontsize=9,
        )
        head.legend(fontsize=8, frameon=False)
    figure.tight_layout()
    plt.close(figure)
    return figure


def title_of(field, value):
    """What people call a value of a field of `Variant`."""
    return f"{value} × {value}" if field == "size" else TITLES[field][value]


def _curve(panel, histories, column, **style):
    """The mean over the seeds at each epoch that all of them have."""
    epochs = min(len(history) for history in histories)
    values = np.mean([[row[column] for row in history[:epochs]] for history in histories], axis=0)
    panel.plot(
        np.arange(1, epochs + 1),
        values,
        linewidth=1.5,
        marker="o" if epochs < 3 else None,
        markersize=3,
        **style,
    )


def painted(photo, labels, within):
    """A label map over its photo, cut to the part of the canvas that is photo.

    photo: (S, S, 3) uint8; labels: (S, S) uint8; within: (S, S) bool. Returns: (h, w, 3) uint8, a new array.
    """
    shown = within & (labels != 0) & (labels != IGNORED)
    picture = photo.astype(np.float32)
    picture[shown] = (1 - _STRENGTH) * picture[shown] + _STRENGTH * distinct_colors(IGNORED)[
        labels[shown].astype(int) - 1
    ]
    rows, columns = (np.flatnonzero(within.any(axis=axis)) for axis in (1, 0))
    return np.round(picture).astype(np.uint8)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def legend(names):
    """A matplotlib Figure with the colours of some labels. names: {label: name}"""
    from matplotlib import pyplot as plt
    from matplotlib.patches import Patch

    colors = distinct_colors(IGNORED) / 255
    handles = [Patch(color=colors[label - 1], label=name) for label, name in names.items()] or [
        Patch(color="white", label="no object")
    ]
    figure = plt.figure(figsize=(MAX_WIDTH, 0.3 * -(-len(handles) // 5)))
    figure.legend(
        handles=handles, ncols=min(5, len(handles)), loc="center", frameon=False, fontsize=9
    )
    plt.close(figure)
    return figure
