"""Chapters of counts: photos, classes, attributes, and what goes together."""

import numpy as np

from fashion.exploration import sentences
from fashion.exploration.figures import (
    count_bars,
    frequency_figure,
    group_panels,
    histograms,
    rank_figure,
    share_text,
    size_figure,
)
from fashion.exploration.heat_maps import share_map

_PAIRS = 20  # of classes in a table
_ATTRIBUTES_SHOWN = 40  # columns of the heat-map


def photos(page, analysis):
    """Their sizes, and how much is in them."""
    page.chapter("Photos")
    page.text(sentences.photos(analysis["sizes"]))
    page.figure(
        size_figure(analysis["sizes"]),
        f"Photos by size, in steps of {analysis['sizes']['step']} pixels; the larger and darker a "
        "dot, the more photos.",
    )
    page.text(sentences.shapes_of_photos(analysis["sizes"]))
    page.figure(
        histograms(
            [
                (analysis["sizes"]["megapixels"], "megapixels", "photos"),
                (analysis["sizes"]["aspect"], "height / width", "photos"),
            ]
        ),
        "Each end holds what lies beyond it.",
    )
    page.text(sentences.number_per_photo(analysis["per_photo"]))
    page.figure(
        count_bars(
            [
                (analysis["per_photo"]["objects"], "objects in a photo", "photos"),
                (analysis["per_photo"]["classes"], "different classes in a photo", "photos"),
            ]
        )
    )


def classes(page, analysis):
    """How often each class occurs."""
    page.chapter("Classes")
    page.text(sentences.long_tail(analysis["classes"], "class"))
    page.figure(
        frequency_figure(analysis["classes"]),
        "A logarithmic scale. Behind the dots the objects, and in brackets the share of the "
        "photos that have one or more.",
    )


def attributes(page, analysis):
    """How often each attribute occurs, by super-category."""
    page.chapter("Attributes")
    rows = analysis["attributes"]
    seen = [row for row in rows if row["objects"]]
    page.text(sentences.long_tail(rows, "attribute"))
    if not seen:
        return
    page.figure(rank_figure(rows), "Both scales are logarithmic.")
    groups = {}
    for row in seen:
        groups.setdefault(row["group"], []).append(row)
    largest = max(groups, key=lambda name: sum(row["objects"] for row in groups[name]))
    total = sum(row["objects"] for row in groups[largest])
    page.text(
        f"By super-category: “{largest}” has the most labels, {total:,} of {analysis['labels']:,} "
        f"({share_text(total / analysis['labels'])}), with {sentences.count(len(groups[largest]), 'attribute')}."
    )
    page.figure(group_panels(groups), "The same logarithmic scale everywhere.")
    page.table(
        [["attribute", "super-category", "objects", "photos", "% of the photos"]]
        + [
            [
                row["name"],
                row["group"],
                f"{row['objects']:,}",
                f"{row['photos']:,}",
                f"{100 * row['share_of_photos']:.2f}",
            ]
            for row in sorted(seen, key=lambda row: -row["objects"])
        ]
    )


def together(page, analysis):
    """Which classes meet in a photo, and which attributes belong to which class."""
    page.chapter("What goes together")
    rows = analysis["classes"]
    names = [row["name"].split(",")[0] for row in rows]
    there = [k for k, row in enumerate(rows) if row["objects"]]
    met = np.array(analysis["together"]["photos"])[np.ix_(there, there)]
    shares = met / np.diag(met)[:, None]
    np.fill_diagonal(shares, np.nan)
    page.section("Classes in one photo")
    page.text(sentences.meetings(analysis["together"], names))
    kept = [names[k] for k in there]
    page.figure(
        share_map(
            shares, kept, kept, "… also have this class", "% of the photos with this class …"
        ),
        "White: none. The darker a cell, the larger the share, up to 100 %.",
    )
    pairs = analysis["together"]["pairs"]
    if pairs:
        shown = pairs if len(pairs) <= _PAIRS else pairs[: _PAIRS // 2] + pairs[-_PAIRS // 2 :]
        page.table(
            [["class", "and class", "photos with both", "expected by chance", "times as often"]]
            + [
                [one, other, f"{both:,}", f"{chance:,.1f}", f"{both / chance:.2f}"]
                for one, other, both, chance in shown
            ]
        )
        page.note(
            "Pairs that chance alone would bring together in three photos or more, those first that seek each other most clearly"
            + (
                f": the first and the last {_PAIRS // 2} of {len(pairs):,}; exploration.json has all."
                if len(shown) < len(pairs)
                else "."
            )
        )
    page.section("Classes and attributes")
    page.text(sentences.belongings(analysis["class_attributes"], rows, analysis["attributes"]))
    _class_attributes(page, analysis, names)


def _class_attributes(page, analysis, names):
    objects = np.array(analysis["class_attributes"]["objects"])
    rows = np.flatnonzero(objects.any(axis=1))
    if not len(rows):
        return
    described = analysis["attributes"]
    groups = list(dict.fromkeys(row["group"] for row in described))
    common = np.argsort(-objects.sum(axis=0), kind="stable")[:_ATTRIBUTES_SHOWN]
    common = sorted(
        (k for k in common.tolist() if objects[:, k].any()),
        key=lambda k: (groups.index(described[k]["group"]), k),
    )
    number = np.array([row["objects"] for row in analysis["classes"]])
    shares = objects[rows] / number[rows, None]
    page.figure(
        share_map(
            shares[:, common],
            [names[k] for k in rows],
            [described[k]["name"] for k in common],
            "… have this attribute",
            "% of the objects of this class …",
            [described[k]["group"] for k in common],
        ),
        f"The {len(common)} most frequent attributes, parted by super-category. The darker a cell, the larger the share, up to "
        "100 %.",
    )
    page.table(
        [["class", "objects", "with attributes", "its most frequent attributes"]]
        + [
            [
                names[k],
                f"{number[k]:,}",
                f"{100 * analysis['class_attributes']['carrying'][k]:.0f} %",
                ", ".join(
                    f"{described[t]['name'].split(',')[0]} {100 * objects[k, t] / number[k]:.0f} %"
                    for t in np.argsort(-objects[k], kind="stable")[:4]
                    if objects[k, t]
                ),
            ]
            for k in rows
        ]
    )
