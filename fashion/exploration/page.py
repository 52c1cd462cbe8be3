"""The page of data: an exploration as one HTML file, and its numbers as JSON and CSV beside it."""

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path

from fashion.exploration import sentences
from fashion.exploration.chapters import labels, masks
from fashion.exploration.data_issues import KINDS
from fashion.exploration.figures import share_text, two_shares
from fashion.pages.html import Page
from mrcnn.files import write_text

_LISTED = 12  # suspicious rows of a kind on the page; suspicious.csv has all
_COMPARED = 20  # rows of a table of train and val


def page_of_data(analysis, title, sheets):
    """The Page. analysis: of `analysis.analyse`; sheets: {class name: (H, W, 3) uint8}, of `samples`"""
    page = Page(
        title,
        f"{sentences.count(analysis['photos'], 'photo')}, {sentences.count(analysis['objects'], 'object')}, "
        f"{sentences.count(analysis['labels'], 'attribute label')}. Training sizes are those of the recipe "
        f"“{analysis['training']['recipe']}”.",
    )
    _cards(page, analysis)
    labels.photos(page, analysis)
    labels.classes(page, analysis)
    labels.attributes(page, analysis)
    labels.together(page, analysis)
    masks.masks(page, analysis)
    masks.anchors(page, analysis)
    _samples(page, sheets)
    _suspicious(page, analysis["suspicious"])
    if analysis["comparison"]:
        _comparison(page, analysis["comparison"])
    return page


def write_exploration(folder, analysis, title, sheets):
    """index.html, exploration.json, classes.csv, attributes.csv and suspicious.csv in a folder; returns the path of the page."""
    folder = Path(folder)
    write_text(
        folder / "exploration.json", json.dumps(analysis, indent=1, ensure_ascii=False) + "\n"
    )
    for kind in ("classes", "attributes"):
        _write_csv(
            folder / f"{kind}.csv",
            ["name", "group", "objects", "photos", "share_of_photos"],
            analysis[kind],
        )
    _write_csv(
        folder / "suspicious.csv",
        ["csv", "kind", "line", "image", "class", "detail"],
        analysis["suspicious"],
    )
    page_of_data(analysis, title, sheets).write(folder / "index.html")
    return folder / "index.html"


def _write_csv(path, columns, rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def _cards(page, analysis):
    seen, listed = (
        {
            kind: sum(1 for row in analysis[kind] if row["objects"] or every)
            for kind in ("classes", "attributes")
        }
        for every in (False, True)
    )
    page.cards(
        [
            (
                f"{analysis['photos']:,}",
                "photos",
                f"{analysis['sizes']['megapixels']['quantiles'][2]:.2g} megapixels in the median",
            ),
            (
                f"{analysis['objects']:,}",
                "objects",
                f"{analysis['objects'] / analysis['photos']:.1f} a photo",
            ),
            (f"{seen['classes']}", "classes", f"occur, of {listed['classes']} in the label list"),
            (
                f"{seen['attributes']}",
                "attributes",
                f"occur, of {listed['attributes']} in the label list",
            ),
            (
                share_text(analysis["with_attributes"]),
                "described",
                "of the objects have an attribute",
            ),
            (f"{len(analysis['suspicious']):,}", "suspicious", "rows and photos to look at"),
        ]
    )


def _samples(page, sheets):
    if not sheets:
        return
    page.chapter("Samples")
    page.text(
        "Of each class some objects, drawn at random, each of another photo and cut out with what surrounds it."
    )
    for name, sheet in sheets.items():
        page.section(name)
        page.image(sheet, quality=80, wide=True)


def _suspicious(page, rows):
    page.chapter("Suspicious rows")
    if not rows:
        page.text("Nothing suspicious was found.")
        return
    number = Counter(row["kind"] for row in rows)
    kinds = [kind for kind in KINDS if number[kind]]
    page.text(
        f"{sentences.count(len(rows), 'row')}: "
        + ", ".join(f"{number[kind]:,} of the kind “{kind}”" for kind in kinds)
        + ". All are in suspicious.csv, with file and line."
    )
    for kind in kinds:
        some = [row for row in rows if row["kind"] == kind]
        page.section(f"{kind.capitalize()} ({number[kind]:,})")
        page.text(KINDS[kind])
        if kind == "wrong row":
            reasons = Counter(re.sub(r"'[^']*'|\d+", "…", row["detail"]) for row in some)
            if len(reasons) < len(some):
                page.table(
                    [["rows", "reason"]]
                    + [[f"{n:,}", reason] for reason, n in reasons.most_common(_LISTED)]
                )
        page.table(
            [["file", "line", "photo", "class", "detail"]]
            + [
                [f"{row['csv']}.csv", row["line"], row["image"], row["class"], row["detail"]]
                for row in some[:_LISTED]
            ]
        )
        if len(some) > _LISTED:
            page.note(
                f"{_LISTED} of {len(some):,}, the worst first."
                if kind != "wrong row"
                else f"{_LISTED} of {len(some):,}."
            )


def _comparison(page, comparison):
    page.chapter("Train and val")
    page.text(
        f"{comparison['photos'][0]:,} photos to train on, {comparison['photos'][1]:,} to validate on, with "
        f"{comparison['objects'][0] / max(comparison['photos'][0], 1):.1f} and "
        f"{comparison['objects'][1] / max(comparison['photos'][1], 1):.1f} objects a photo. "
        + sentences.differences(comparison["classes"], "classes")
    )
    page.figure(two_shares(comparison["classes"]))
    for kind in ("classes", "attributes"):
        rows = sorted(
            (row for row in comparison[kind] if row["z"] is not None),
            key=lambda row: -abs(row["z"]),
        )
        if kind == "attributes":
            page.section("Attributes")
            page.text(sentences.differences(comparison[kind], kind))
        if rows:
            page.table(
                [
                    [
                        {"classes": "class", "attributes": "attribute"}[kind],
                        "train, % of the photos",
                        "val, % of the photos",
                        "difference",
                        "standard errors",
                    ]
                ]
                + [
                    [
                        row["name"],
                        f"{100 * row['train']:.2f}",
                        f"{100 * row['val']:.2f}",
                        f"{100 * row['difference']:+.2f}",
                        f"{row['z']:+.1f}",
                    ]
                    for row in rows[:_COMPARED]
                ]
            )
            if len(rows) > _COMPARED:
                page.note(
                    f"The {_COMPARED} of {len(rows)} with the clearest differences; exploration.json has all."
                )
