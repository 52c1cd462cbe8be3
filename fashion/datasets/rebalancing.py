"""Rebalancing: which photos a training sees more often, and what becomes of the categories and attributes by it.

classes      photos with rare categories are repeated (LVIS): REBALANCE_THRESHOLD
attributes   photos with rare attributes are: REBALANCE_ATTRIBUTE_THRESHOLD
balanced     a category is drawn, each equally often, then a photo that has it
effective    photos count as the effective number of their rarest category says (Cui et al. 2019): REBALANCE_BETA
missed       after an evaluation, photos with those frequent categories come twice as often of which most was missed
"""

import csv
import io

import numpy as np
from matplotlib.figure import Figure

from fashion.pages.plots import BLUE, FONT_SIZE, LABEL_COLOR, LIGHT, ORANGE, TEXT_COLOR, style_axes
from mrcnn.data.loading.samplers import (
    balanced_factors,
    effective_number_factors,
    objects_drawn,
    repeat_factors,
)
from mrcnn.files import atomic_path, write_text

RULES = ("classes", "attributes", "balanced", "effective", "missed")
USUAL = ("classes", "missed")  # of a bare --rebalance
MOST_NAMES = 60  # on one axis of the figure


def agreed_rules(asked):
    """Words of --rebalance, or what a config.json says of it (an old one true or false), as a list of RULES in their order.

    Raises ValueError for words that do not go together.
    """
    words = set(USUAL if asked is True else asked or ())
    unknown = sorted(words - set(RULES))
    if unknown:
        raise ValueError(f"--rebalance takes {', '.join(RULES)}. Got {', '.join(unknown)}.")
    alone = sorted(words & {"balanced", "effective"})
    if alone and len(words - {"missed"}) > 1:
        raise ValueError(
            f"--rebalance {alone[0]} says how often every photo is drawn, so it goes with 'missed' only. Got "
            f"{', '.join(rule for rule in RULES if rule in words)}."
        )
    return [rule for rule in RULES if rule in words]


def starting_repeats(labels, rules, config):
    """Repeat factors of the photos before anything was missed: (n,) float64; the larger one where two rules speak.

    labels: LabelCounts of the training photos; rules: list of RULES; config: FashionConfig
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


def paste_weights(labels):
    """(1 + K,) float64, how likely an object of a category is copied (COPY_PASTE), the background first: by one over the root of how many
    there are. labels: LabelCounts of the training photos"""
    return np.append(0, 1 / np.sqrt(np.maximum(np.asarray(labels.categories).sum(axis=0), 1)))


class Histogram:
    """How many objects of every category, and with every attribute, a round of training shows, once plainly and once rebalanced.

    labels: LabelCounts of the n training photos; repeats: (n,) their factors; length: photos of a round, None: the sum of the factors.
    `before`, `after`: (K + T,) float, objects on average in 1,000 photos that are shown.
    """

    def __init__(self, labels, repeats, length=None):
        self.labels, self.objects = labels, labels.all()
        self.photos = len(self.objects)
        self.length = int(round(np.sum(repeats))) if length is None else length
        self.round = objects_drawn(self.objects, repeats, self.length)
        self.before = 1000 * self.objects.sum(axis=0) / self.photos
        self.after = 1000 * self.round / self.length
        self.kinds = np.repeat(
            ["category", "attribute"], [labels.categories.shape[1], labels.attributes.shape[1]]
        )

    def summary(self):
        """One line for a screen, with the category and the attribute that gain most."""
        gains = []
        for kind in ("category", "attribute"):
            mine = np.flatnonzero((self.kinds == kind) & (self.before > 0))
            if len(mine):
                i = mine[np.argmax(self.after[mine] / self.before[mine])]
                gains.append(
                    f"{self.labels.names[i]} {_short(self.before[i])} -> {_short(self.after[i])}"
                )
        return f"a round shows {self.length:,} photos instead of {self.photos:,}; objects in 1,000 of them: {', '.join(gains)}"

    def write(self, folder):
        """rebalance.csv, all labels that occur, and rebalance.png into a folder."""
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
        photos, objects = (self.objects > 0).sum(axis=0), self.objects.sum(axis=0)
        for i in np.flatnonzero(objects):
            writer.writerow(
                [
                    self.kinds[i],
                    self.labels.names[i],
                    photos[i],
                    objects[i],
                    f"{self.round[i]:.1f}",
                    f"{self.before[i]:.4g}",
                    f"{self.after[i]:.4g}",
                ]
            )
        write_text(folder / "rebalance.csv", text.getvalue())
        with atomic_path(folder / "rebalance.png") as path:
            self.figure().savefig(path, dpi=130)

    def figure(self):
        """A matplotlib Figure: for every label a line from before to after, the most frequent on top, the scale logarithmic.

        More than MOST_NAMES labels of a kind stand without their names, which rebalance.csv has.
        """
        panels = {
            kind: mine[np.argsort(-self.before[mine], kind="stable")]
            for kind in ("category", "attribute")
            if len(mine := np.flatnonzero((self.kinds == kind) & (self.before > 0)))
        }
        rows = max((min(len(mine), MOST_NAMES) for mine in panels.values()), default=1)
        figure = Figure(
            figsize=(5.6 * max(len(panels), 1), 0.19 * rows + 1.3), layout="constrained"
        )
        for column, (kind, mine) in enumerate(panels.items(), 1):
            axes = figure.add_subplot(1, len(panels), column)
            self._draw(axes, mine)
            axes.set_title(
                {"category": "categories", "attribute": "attributes"}[kind],
                fontsize=FONT_SIZE + 1,
                color=TEXT_COLOR,
                loc="left",
            )
        return figure

    def _draw(self, axes, mine):
        places, size = np.arange(len(mine)), 4 if len(mine) <= MOST_NAMES else 2
        axes.hlines(places, self.before[mine], self.after[mine], color=LIGHT, linewidth=size / 2)
        axes.plot(self.before[mine], places, "o", color=BLUE, markersize=size, label="plainly")
        axes.plot(self.after[mine], places, "D", color=ORANGE, markersize=size, label="rebalanced")
        style_axes(axes, "objects in 1,000 photos shown (logarithmic)")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_ylim(len(mine) - 0.5, -0.5)
        if len(mine) <= MOST_NAMES:
            names = (self.labels.names[i].split(",")[0] for i in mine)
            axes.set_yticks(
                places,
                [name if len(name) <= 34 else name[:33] + "…" for name in names],
                fontsize=FONT_SIZE - 2,
                color=TEXT_COLOR,
            )
        else:
            axes.set_ylabel("rank", fontsize=FONT_SIZE, color=LABEL_COLOR)
        axes.legend(fontsize=FONT_SIZE, frameon=False, labelcolor=TEXT_COLOR, loc="lower right")


def _short(number):
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}"
