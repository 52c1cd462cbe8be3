"""Chapters of masks: their sizes and shapes, and how anchors fit their boxes."""

import json

from fashion.exploration import sentences
from fashion.exploration.figures import quantile_figure, share_bars
from fashion.exploration.heat_maps import anchor_figure

_FEW = 100  # boxes; of fewer, the suggestion of anchors says so


def masks(page, analysis):
    """How large masks are and how they are shaped."""
    rows = [row for row in analysis["masks"] if row["objects"]]
    if not rows:
        return
    page.chapter("Masks")
    page.section("Sizes")
    ordered = rows[:1] + sorted(rows[1:], key=lambda row: -row["share"][2])
    in_percent = [row | {"share": [100 * value for value in row["share"]]} for row in ordered]
    page.text(sentences.sizes_of_masks(analysis["masks"]))
    page.figure(
        quantile_figure(
            in_percent, [("share", "% of the photo", True), ("pixels", "pixels of the photo", True)]
        ),
        "Dot: median. Bar: from a quarter to three quarters of the objects. Line: nine in ten. The largest class comes first.",
    )
    page.text(sentences.coco_sizes(analysis["masks"], analysis["training"]))
    height, width = analysis["training"]["image_hw"]
    page.figure(
        share_bars(
            [(row["name"], [row["photo_sizes"], row["canvas_sizes"]]) for row in ordered],
            ["in the photos", f"at {height} x {width}"],
            ["small, below 32²", "medium", "large, above 96²"],
        )
    )
    page.section("Shapes")
    page.text(sentences.shapes_of_masks(analysis["masks"]))
    page.figure(
        quantile_figure(
            ordered,
            [
                ("aspect", "height / width of the box", True),
                ("fill", "share of the box", False),
                ("parts", "pieces", True),
            ],
        )
    )
    page.table(
        [
            [
                "class",
                "objects",
                "% of the photo",
                "pixels",
                "height / width",
                "fill of the box",
                "runs",
                "pieces, 95 %",
                "% in pieces",
            ]
        ]
        + [
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
            for row in ordered
        ]
    )
    page.note(
        "Medians, but for the last two columns. Runs are those of the run lengths, one for each column and gap of a mask."
    )


def anchors(page, analysis):
    """How the anchors of a recipe fit the boxes, and settings to copy that fit better."""
    fits, training = analysis["anchors"], analysis["training"]
    if not fits["given"]["all"]["objects"]:
        return
    page.chapter("Anchors")
    page.text(sentences.anchors_fit(fits))
    height, width = training["image_hw"]
    page.figure(
        anchor_figure(fits),
        f"The boxes on the {height} x {width} pixels of “{training['recipe']}” and all anchors where they "
        f"lie, at strides {', '.join(map(str, fits['strides']))}.",
    )
    page.table(
        [["settings", "scales", "ratios", "mean IoU", "% with 0.5", "% with 0.7"]]
        + [
            [
                name,
                *(", ".join(f"{value:g}" for value in fit[key]) for key in ("scales", "ratios")),
                f"{fit['all']['mean']:.3f}",
                f"{100 * fit['all']['fair']:.1f}",
                f"{100 * fit['all']['good']:.1f}",
            ]
            for name, fit in [("of the recipe", fits["given"])]
            + [("suggested", fits["suggested"])] * fits["changed"]
        ]
    )
    if fits["changed"]:
        page.text("To train with the suggested ones:")
        page.code(settings_line(fits["suggested"]))
        boxes = fits["given"]["all"]["objects"]
        page.note(
            "They fit these boxes; no network was trained with them. Anchors belong to the weights of the region proposals: change "
            "them when those start anew, as from ImageNet weights, not on a checkpoint that was trained with others."
            + (
                f" {sentences.count(boxes, 'box is', 'boxes are')} few to choose by."
                if boxes < _FEW
                else ""
            )
        )
    page.table(
        [
            ["class", "boxes", "mean IoU", "% with 0.5", "% with 0.7"]
            + ["suggested: mean IoU", "% with 0.5 ", "% with 0.7 "] * fits["changed"]
        ]
        + [
            [row["name"], f"{row['objects']:,}"]
            + [
                cell
                for fit in [row] + [new] * fits["changed"]
                for cell in (
                    f"{fit['mean']:.3f}",
                    f"{100 * fit['fair']:.0f}",
                    f"{100 * fit['good']:.0f}",
                )
            ]
            for row, new in zip(fits["given"]["classes"], fits["suggested"]["classes"])
            if row["objects"]
        ]
    )


def settings_line(fit):
    """Scales and ratios as the command line takes them. fit: {"scales", "ratios"}"""
    return " ".join(
        f"--set RPN_ANCHOR_{name.upper()}={json.dumps(fit[name], separators=(',', ':'))}"
        for name in ("scales", "ratios")
    )
