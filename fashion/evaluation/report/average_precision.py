"""Average precision: COCO's and Fashionpedia's tables, and the curves of precision over recall behind them."""

from fashion.evaluation.matching import IOU_TYPES as KINDS
from fashion.evaluation.report.figures import precision_recall_figure, precision_recall_panels
from fashion.pages.text import number, short_name

_COCO = {
    "AP": "mean over IoU 0.50, 0.55 … 0.95",
    "AP50": "IoU 0.50",
    "AP75": "IoU 0.75",
    "APs": "objects under 32² pixels",
    "APm": "objects of 32² to 96² pixels",
    "APl": "objects over 96² pixels",
    "AR1": "recall with 1 detection of a category in a photo",
    "AR10": "recall with 10",
    "AR100": "recall with 100",
    "ARs": "the last, objects under 32² pixels",
    "ARm": "objects of 32² to 96² pixels",
    "ARl": "objects over 96² pixels",
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
    "AR@1": "recall with 1 detection of a category in a photo",
    "AR@10": "recall with 10",
    "AR@100": "recall with 100",
    "ARs@100": "the last, small objects",
    "ARm@100": "medium objects",
    "ARl@100": "large objects",
}
_TABLES = {"iou": "IoU", "iou_f1": "IoU + F1", "f1": "F1"}


def add_coco(page, scores):
    """COCO's numbers of masks and boxes, without and with the condition on attributes."""
    page.chapter("COCO AP, without and with F1")
    page.text(
        "A detection is right if it has the category of an object and overlaps it enough. AP is the area under the curve of "
        "precision over recall, the mean over the categories. With F1 (f1AP, from a CS231n project report), a match must also reach "
        "an F1 of 0.5 between the two sets of attributes; objects without attributes have an F1 of 1."
    )
    columns = {
        f"{kind} {condition}": values
        for key, kind in (("segm", "mask"), ("bbox", "box"))
        for condition, values in (
            ("wo. F1", scores["coco"][key]),
            ("w. F1", _without_prefix(scores["f1_ap"][key])),
        )
    }
    page.table(
        [
            ["", *columns, "what it measures"],
            *(
                [name, *(number(values[name]) for values in columns.values()), meaning]
                for name, meaning in _COCO.items()
            ),
        ]
    )


def _without_prefix(f1_ap):
    return {key.removeprefix("f1"): value for key, value in f1_ap.items() if key.startswith("f1")}


def add_fashionpedia(page, scores):
    """Fashionpedia's numbers: the official ones and our variant, as far as there are any."""
    present = {
        "fashionpedia": "As the official evaluator has it",
        "fashionpedia_fixed": "Fixed (our variant, not a published metric)",
    }
    present = {key: title for key, title in present.items() if key in scores}
    if not present:
        return
    page.chapter("Fashionpedia AP")
    page.text(
        "IoU + F1 asks for the mask and the attributes: F1 is the mean of that of the present and that of the absent attributes, and "
        "both thresholds run from 0.50 to 0.95. IoU leaves out the attributes, F1 the overlap."
    )
    for key, title in present.items():
        page.section(title)
        if key == "fashionpedia_fixed":
            page.text(
                "Matched as by COCO, so that the order of the objects does not matter and the numbers for IoU alone are COCO's."
            )
        columns = {
            f"{kind} {condition}": (scores[key][which], table)
            for which, kind in (("segm", "mask"), ("bbox", "box"))
            for table, condition in _TABLES.items()
        }
        page.table(
            [
                ["", *columns, "what it measures"],
                *(
                    [
                        name,
                        *(
                            number(values.get(f"{table}/{name}", ""))
                            for values, table in columns.values()
                        ),
                        meaning,
                    ]
                    for name, meaning in _FASHIONPEDIA.items()
                ),
            ]
        )
    page.note(
        "An empty cell: the evaluator has no such number. F1 counts only in categories that carry attributes: Fashionpedia's 18, or "
        "in our variant those of which an object of the truth has some."
    )


def add_curves(page, scores):
    """Precision over recall: of all categories together, and of each."""
    if "curves" not in scores:
        return
    page.chapter("Precision and recall")
    page.text(
        "Detections are taken in the order of their scores. Recall is the share of objects found so far, precision the share of "
        "detections so far that are right, as COCO has it: the best precision at that recall or beyond."
    )
    curves = scores["curves"]["segm"]
    page.section("All categories")
    page.figure(
        precision_recall_figure(
            {title: scores["curves"][kind]["all"] for kind, title in KINDS.items()},
            curves["recalls"],
        ),
        "Precision over recall, the mean of the categories that have objects.",
    )
    rows = scores["coco"]["segm"]["per_category"]
    panels = {
        _panel_title(rows[key]): curves["per_category"][key]
        for key in sorted(rows, key=lambda key: -rows[key]["AP"])
        if rows[key]["instances"] and key in curves["per_category"]
    }
    if panels:
        page.section("Each category, masks")
        page.figure(
            precision_recall_panels(panels, curves["recalls"]),
            "Precision over recall of masks, by category, the best AP first; in brackets the number of objects.",
        )


def _panel_title(row):
    return f"{short_name(row['name'])} ({row['instances']})"
