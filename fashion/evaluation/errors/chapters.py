"""The chapters of the error page that show numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from fashion.evaluation.errors import viewpoint
from fashion.evaluation.errors.breakdowns import PROPERTIES
from fashion.evaluation.errors.error_types import TYPES
from fashion.evaluation.errors.figures import (
    breakdown_figure,
    cells_figure,
    confusion_figure,
)
from fashion.evaluation.errors.findings import TYPE_NAMES, points, size_and_intricacy
from fashion.evaluation.errors.size_and_intricacy import EASY, HARD, MIN_IMAGES, THIRDS
from fashion.pages.html import Bar, Page
from fashion.pages.text import count, number, short_name, short_names, signed, whole_percent

_TIDE = (
    'Bolya et al. 2020, "TIDE: A General Toolbox for Identifying Object Detection Errors", '
    "arXiv:2008.08115"
)
_DEFINITIONS = {
    "class": "IoU ≥ 0.5 with an object of another category",
    "location": "IoU 0.1 to 0.5 with an object of its category",
    "both": "IoU 0.1 to 0.5 with an object of another category",
    "duplicate": "IoU ≥ 0.5 with an object that a higher-scoring detection matched",
    "background": "IoU below 0.1 with every object",
    "missed": "object without a match, and no error of the first two types is about it",
    "false detections": "the first five types together",
    "not found": "every object without a match",
    "attribute missing": "the object has it, the detection does not",
    "attribute invented": "the detection has it, the object does not",
    "attributes together": "both",
}
_LISTED = 15  # rows of a table of confusions or attributes


def add_numbers(page: Page, analysis: Mapping[str, Any]) -> None:
    """Adds the chapters with tables and figures.

    Args:
        page: The page so far.
        analysis: From `analysis.analyse`.
    """
    _add_costs(page, analysis)
    _add_categories(page, analysis)
    _add_confusions(page, analysis)
    if analysis["attributes"]:
        _add_attributes(page, analysis["attributes"])
    if analysis["objects"]:
        _add_breakdowns(page, analysis["breakdowns"])
    if analysis["small_or_intricate"]:
        _add_size_and_intricacy(page, analysis["small_or_intricate"])
    if analysis["viewpoint"]:
        _add_viewpoint(page, analysis["viewpoint"], analysis["score_threshold"])


def _add_costs(page: Page, analysis: Mapping[str, Any]) -> None:
    page.chapter("Cost of the errors")
    page.text(
        f"Mask AP50 is {number(analysis['ap50'])}: average precision at IoU 0.5, the mean over "
        "the categories, with class-aware matching. Each false positive has one error type; "
        "ΔAP50 is the gain if only that type were fixed (TIDE). Wrong classes and places are "
        "corrected, other false positives are removed, missed objects leave the ground truth."
    )
    page.bars(_cost_bars(analysis["bins"]), ("error type", "ΔAP50 if fixed", ""), _top(analysis))
    table = [["error type", "errors", "with confident detections alone", "ΔAP50", "definition"]]
    for row in analysis["bins"]:
        gain = signed(row["ap50_gain"])
        kind = row["bin"]
        table.append([TYPE_NAMES[kind], row["count"], row["sure"], gain, _DEFINITIONS[kind]])
    page.table(table)
    page.note(
        f"After {_TIDE}. All detections count, whatever their score; those of low score cost "
        "little. With confident detections alone, more objects are missed. The gains do not add "
        "up: fixing one type may fix a part of another."
    )


def _cost_bars(rows: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """A bar for each error type; totals of several types are pale."""
    bars = []
    for row in rows:
        kind, gain = row["bin"], row["ap50_gain"]
        bars.append(Bar(TYPE_NAMES[kind], gain, signed(gain), pale=kind not in TYPES))
    return bars


def _top(analysis: Mapping[str, Any]) -> float:
    """The largest gain, or a little where there is none."""
    return max([row["ap50_gain"] for row in analysis["bins"]] + [0.01])


def _add_categories(page: Page, analysis: Mapping[str, Any]) -> None:
    page.chapter("By category")
    rows = [row for row in analysis["bins"] if row["bin"] in TYPES]
    page.text("ΔAP50 of each category; the mean over the categories is the ΔAP50 above.")
    names = short_names(analysis["categories"])
    table = [["category", "objects", "AP50", *(TYPE_NAMES[row["bin"]] for row in rows)]]
    for k, name in enumerate(analysis["categories"]):
        objects = analysis["objects_per_category"][k]
        if objects:
            gains = [_gain(row["per_category"][k]["ap50_gain"]) for row in rows]
            table.append([names[name], objects, number(analysis["ap50_per_category"][k]), *gains])
    page.table(table)
    page.note(
        "A dash: no gain, or all objects of the category were missed, so that it leaves the mean "
        "when they are removed. Click on a heading to sort by it."
    )


def _add_confusions(page: Page, analysis: Mapping[str, Any]) -> None:
    page.chapter("Confusions")
    confusion = analysis["confusion"]
    page.text(
        "Class-agnostic matching of confident detections (score ≥ "
        f"{analysis['score_threshold']:g}): by falling score, each takes the free object of the "
        "largest IoU, at least 0.5, whatever the two categories are. So counts differ from "
        "class-aware recall. Column “background”: missed objects. Row “background”: detections "
        "without an object."
    )
    page.figure(
        confusion_figure(confusion["names"], confusion["matrix"]),
        "Counts. Darker: a larger share of the row.",
    )
    if confusion["confused"]:
        page.section("The most frequent confusions")
        table = [["ground truth", "predicted", "confused", "objects", "share"]]
        for row in confusion["confused"][:_LISTED]:
            share = whole_percent(row["count"] / row["objects"])
            names = [short_name(row[key]) for key in ("true", "predicted")]
            table.append([*names, row["count"], row["objects"], share])
        page.table(table)


def _add_attributes(page: Page, attributes: Mapping[str, Any]) -> None:
    page.chapter("Attributes")
    page.text(
        f"Attributes of the {count(attributes['found'], 'object')} that a detection of any score "
        "matches (class-aware, mask IoU 0.5). The scores of attributes count fewer objects: those "
        f"that a confident detection matches. f1AP50 is {number(attributes['f1ap50'])}: AP50 "
        "where a match also needs an F1 of the attributes of 0.5."
    )
    table = [["error type", "errors", "confident", "objects", "Δf1AP50", "definition"]]
    for row in attributes["bins"]:
        kind, gain = row["bin"], signed(row["f1ap50_gain"])
        table.append(
            [TYPE_NAMES[kind], row["pairs"], row["sure"], row["objects"], gain, _DEFINITIONS[kind]]
        )
    page.table(table)
    wrong = [row for row in attributes["per_attribute"] if row["missing"] or row["invented"]]
    wrong.sort(key=lambda row: -row["missing"] - row["invented"])
    if not wrong:
        return
    page.section("Attributes with the most errors")
    table = [["attribute", "objects that have it", "missing", "missing, share", "extra"]]
    for row in wrong[:_LISTED]:
        share = whole_percent(row["missing"] / row["objects"] if row["objects"] else -1)
        table.append([row["name"], row["objects"], row["missing"], share, row["invented"]])
    page.table(table)
    if len(wrong) > _LISTED:
        page.note(f"{_LISTED} of {len(wrong)}; errors.json has all.")


def _add_breakdowns(page: Page, breakdowns: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    page.chapter("Recall and AP50 by object properties")
    page.text(
        "Recall is the share of the objects that a detection of any score matches. AP50 of a bin "
        "is measured as COCO measures small, medium and large objects: objects outside of the bin "
        "are ignored, and so are false positives outside of it. The black line is the recall "
        "expected from the categories in the bin. A bar well below it has another cause."
    )
    for name, rows in breakdowns.items():
        prop = PROPERTIES[name]
        page.section(prop.title)
        page.figure(breakdown_figure(rows))
        ap50 = ["AP50"] if prop.of_detections else []
        heading = ["bin", "objects", *ap50, "recall", "recall of confident detections"]
        table = [[*heading, "recall expected from the categories"]]
        for row in rows:
            recalls = [whole_percent(row[f"{kind}recall"]) for kind in ("", "sure_", "expected_")]
            values = [number(row["ap50"])] if prop.of_detections else []
            table.append([row["label"], row["objects"], *values, *recalls])
        page.table(table)
        if not prop.of_detections:
            page.note(
                "Recall only: predictions have no such property. Parts such as sleeves and "
                "pockets cover the garment that they belong to."
            )
    page.note(
        "The number of objects of a detection is that of its image. AP50 is the mean over the "
        "categories that occur in the bin; it is uncertain where objects are few."
    )


def _add_size_and_intricacy(page: Page, compared: Mapping[str, Any]) -> None:
    page.chapter("Small objects, or complex outlines?")
    (small, large), (plain, intricate) = (compared["thirds"][key] for key in THIRDS)
    page.text(
        "Small objects also differ from large ones in shape, so both are compared together. "
        f"Thirds by size: small below {100 * small:.1f} %, large from {100 * large:.1f} % on. "
        f"Thirds by complexity of the outline: simple below {plain:.2f}, complex from "
        f"{intricate:.2f} on; a disc has 1."
    )
    page.text(*size_and_intricacy(compared))
    page.figure(cells_figure(compared["cells"], THIRDS["size"], THIRDS["intricacy"]))
    heading = ["compared", "recall", "difference at equal complexity or size"]
    table = [[*heading, "difference at equal category too"]]
    for name, hard in HARD.items():
        row, easy = compared[name], EASY[name]
        cells = [
            f"{THIRDS[name][hard]} against {THIRDS[name][easy]}",
            f"{whole_percent(row['recall'][hard])} against {whole_percent(row['recall'][easy])}",
        ]
        for suffix in ("", "_in_category"):
            difference = row[f"difference{suffix}"]
            known = difference is not None
            cells.append(points(difference, row[f"error{suffix}"]) if known else "–")
        table.append(cells)
    page.table(table)
    page.note(
        "Differences within the thirds of the other property are averaged after Mantel and "
        "Haenszel (1959). In brackets the standard error, from 200 bootstrap samples of the "
        "images. A difference of less than two standard errors may be chance; fewer than "
        f"{MIN_IMAGES} images give no standard error."
    )


def _add_viewpoint(page: Page, compared: Mapping[str, Any], score_threshold: float) -> None:
    page.chapter("From the front or from the side?")
    page.text(viewpoint.verdict(compared))
    page.table(viewpoint.table_rows(compared))
    first, second = compared["limits"]
    page.note(
        f"Thirds of the {count(compared['images'], 'image')} that have the proxy: below "
        f"{first:.2f}, to {second:.2f}, and above. Recall is by a detection of any score; "
        f"confident is from {score_threshold:g} on. Intervals are Wilson's, which count objects "
        "as independent. In brackets the standard error, from 200 bootstrap samples of the "
        "images; a difference of less than two of them may be chance."
    )


def _gain(value: float | None) -> str:
    """A category's gain; what rounds to 0 is a dash."""
    return "–" if value is None or value < 0.0005 else signed(value)
