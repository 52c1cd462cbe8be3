"""The chapter of attributes: overall, by super-category, by attribute and by category."""

from collections.abc import Mapping
from typing import Any

from fashion.evaluation.attribute_tables import has_attributes
from fashion.evaluation.metrics.recall import UNDEFINED
from fashion.evaluation.report.figures import line_figure
from fashion.pages.html import Page
from fashion.pages.text import number, table_of

_OVERALL = {
    "micro_f1": "F1 of all (object, attribute) pairs together",
    "precision": "share of the predicted attributes that are correct",
    "recall": "share of the ground-truth attributes that are predicted",
    "macro_f1": "mean of the F1 of each attribute",
    "map": "mean of the average precision of each attribute, from its scores",
    "exact": "share of objects with exactly the right attributes, of categories that have any",
    "true_positive": "predicted attributes that are correct",
    "false_positive": "predicted attributes that are wrong",
    "false_negative": "ground-truth attributes that are not predicted",
    "matched": "objects whose attributes were compared",
    "ground_truth": "all objects",
}
_RATIOS = ("micro_f1", "macro_f1", "precision", "recall")
_ON_GT = "gt_boxes "  # before the key of a number on ground-truth boxes
_GT_BOXES = "ground-truth boxes"


def add_chapter(page: Page, scores: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Adds F1 and AP of the attributes on matched objects and, if measured, on true boxes.

    Args:
        page: The page so far.
        scores: As in `page.write_report`.
        names: `{attribute id as text: name}`, for scores that do not name their attributes.
    """
    if "attributes" not in scores:
        return
    matched, on_gt = scores["attributes"], scores.get("attributes_on_truth", {})
    overall, overall_on_gt = _overall(matched), _overall(on_gt)
    page.chapter("Attributes")
    text = (
        "Attributes are compared on matched objects: a confident detection of the same category "
        "with mask IoU 0.50 or more, one to one. Missed objects do not lower these numbers. The "
        "error analysis counts more matches, those of detections of any score."
    )
    if on_gt:
        text += (
            f" “{_GT_BOXES.capitalize()}”: the model describes the boxes of the ground truth "
            "instead, so nothing is missed or misplaced."
        )
    page.text(text)
    table = [["", "matched objects", *([_GT_BOXES] if on_gt else []), "definition"]]
    for key, meaning in _OVERALL.items():
        if key in overall:
            cells = [number(overall[key])]
            if on_gt:
                cells.append(number(overall_on_gt.get(key, "")))
            table.append([_title(key), *cells, meaning])
    page.table(table)
    _add_table(page, "Super-categories", "super-category", "per_supercategory", matched, on_gt, {})
    _add_curves(page, scores)
    _add_table(page, "Each attribute", "attribute", "per_attribute", matched, on_gt, names)
    page.note("Attributes that neither occur on compared objects nor were predicted are left out.")
    _add_table(page, "By category of the object", "category", "per_category", matched, on_gt, {})


def _overall(scores: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of all attributes together; ratios of nothing are undefined."""
    numbers = {**scores, **scores.get("counts", {})}
    if not has_attributes(scores):
        numbers |= dict.fromkeys((*_RATIOS, "exact"), UNDEFINED)
    return numbers


def _add_table(
    page: Page,
    title: str,
    heading: str,
    key: str,
    matched: Mapping[str, Any],
    on_gt: Mapping[str, Any],
    names: Mapping[str, str],
) -> None:
    """One table, the most frequent first, with the numbers on ground-truth boxes."""
    matched, on_gt = matched.get(key, {}), on_gt.get(key, {})
    if not matched and not on_gt:
        return
    rows = []
    for name in {**matched, **on_gt}:
        row: dict[str, Any] = {"name": names.get(name, name)}
        for field, value in on_gt.get(name, {}).items():
            row[_ON_GT + field] = value
            if field in ("name", "supercategory"):
                row[field] = value
        row |= matched.get(name, {})
        if row.get("matched") == 0:  # nothing was compared
            row |= {field: UNDEFINED for field in _RATIOS if field in row}
        rows.append(row)
    rows.sort(key=lambda row: -row.get("instances", row.get("matched", 0)))
    columns = {heading: "name"}
    if key == "per_attribute":
        columns["super-category"] = "supercategory"
    columns |= {
        "objects": "instances",
        "matched": "matched",
        "predicted": "predicted",
        "F1": "f1",
        "micro F1": "micro_f1",
        "macro F1": "macro_f1",
        "precision": "precision",
        "recall": "recall",
        "AP": "ap",
        "mAP": "map",
    }
    for name, field in (
        ("F1", "f1"),
        ("micro F1", "micro_f1"),
        ("macro F1", "macro_f1"),
        ("AP", "ap"),
        ("mAP", "map"),
    ):
        columns[f"{name}, {_GT_BOXES}"] = _ON_GT + field
    page.section(title)
    page.table(table_of(rows, columns))


def _add_curves(page: Page, scores: Mapping[str, Any]) -> None:
    curves = scores.get("attribute_curves")
    if not curves:  # the predictions have no attribute scores
        return
    page.section("Over the attribute threshold")
    lines = {
        _title(key): (curves["thresholds"], curves[key]) for key in ("f1", "precision", "recall")
    }
    page.figure(
        line_figure(lines, "attribute threshold", "micro average"),
        "F1, precision and recall of all (object, attribute) pairs, over the least attribute score "
        "that counts.",
    )


def _title(key: str) -> str:
    return {"map": "mAP"}.get(key, key.replace("_", " ").replace("f1", "F1"))
