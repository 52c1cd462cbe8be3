"""The chapters of classes and attributes: how often each occurs."""

from collections.abc import Mapping, Sequence
from typing import Any

from fashion.exploration.frequencies import num_covering
from fashion.exploration.frequency_figures import frequency_figure, group_panels, rank_figure
from fashion.pages.html import Page
from fashion.pages.text import count, percent, short_name

_RARE = 50  # objects


def add_classes(page: Page, analysis: Mapping[str, Any]) -> None:
    """Adds the chapter of classes.

    Args:
        page: The page so far.
        analysis: From `analysis.analyse`.
    """
    page.chapter("Classes")
    page.text(_long_tail(analysis["classes"], "class", "classes"))
    page.figure(
        frequency_figure(analysis["classes"]),
        "Logarithmic scale. Numbers: objects, and the share of the images with one or more.",
    )


def add_attributes(page: Page, analysis: Mapping[str, Any]) -> None:
    """Adds the chapter of attributes, by super-category.

    Args:
        page: The page so far.
        analysis: From `analysis.analyse`.
    """
    page.chapter("Attributes")
    rows = analysis["attributes"]
    page.text(_long_tail(rows, "attribute", "attributes"))
    occurring = [row for row in rows if row["objects"]]
    if not occurring:
        return
    page.figure(rank_figure(rows), "Both scales are logarithmic.")
    groups: dict[str, list] = {}
    for row in occurring:
        groups.setdefault(row["group"], []).append(row)
    labels = dict.fromkeys(groups, 0)
    for row in occurring:
        labels[row["group"]] += row["objects"]
    largest = max(groups, key=lambda name: labels[name])
    page.text(
        f"The super-category with the most labels is “{largest}”: {labels[largest]:,} of "
        f"{analysis['labels']:,} ({percent(labels[largest] / analysis['labels'])}), of "
        f"{count(len(groups[largest]), 'attribute')}."
    )
    page.figure(group_panels(groups), "The same logarithmic scale in all panels.")
    table = [["attribute", "super-category", "objects", "images", "% of the images"]]
    for row in sorted(occurring, key=lambda row: -row["objects"]):
        share = f"{100 * row['share_of_photos']:.2f}"
        counts = f"{row['objects']:,}", f"{row['photos']:,}"
        table.append([short_name(row["name"]), row["group"], *counts, share])
    page.table(table)


def _long_tail(rows: Sequence[Mapping[str, Any]], what: str, plural: str) -> str:
    """How unequal the frequencies are."""
    occurring = sorted((row for row in rows if row["objects"]), key=lambda row: -row["objects"])
    if not occurring:
        return f"No {what} occurs."
    counts = [row["objects"] for row in occurring]
    first, last = occurring[0], occurring[-1]
    half = num_covering(counts, 0.5)
    rare = sum(n < _RARE for n in counts)
    text = (
        f"The most frequent {what} is “{short_name(first['name'])}”: "
        f"{count(first['objects'], 'object')}, in {percent(first['share_of_photos'])} of the "
        f"images. The top {half} of {len(occurring)} {plural} account for half of the objects. "
    )
    if rare:
        text += f"Fewer than {_RARE} objects: {count(rare, what, plural)}. "
    else:
        text += f"The rarest is “{short_name(last['name'])}” with {last['objects']:,}. "
    return text + f"Without objects: {len(rows) - len(occurring)} of the label list."
