"""The chapter of masks: their sizes and shapes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fashion.exploration.figures import quantile_figure, share_bars
from fashion.pages.html import Page
from fashion.pages.text import percent, short_name

Rows = Sequence[Mapping[str, Any]]  # of `mask_statistics`


def add_chapter(page: Page, analysis: Mapping[str, Any]) -> None:
    """Adds the chapter, if there are objects.

    Args:
        page: The page so far.
        analysis: From `analysis.analyse`.
    """
    rows = []
    for row in analysis["masks"]:
        if row["objects"]:
            rows.append({**row, "name": short_name(row["name"])})
    if not rows:
        return
    page.chapter("Masks")
    ordered = rows[:1] + sorted(rows[1:], key=lambda row: -row["share"][2])
    _add_sizes(page, rows, ordered, analysis["training"])
    _add_shapes(page, rows, ordered)


def _add_sizes(page: Page, rows: Rows, ordered: Rows, training: Mapping[str, Any]) -> None:
    page.section("Sizes")
    page.text(_sizes(rows))
    in_percent = [{**row, "share": 100 * np.array(row["share"])} for row in ordered]
    page.figure(
        quantile_figure(
            in_percent,
            [("share", "% of the image", True), ("pixels", "pixels of the image", True)],
        ),
        "Dot: median. Bar: 25 to 75 % of the objects. Line: 5 to 95 %. The largest class first.",
    )
    page.text(_coco_sizes(rows[0], training))
    height, width = training["image_hw"]
    page.figure(
        share_bars(
            [(row["name"], [row["photo_sizes"], row["canvas_sizes"]]) for row in ordered],
            ["original images", f"at {height} x {width}"],
            ["small, below 32²", "medium", "large, above 96²"],
        )
    )


def _add_shapes(page: Page, rows: Rows, ordered: Rows) -> None:
    page.section("Shapes")
    page.text(_shapes(rows))
    page.figure(
        quantile_figure(
            ordered,
            [
                ("aspect", "height / width of the box", True),
                ("fill", "share of the box", False),
                ("parts", "parts", True),
            ],
        )
    )
    table = [
        [
            "class",
            "objects",
            "% of the image",
            "pixels",
            "height / width",
            "share of the box",
            "runs",
            "parts, 95 %",
            "% in several parts",
        ]
    ]
    for row in ordered:
        table.append(
            [
                row["name"],
                f"{row['objects']:,}",
                f"{100 * row['share'][2]:.3g}",
                f"{row['pixels'][2]:,.0f}",
                f"{row['aspect'][2]:.2f}",
                f"{row['fill'][2]:.2f}",
                f"{row['runs'][2]:,.0f}",
                f"{row['parts'][4]:.0f}",
                f"{100 * row['in_parts']:.0f}",
            ]
        )
    page.table(table)
    page.note(
        "Medians, except for the last two columns. Runs: run lengths, one for each column and gap "
        "of a mask. Parts do not touch each other."
    )


def _sizes(rows: Rows) -> str:
    total, classes = rows[0], rows[1:]
    small, large = (pick(classes, key=lambda row: row["share"][2]) for pick in (min, max))
    return (
        f"The median mask covers {percent(total['share'][2])} of its image "
        f"({total['pixels'][2]:,.0f} pixels). The median of a class ranges from "
        f"{percent(small['share'][2])} (“{small['name']}”) to {percent(large['share'][2])} "
        f"(“{large['name']}”), a factor of {large['share'][2] / small['share'][2]:,.0f}."
    )


def _coco_sizes(total: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    objects = max(total["objects"], 1)
    height, width = training["image_hw"]
    text = (
        f"In the original images {percent(total['photo_sizes'][0] / objects)} of the masks are "
        f"small (below 32 x 32 pixels); at the {height} x {width} pixels of the recipe "
        f"{percent(total['canvas_sizes'][0] / objects)} are."
    )
    if training["thin"]:
        text += (
            f" {percent(training['thin'])} of the boxes are then less than "
            f"{training['least_side']} pixels high or wide."
        )
    return text


def _shapes(rows: Rows) -> str:
    total = rows[0]
    # A class of fewer objects says little.
    classes = [row for row in rows[1:] if row["objects"] >= 5] or rows[1:]
    low, high = (pick(classes, key=lambda row: row["fill"][2]) for pick in (min, max))
    split = max(classes, key=lambda row: row["in_parts"])
    return (
        f"The median mask fills {percent(total['fill'][2])} of its box, from "
        f"{percent(low['fill'][2])} (“{low['name']}”) to {percent(high['fill'][2])} "
        f"(“{high['name']}”). {percent(total['in_parts'])} of the masks have several parts, most "
        f"often “{split['name']}” ({percent(split['in_parts'])})."
    )
