"""Rebalancing: which images a training sees more often, and how that changes label frequencies.

classes      repeats images with rare categories (LVIS): REBALANCE_THRESHOLD
attributes   repeats images with rare attributes: REBALANCE_ATTRIBUTE_THRESHOLD
balanced     draws a category, each equally often, then an image that has it
effective    weights images by the effective number of their rarest category
             (Cui et al., "Class-Balanced Loss", 2019): REBALANCE_BETA
missed       after an evaluation, doubles images with the frequent categories of lowest recall
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fashion.config import FashionConfig
from fashion.datasets.label_counts import LabelCounts
from fashion.datasets.rebalancing_rules import RULES, USUAL, agreed_rules
from fashion.pages.plots import BLUE, FONT_SIZE, LABEL_COLOR, LIGHT, ORANGE, TEXT_COLOR, style_axes
from fashion.pages.text import short_name
from mrcnn.data.loading.samplers import (
    balanced_factors,
    effective_number_factors,
    objects_drawn,
    repeat_factors,
)
from mrcnn.files import atomic_path, write_text
from mrcnn.typing import Array

__all__ = [
    "RULES",
    "USUAL",
    "Histogram",
    "agreed_rules",
    "paste_weights",
    "starting_repeats",
]

MAX_NAMES = 60  # on one axis of the figure


def starting_repeats(labels: LabelCounts, rules: Sequence[str], config: FashionConfig) -> Array:
    """Computes how often images are repeated before the first evaluation.

    Args:
        labels: Counts of the n training images.
        rules: Some of `RULES`.
        config: Holds the thresholds.

    Returns:
        `(n,)` float64; if two rules apply, the larger factor.
    """
    repeats = [np.ones(len(labels.categories))]
    if "balanced" in rules:
        return balanced_factors(labels.categories)
    if "effective" in rules:
        return effective_number_factors(labels.categories, config.REBALANCE_BETA)
    if "classes" in rules:
        repeats.append(repeat_factors(labels.categories, config.REBALANCE_THRESHOLD))
    if "attributes" in rules:
        repeats.append(repeat_factors(labels.attributes, config.REBALANCE_ATTRIBUTE_THRESHOLD))
    return np.max(repeats, axis=0)


def paste_weights(labels: LabelCounts) -> Array:
    """Computes how likely COPY_PASTE copies an object of each category.

    Args:
        labels: Counts of the training images.

    Returns:
        `(1 + K,)` float64, the background first: one over the root of the number of objects.
    """
    return np.append(0, 1 / np.sqrt(np.maximum(np.asarray(labels.categories).sum(axis=0), 1)))


class Histogram:
    """Objects of every label that a round of training shows, without and with rebalancing.

    Args:
        labels: Counts of the n training images.
        repeats: `(n,)` float, their factors.
        length: Images of a round; None takes the sum of the factors.

    Attributes:
        before: `(K + T,)` float, mean objects in 1,000 images without rebalancing.
        after: The same with rebalancing.
    """

    def __init__(self, labels: LabelCounts, repeats: Array, length: int | None = None) -> None:
        self.labels, self.objects = labels, labels.all()
        self.num_images = len(self.objects)
        self.length = int(round(np.sum(repeats))) if length is None else length
        self.round = objects_drawn(self.objects, repeats, self.length)
        self.before = 1000 * self.objects.sum(axis=0) / self.num_images
        self.after = 1000 * self.round / self.length
        self.kinds = np.repeat(
            ["category", "attribute"], [labels.categories.shape[1], labels.attributes.shape[1]]
        )

    def summary(self) -> str:
        """Summarises the change in one line.

        Returns:
            With the category and the attribute that gain most.
        """
        gains = []
        for kind in ("category", "attribute"):
            rows = self._occurring(kind)
            if len(rows):
                i = rows[np.argmax(self.after[rows] / self.before[rows])]
                change = f"{_short(self.before[i])} -> {_short(self.after[i])}"
                gains.append(f"{short_name(self.labels.names[i])} {change}")
        return (
            f"one pass shows {self.length:,} images instead of {self.num_images:,}; objects per "
            f"1,000 images shown: {', '.join(gains)}"
        )

    def write(self, folder: Path) -> None:
        """Writes rebalance.csv, all labels that occur, and rebalance.png.

        Args:
            folder: Where to write.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(
            [
                "kind",
                "name",
                "photos",
                "objects_before",
                "objects_after",
                "per_1000_photos_before",
                "per_1000_photos_after",
            ]
        )
        images, objects = (self.objects > 0).sum(axis=0), self.objects.sum(axis=0)
        for i in np.flatnonzero(objects):
            writer.writerow(
                [
                    self.kinds[i],
                    self.labels.names[i],
                    images[i],
                    objects[i],
                    f"{self.round[i]:.1f}",
                    f"{self.before[i]:.4g}",
                    f"{self.after[i]:.4g}",
                ]
            )
        write_text(folder / "rebalance.csv", text.getvalue())
        with atomic_path(folder / "rebalance.png") as path:
            self.figure().savefig(path, dpi=130)

    def figure(self) -> Figure:
        """Draws a line from before to after for every label, the most frequent on top.

        More than `MAX_NAMES` labels of a kind stand without their names; rebalance.csv has them.

        Returns:
            A figure with a logarithmic scale.
        """
        panels = {}
        for kind, title in (("category", "categories"), ("attribute", "attributes")):
            rows = self._occurring(kind)
            if len(rows):
                panels[title] = rows[np.argsort(-self.before[rows], kind="stable")]
        height = max((min(len(rows), MAX_NAMES) for rows in panels.values()), default=1)
        figure = Figure(
            figsize=(5.6 * max(len(panels), 1), 0.19 * height + 1.3), layout="constrained"
        )
        for column, (title, rows) in enumerate(panels.items(), 1):
            axes = figure.add_subplot(1, len(panels), column)
            self._draw(axes, rows)
            axes.set_title(title, fontsize=FONT_SIZE + 1, color=TEXT_COLOR, loc="left")
        return figure

    def _occurring(self, kind: str) -> Array:
        """The labels of a kind that occur."""
        return np.flatnonzero((self.kinds == kind) & (self.before > 0))

    def _draw(self, axes: Axes, rows: Array) -> None:
        places, size = np.arange(len(rows)), 4 if len(rows) <= MAX_NAMES else 2
        axes.hlines(places, self.before[rows], self.after[rows], color=LIGHT, linewidth=size / 2)
        axes.plot(self.before[rows], places, "o", color=BLUE, markersize=size, label="plainly")
        axes.plot(self.after[rows], places, "D", color=ORANGE, markersize=size, label="rebalanced")
        style_axes(axes, "objects in 1,000 images shown (logarithmic)")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_ylim(len(rows) - 0.5, -0.5)
        if len(rows) <= MAX_NAMES:
            names = (self.labels.names[i].split(",")[0] for i in rows)
            axes.set_yticks(
                places,
                [name if len(name) <= 34 else name[:33] + "…" for name in names],
                fontsize=FONT_SIZE - 2,
                color=TEXT_COLOR,
            )
        else:
            axes.set_ylabel("rank", fontsize=FONT_SIZE, color=LABEL_COLOR)
        axes.legend(fontsize=FONT_SIZE, frameon=False, labelcolor=TEXT_COLOR, loc="lower right")


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}"
