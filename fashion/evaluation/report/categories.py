"""The chapters of categories: every metric of each category, and pixels of the label maps."""

from collections.abc import Mapping
from typing import Any

from fashion.evaluation.metrics.recall import UNDEFINED
from fashion.pages.html import Bar, Page
from fashion.pages.text import count, number, short_name, table_of

_COLUMNS = {
    "category": "name",
    "objects": "instances",
    "AP": "AP",
    "AP50": "AP50",
    "matched": "found",
    "recall": "sensitivity",
    "pixel IoU": "iou",
    "CorLoc": "corloc",
    "attribute F1": "micro_f1",
}
_PIXELS = {
    "pixel_accuracy": "share of pixels with the correct label, background included",
    "binary_iou": "mean of foreground and background IoU",
    "foreground_iou": "IoU of all categories together",
    "background_iou": "IoU of the background",
    "mean_iou": "mean over the categories that occur in ground truth or predictions",
    "mean_iou_with_background": "the same, with the background as one more category",
}


def add_chapter(page: Page, scores: Mapping[str, Any]) -> None:
    """Adds the categories that have objects, and their AP as bars.

    Args:
        page: The page so far.
        scores: As in `page.write_report`.
    """
    rows = _rows(scores)
    if not rows:
        return
    least = scores.get("score_threshold", 0.5)
    page.chapter("Categories")
    page.text(
        "Masks, except for CorLoc, which compares boxes. Matching is class-aware: an object is "
        "matched by a detection of its category with IoU 0.50 or more, one to one. “Matched”, "
        f"recall and attribute F1 count detections of score ≥ {least:g} only; AP, CorLoc and the "
        "error analysis count all."
    )
    page.table(table_of(rows, _COLUMNS))
    absent = len(scores["coco"]["segm"]["per_category"]) - len(rows)
    if absent:
        categories = count(absent, "category", "categories")
        page.note(f"Left out: {categories} of the label list without objects.")
    page.section("Mask AP of each category")
    page.bars(
        [
            Bar(
                short_name(row["name"]),
                row["AP"],
                number(row["AP"]),
                row["AP50"],
                number(row["AP50"]),
            )
            for row in sorted(rows, key=lambda row: -row["AP"])
        ],
        ("category", "AP (bar)", "AP50 (dot)"),
    )


def _rows(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A dict for each category with objects, the most frequent first."""
    coco = scores["coco"]["segm"]["per_category"]
    parts = []
    for name in ("found", "pixels", "corloc", "attributes"):
        if "per_category" in scores.get(name, ()):
            parts.append(scores[name]["per_category"])
    rows = []
    for key, of_coco in coco.items():
        if of_coco["instances"] > 0:
            row: dict[str, Any] = {}
            for part in (*parts, coco):  # COCO's count of objects comes last and stands
                row |= part.get(key, {})
            if "micro_f1" in row and not row.get(
                "found", 1
            ):  # no object is matched, so no attributes were compared
                row["micro_f1"] = UNDEFINED
            rows.append(row)
    return sorted(rows, key=lambda row: -row["instances"])


def add_pixels(page: Page, scores: Mapping[str, Any]) -> None:
    """Adds accuracy and IoU of the label maps.

    Args:
        page: The page so far.
        scores: As in `page.write_report`.
    """
    if "pixels" not in scores:
        return
    pixels = scores["pixels"]
    page.chapter("Pixels")
    page.text(
        "Confident detections, and the objects, are painted into one label map each, smaller masks "
        f"over larger ones. All {pixels['pixels']:,} pixels are counted together."
    )
    table = [["", "value", "definition"]]
    for key, meaning in _PIXELS.items():
        table.append([key.replace("_", " ").replace("iou", "IoU"), number(pixels[key]), meaning])
    page.table(table)
    known = [row for row in pixels["per_category"].values() if row["iou"] >= 0]
    known.sort(key=lambda row: -row["pixels"])
    page.section("By category")
    columns = {"category": "name", "ground-truth pixels": "pixels", "IoU": "iou"}
    page.table(table_of(known, columns))
    page.note(
        "Categories that neither occur nor were predicted are left out. An IoU of 0 without "
        "pixels: predicted, but absent."
    )
