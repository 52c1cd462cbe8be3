"""Categories: how each of them fares, by every measure that tells them apart."""

from fashion.evaluation.report.figures import average_precision_bars
from fashion.pages.text import number, short_name, table_of

_COLUMNS = {
    "category": "name",
    "objects": "instances",
    "AP": "AP",
    "AP50": "AP50",
    "found": "found",
    "sensitivity": "sensitivity",
    "pixel IoU": "iou",
    "CorLoc": "corloc",
    "attribute F1": "micro_f1",
}
_PIXELS = {
    "pixel_accuracy": "share of pixels with the right label, background included",
    "binary_iou": "mean of foreground and background IoU: is a pixel dressed or not?",
    "foreground_iou": "IoU of all that is not background",
    "background_iou": "IoU of the background",
    "mean_iou": "mean over the categories that occur, said or real",
    "mean_iou_with_background": "the same, with the background as one more category",
}


def add_chapter(page, scores):
    """The table of the categories that have objects, and their AP as bars."""
    rows = _rows(scores)
    if not rows:
        return
    page.chapter("Categories")
    page.text(
        "Masks throughout, except for CorLoc, which goes by boxes. Found: objects overlapped with IoU 0.50 or more by a detection of "
        "their category, one to one; sensitivity is their share. Attribute F1 counts the found objects only."
    )
    page.table(table_of(rows, _COLUMNS))
    absent = len(scores["coco"]["segm"]["per_category"]) - len(rows)
    page.note(f"Left out are the categories of the label list without objects: {absent}.")
    page.figure(
        average_precision_bars([(short_name(row["name"]), row["AP"], row["AP50"]) for row in rows]),
        "Mask AP of each category (bars, with their numbers) and mask AP50 (dots).",
    )


def _rows(scores):
    """One dict for each category with objects, the most frequent first."""
    others = [
        scores[name]["per_category"]
        for name in ("found", "pixels", "corloc", "attributes")
        if "per_category" in scores.get(name, ())
    ]
    rows = []
    for key, row in scores["coco"]["segm"]["per_category"].items():
        if row["instances"] > 0:
            rows.append({})
            for part in (
                *others,
                scores["coco"]["segm"]["per_category"],
            ):  # COCO's count of objects stands
                rows[-1] |= part.get(key, {})
    return sorted(rows, key=lambda row: -row["instances"])


def add_pixels(page, scores):
    """Accuracy and IoU of the painted label maps."""
    if "pixels" not in scores:
        return
    pixels = scores["pixels"]
    page.chapter("Pixels")
    page.text(
        "Detections that are sure enough, and the objects, are painted into one label map each, smaller masks over larger ones. "
        f"All {pixels['pixels']:,} pixels are counted together."
    )
    page.table(
        [
            ["", "value", "what it measures"],
            *(
                [key.replace("_", " ").replace("iou", "IoU"), number(pixels[key]), meaning]
                for key, meaning in _PIXELS.items()
            ),
        ]
    )
    known = [row for row in pixels["per_category"].values() if row["iou"] >= 0]
    page.section("By category")
    page.table(
        table_of(
            sorted(known, key=lambda row: -row["pixels"]),
            {"category": "name", "pixels of the truth": "pixels", "IoU": "iou"},
        )
    )
    page.note(
        "Categories that neither occur nor were detected are left out. An IoU of 0 without pixels: detected, but not there."
    )
