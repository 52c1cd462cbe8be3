"""Figures of the segmentation study: scores by epoch, and label maps over their images."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fashion.pages.plots import COLORS, MAX_WIDTH, style_axes
from fashion.semantic.losses import IGNORED
from fashion.semantic.networks import NETWORKS
from fashion.studies.segmentation import LOSSES, OPTIMIZERS, Variant
from mrcnn.drawing.colors import distinct_colors
from mrcnn.typing import Array

CURVES = {"val_pixel_accuracy": "pixel accuracy", "val_binary_iou": "binary IoU"}
TITLES = {
    "network": {name: network.title for name, network in NETWORKS.items()},
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "schedule": {"constant": "constant rate", "step": "rate in steps", "cosine": "cosine rate"},
}
# All colours solid before the first dashed one.
_STYLES = [*((color, "-") for color in COLORS), *((color, "--") for color in COLORS)]
_OPACITY = 0.65  # of a label's colour over the image
_COLUMNS = 4  # of panels in a figure


def comparison(
    histories: Mapping[Variant, Sequence[Sequence[Mapping[str, float]]]], by: str
) -> Figure | None:
    """Draws validation scores by epoch, a panel for variants that differ in one field alone.

    Args:
        histories: History of each seed, by variant.
        by: The field, "network", "loss", "optimizer", "schedule" or "size".

    Returns:
        The figure; None if no two variants differ in this field alone.
    """
    others = [name for name in (*TITLES, "size") if name != by]
    groups = _groups(histories, others)
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
    # A size or a schedule that all have in common goes without saying.
    unsaid = [
        name
        for name in ("size", "schedule")
        if len({getattr(variant, name) for variant in histories}) == 1
    ]
    for i, (key, members) in enumerate(groups.items()):
        band, column = 2 * (i // columns), i % columns
        panels = axes[band][column], axes[band + 1][column]
        for row, panel in enumerate(panels):
            score, label = list(CURVES.items())[row]
            _draw_panel(panel, {member: histories[member] for member in members}, by, score)
            style_axes(panel, "epoch" if row else "", "" if column else label)
            panel.tick_params(labelbottom=True)
            panel.xaxis.get_major_locator().set_params(integer=True)
        fields = [title_of(name, value) for name, value in zip(others, key) if name not in unsaid]
        panels[0].set_title(", ".join(fields), fontsize=9)
        panels[0].legend(fontsize=8, frameon=False)
    figure.tight_layout()
    plt.close(figure)
    return figure


def _groups(variants: Iterable[Variant], fields: Sequence[str]) -> dict[tuple, list[Variant]]:
    """Variants that agree in some fields, by the values of these; groups of one are left out."""
    groups: dict[tuple, list[Variant]] = {}
    for variant in variants:
        groups.setdefault(tuple(getattr(variant, name) for name in fields), []).append(variant)
    return {key: members for key, members in groups.items() if len(members) > 1}


def _draw_panel(panel, histories, by, score):
    panel.set_visible(True)
    for (member, history), (color, line) in zip(histories.items(), _STYLES):
        label = title_of(by, getattr(member, by))
        _curve(panel, history, score, label=label, color=color, linestyle=line)


def title_of(field: str, value: Any) -> str:
    """Names a value of a field of `Variant`.

    Args:
        field: Name of the field.
        value: Its value.

    Returns:
        The name for people.
    """
    return f"{value} × {value}" if field == "size" else TITLES[field][value]


def _curve(panel, histories, column, **style):
    """The mean over the seeds at each epoch that all of them have."""
    epochs = min(len(history) for history in histories)
    curves = []
    for history in histories:
        curves.append([row[column] for row in history[:epochs]])
    values = np.mean(curves, axis=0)
    panel.plot(
        np.arange(1, epochs + 1),
        values,
        linewidth=1.5,
        marker="o" if epochs < 3 else None,
        markersize=3,
        **style,
    )


def painted(image: Array, labels: Array, within: Array) -> Array:
    """Paints a label map over its image.

    Args:
        image: `(S, S, 3)` uint8, on its canvas.
        labels: `(S, S)` uint8.
        within: `(S, S)` bool, the part of the canvas that the image covers.

    Returns:
        `(h, w, 3)` uint8, a new array of that part.
    """
    shown = within & (labels != 0) & (labels != IGNORED)
    colors = distinct_colors(IGNORED)[labels[shown].astype(int) - 1]
    overlay = image.astype(np.float32)
    overlay[shown] = (1 - _OPACITY) * overlay[shown] + _OPACITY * colors
    rows, columns = (np.flatnonzero(within.any(axis=axis)) for axis in (1, 0))
    return np.round(overlay).astype(np.uint8)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def legend(names: Mapping[int, str]) -> Figure:
    """Draws the colours of some labels.

    Args:
        names: Name by label.

    Returns:
        The figure.
    """
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
