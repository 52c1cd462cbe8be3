"""Curves: how precision falls as recall rises, and the area that is called average precision."""

import numpy as np

from mrcnn.drawing.screen import new_axes

CURVE_COLOR = "#1f6fb4"


def plot_precision_recall(AP, precisions, recalls):
    """Draws the curve of one evaluation into a new figure of pyplot's; Matterport's signature.

    AP: average precision, 0..1; precisions, recalls: (K,) 0..1, as `mrcnn.utils.compute_ap` returns them, recalls ascending
    Each precision is drawn over the recalls from the one before up to its own, so the tinted area is the AP.
    """
    precisions, recalls = np.asarray(precisions, np.float64), np.asarray(recalls, np.float64)
    if precisions.shape != recalls.shape or precisions.ndim != 1:
        raise ValueError(
            f"A curve has one recall for every precision. Got precisions {precisions.shape} and recalls {recalls.shape}."
        )
    axes = new_axes((6.4, 4.8))
    axes.fill_between(recalls, precisions, step="pre", color=CURVE_COLOR, alpha=0.15, linewidth=0)
    axes.plot(recalls, precisions, color=CURVE_COLOR, drawstyle="steps-pre", linewidth=1.8)
    axes.set_title(f"Precision-Recall Curve. AP = {float(AP):.3f}", fontsize=12)
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    # A perfect curve runs along the border: it needs room to be seen.
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.03)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
