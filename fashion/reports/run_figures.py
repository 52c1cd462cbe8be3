"""Figures of a run: its losses and scores over the epochs."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from fashion.reports.run_facts import AVERAGED, SCORES
from mrcnn.drawing.plots import plot_history
from mrcnn.training.history_words import VALIDATION, in_words

# Columns of history.csv that are not curves.
_LEFT_OUT = ("epoch", "stage", "batches", "epoch_seconds", "seconds")
_PRECISIONS = {"ap": "mask AP", "ap50": "mask AP50", "box_ap": "box AP"}


def results_figure(history: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Plots every loss of training and validation, the learning rate, and the scores.

    Args:
        history: Rows of history.csv.

    Returns:
        The figure; None if no epoch is complete.
    """
    names = list(dict.fromkeys(name for row in history for name in row))
    curves, scores = {}, {}
    titles = {SCORES[field]: title for field, title in _PRECISIONS.items()}
    titles[AVERAGED + SCORES["ap"]] = "mask AP of averaged weights"
    for name in names:
        values = [_number(row.get(name)) for row in history]
        if not any(value is not None for value in values):
            continue
        if name in titles:
            scores[titles[name]] = values
        elif name not in _LEFT_OUT:
            prefix = VALIDATION if name.startswith(VALIDATION) else ""
            curves[prefix + in_words(name)] = values
    if not curves and not scores:
        return None
    return plot_history(curves, average_precision=scores or None)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
