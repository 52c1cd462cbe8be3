"""Page of re-scoring: average precision before and after, and what changed most."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fashion.classify.garments.crops import cut_crops
from fashion.pages.html import Page
from fashion.pages.plots import BLUE, FONT_SIZE, LIGHT, ORANGE, TEXT_COLOR, style_axes
from fashion.pages.text import count, short_name, signed
from mrcnn.drawing.grid import image_grid
from mrcnn.typing import Array

SHOWN = 18  # detections on a sheet
_CELL = 168  # pixels of one of them
_SIZES = {
    "AP": "AP",
    "AP50": "AP at an IoU of 50 %",
    "AP75": "AP at 75 %",
    "APs": "small objects (below 32² pixels)",
    "APm": "middle",
    "APl": "large (above 96²)",
    "AR100": "recall of 100 detections",
}


def write_page(path: Path, measured: Mapping[str, Any], dataset: Any, subtitle: str) -> None:
    """Writes the page.

    Args:
        path: The HTML file.
        measured: Result of `fashion.rescore.measure`.
        dataset: Data set that it was measured on.
        subtitle: Sentence below the title.
    """
    page = Page("Re-scored detections", subtitle)
    _add_cards(page, measured)
    _add_average_precision(page, measured)
    _add_categories(page, measured)
    _add_kinds(page, measured)
    _add_largest_changes(page, measured, dataset)
    page.write(path)


def _add_cards(page, measured):
    search, before, after = (measured[name] for name in ("search", "before", "after"))
    gain = search["held_out"]["after"] - search["held_out"]["before"]
    separation = measured["separation"]
    page.cards(
        [
            (
                f"{before['AP']:.3f} → {after['AP']:.3f}",
                "mask AP",
                f"with a weight of {search['weight']} for the classifier",
            ),
            (
                signed(gain, 4),
                "where the weight was not chosen",
                "gain of mask AP on one half of the photos, by the weight that is best on the "
                "other",
            ),
            (
                f"{separation['before']:.3f} → {separation['after']:.3f}",
                "right above wrong",
                "how often a right detection scores more than a wrong one",
            ),
        ]
    )


def _add_average_precision(page, measured):
    search, before, after = (measured[name] for name in ("search", "before", "after"))
    page.chapter("Average precision")
    page.text(
        f"Of {len(measured['detections']):,} detections: all above the detector's own minimum "
        "score."
    )
    rows = [["masks", "before", "after", "change"]]
    rows += [[title, *_cells(before[name], after[name])] for name, title in _SIZES.items()]
    page.table(rows)
    page.figure(
        weights_figure(search),
        f"Mask AP by the classifier's weight, on {count(search['photos'], 'photo')}. A new score "
        "is score^(1 - weight) × probability^weight; 0 leaves the detector's as it is, 1 forgets "
        "it.",
    )


def _add_categories(page, measured):
    before, after = measured["before"]["per_category"], measured["after"]["per_category"]
    pairs = [(entry, after[i]) for i, entry in before.items() if entry["instances"]]
    pairs.sort(key=lambda pair: pair[0]["AP"] - pair[1]["AP"])
    page.chapter("Categories")
    rows = [["category", "objects", "AP before", "after", "change"]]
    rows += [
        [short_name(one["name"]), one["instances"], *_cells(one["AP"], other["AP"])]
        for one, other in pairs
    ]
    page.table(rows)
    page.note("Below some tens of objects a change of AP is mostly chance.")
    page.figure(
        categories_figure(pairs),
        "Change of mask AP by category; above it the number of its objects.",
    )


def _add_kinds(page, measured):
    page.chapter("What the detections show")
    rows = [["their box shows", "detections", "mean score before", "after"]]
    rows += [
        [name, row["detections"], f"{row['before']:.3f}", f"{row['after']:.3f}"]
        for name, row in measured["kinds"].items()
    ]
    page.table(rows)
    page.note(
        "A box shows an object that it overlaps by an IoU of 0.5 or more, if there are several "
        "one of the detected category, and no garment if it overlaps none by 0.4. Several boxes "
        "may show one object."
    )


def _add_largest_changes(page, measured, dataset):
    changes = sorted(measured["detections"], key=lambda row: row["new_score"] - row["score"])
    for title, some in (("Lowered most", changes[:SHOWN]), ("Raised most", changes[::-1][:SHOWN])):
        if some:
            page.section(title)
            page.image(
                sheet(some, dataset),
                "What was detected, its score before and after, and what the box shows; crops as "
                "the classifier sees them.",
                wide=True,
            )


def weights_figure(search: Mapping[str, Any]) -> Figure:
    """Draws AP over the weight of the classifier, the chosen weight marked.

    Args:
        search: Result of `search_weight`.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(6.4, 2.8), layout="constrained")
    axes = figure.add_subplot()
    style_axes(axes, "weight of the classifier", "mask AP")
    axes.plot(
        list(search["ap"]),
        list(search["ap"].values()),
        color=BLUE,
        linewidth=1.8,
        marker="o",
        markersize=4,
    )
    axes.plot([search["weight"]], [search["ap"][search["weight"]]], "o", color=ORANGE, markersize=8)
    return figure


def categories_figure(rows: Sequence[tuple[Mapping, Mapping]]) -> Figure:
    """Draws the change of AP of each category as bars.

    Args:
        rows: Pairs of entries of "per_category", before and after.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(min(10, 1.5 + 0.34 * len(rows)), 3.4), layout="constrained")
    axes = figure.add_subplot()
    style_axes(axes, "", "change of mask AP")
    changes = [after["AP"] - before["AP"] for before, after in rows]
    axes.bar(
        range(len(rows)),
        changes,
        color=[BLUE if change > 0 else LIGHT for change in changes],
        width=0.66,
    )
    for i, ((before, _), change) in enumerate(zip(rows, changes, strict=True)):
        axes.annotate(
            before["instances"],
            (i, max(change, 0)),
            (0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=FONT_SIZE - 2,
            color=TEXT_COLOR,
        )
    axes.axhline(0, color=TEXT_COLOR, linewidth=0.8)
    axes.set_xticks(
        range(len(rows)),
        [before["name"].split(",")[0] for before, _ in rows],
        rotation=50,
        ha="right",
        rotation_mode="anchor",
        fontsize=FONT_SIZE - 1,
    )
    axes.grid(axis="x", visible=False)
    return figure


def sheet(detections: Sequence[Mapping[str, Any]], dataset: Any) -> Array:
    """Shows crops of detections as the classifier sees them.

    Args:
        detections: COCO results with "new_score" and "shows", the label of the box.
        dataset: Data set of the images.

    Returns:
        `(H, W, 3)` uint8, one image.
    """
    crops, titles = [], []
    labels = dataset.ontology
    names = [name.split(",")[0] for name in labels.category_names]
    for row in detections:
        x, y, w, h = row["bbox"]
        box = np.array([(y, x, y + h, x + w)])
        crops.append(cut_crops(dataset.load_image(row["image_id"]), box, _CELL)[0])
        if row["shows"] > 0:
            shown = names[row["shows"] - 1]
        else:
            shown = "a part" if row["shows"] else "no garment"
        predicted = names[labels.class_id_of(row["category_id"]) - 1]
        titles.append(f"{predicted} {row['score']:.2f} to {row['new_score']:.2f}, is {shown}")
    return image_grid(crops, titles, columns=6, cell_hw=(_CELL, round(1.25 * _CELL)))


def _cells(before, after):
    """Texts of both and of their difference; dashes where there is no ground truth."""
    if min(before, after) < 0 or not np.isfinite([before, after]).all():
        return "–", "–", "–"
    return f"{before:.3f}", f"{after:.3f}", signed(after - before)
