"""The chapters of average precision: COCO's and Fashionpedia's tables, and the curves."""

from collections.abc import Mapping
from typing import Any

from fashion.evaluation.matching import IOU_TYPES
from fashion.evaluation.report.figures import precision_recall_figure, precision_recall_panels
from fashion.pages.html import Page
from fashion.pages.text import number, short_name

_COCO = {
    "AP": "mean over IoU 0.50, 0.55 … 0.95",
    "AP50": "IoU 0.50",
    "AP75": "IoU 0.75",
    "APs": "objects below 32² pixels",
    "APm": "objects of 32² to 96² pixels",
    "APl": "objects above 96² pixels",
    "AR1": "recall with 1 detection per category and image",
    "AR10": "recall with 10",
    "AR100": "recall with 100",
    "ARs": "recall with 100, objects below 32² pixels",
    "ARm": "objects of 32² to 96² pixels",
    "ARl": "objects above 96² pixels",
}
_FASHIONPEDIA = {
    "AP": "mean over all thresholds",
    "AP_IOU50": "IoU 0.50",
    "AP_IOU75": "IoU 0.75",
    "AP_F150": "F1 0.50",
    "AP_F175": "F1 0.75",
    "AP_IOU50_F150": "IoU 0.50, F1 0.50",
    "AP_IOU50_F175": "IoU 0.50, F1 0.75",
    "AP_IOU75_F150": "IoU 0.75, F1 0.50",
    "AP_IOU75_F175": "IoU 0.75, F1 0.75",
    "APo": "outerwear (categories 0 to 12)",
    "APa": "accessories (13 to 26)",
    "APp": "garment parts (27 to 45)",
    "APs": "small objects",
    "APm": "medium objects",
    "APl": "large objects",
    "AR@1": "recall with 1 detection per category and image",
    "AR@10": "recall with 10",
    "AR@100": "recall with 100",
    "ARs@100": "recall with 100, small objects",
    "ARm@100": "medium objects",
    "ARl@100": "large objects",
}
_CONDITIONS = {"iou": "IoU", "iou_f1": "IoU + F1", "f1": "F1"}
_KINDS = {"segm": "mask", "bbox": "box"}


def add_coco(page: Page, scores: Mapping[str, Any]) -> None:
    """Adds COCO's numbers of masks and boxes, without and with F1 of the attributes.

    Args:
        page: The page so far.
        scores: As in `page.write_report`.
    """
    page.chapter("COCO AP, without and with F1")
    page.text(
        "A detection is a true positive if it has the category of an object and overlaps it "
        "enough. AP is the area under the curve of precision over recall, the mean over the "
        "categories. With F1 (f1AP, from a CS231n project report) a match also needs an F1 of 0.5 "
        "between the two sets of attributes; the F1 of objects without attributes is 1."
    )
    columns = {}
    for key, kind in _KINDS.items():
        # The same numbers with and without F1 stand side by side.
        columns[f"{kind} without F1"] = scores["coco"][key]
        columns[f"{kind} with F1"] = {
            name.removeprefix("f1"): value for name, value in scores["f1_ap"][key].items()
        }
    table = [["", *columns, "definition"]]
    for name, meaning in _COCO.items():
        table.append([name, *(number(values[name]) for values in columns.values()), meaning])
    page.table(table)


def add_fashionpedia(page: Page, scores: Mapping[str, Any]) -> None:
    """Adds Fashionpedia's numbers: the official ones and our variant, as far as there are any.

    Args:
        page: The page so far.
        scores: As in `page.write_report`.
    """
    titles = {
        "fashionpedia": "Official evaluator",
        "fashionpedia_fixed": "Order-independent (our variant, not a published metric)",
    }
    present = [key for key in titles if key in scores]
    if not present:
        return
    page.chapter("Fashionpedia AP")
    page.text(
        "IoU + F1 has thresholds on the mask and on the attributes, each from 0.50 to 0.95. F1 is "
        "the mean of the F1 of present and of absent attributes. IoU ignores the attributes, F1 "
        "the overlap."
    )
    for key in present:
        page.section(titles[key])
        if key == "fashionpedia_fixed":
            page.text(
                "Matched as in COCO: the order of the objects does not matter, and the numbers for "
                "IoU alone are COCO's."
            )
        page.table(_fashionpedia_table(scores[key]))
    page.note(
        "An empty cell: the evaluator has no such number. F1 is measured in categories that have "
        "attributes: Fashionpedia's 18, or in our variant those of objects with attributes."
    )


def _fashionpedia_table(scores: Mapping[str, Any]) -> list[list[str]]:
    columns = {}
    for key, kind in _KINDS.items():
        for condition, title in _CONDITIONS.items():
            columns[f"{kind} {title}"] = (scores[key], condition)
    table = [["", *columns, "definition"]]
    for name, meaning in _FASHIONPEDIA.items():
        cells = [
            number(values.get(f"{condition}/{name}", "")) for values, condition in columns.values()
        ]
        table.append([name, *cells, meaning])
    return table


def add_curves(page: Page, scores: Mapping[str, Any]) -> None:
    """Adds precision over recall, of all categories together and of each.

    Args:
        page: The page so far.
        scores: As in `page.write_report`.
    """
    if "curves" not in scores:
        return
    page.chapter("Precision and recall")
    page.text(
        "Detections are ranked by score. Recall is the share of the objects that are matched so "
        "far. Precision is the share of true positives so far; as in COCO, the best precision at "
        "that recall or beyond is shown."
    )
    curves = scores["curves"]["segm"]
    page.section("All categories")
    of_all = {title: scores["curves"][kind]["all"] for kind, title in IOU_TYPES.items()}
    page.figure(
        precision_recall_figure(of_all, curves["recalls"]),
        "Precision over recall, the mean over categories with objects.",
    )
    rows = scores["coco"]["segm"]["per_category"]
    panels = {}
    for key in sorted(rows, key=lambda key: -rows[key]["AP"]):
        row = rows[key]
        if row["instances"] and key in curves["per_category"]:
            title = f"{short_name(row['name'])} ({row['instances']})"
            panels[title] = curves["per_category"][key]
    if panels:
        page.section("Each category, masks")
        page.figure(
            precision_recall_panels(panels, curves["recalls"]),
            "Precision over recall of masks, the best AP first; in brackets the number of objects.",
        )
