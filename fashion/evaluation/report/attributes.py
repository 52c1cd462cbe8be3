"""Attributes: how well they are named, overall, by super-category, one by one and by category."""

from fashion.evaluation.report.figures import line_figure
from fashion.pages.text import number, table_of

_OVERALL = {
    "micro_f1": "F1 of all (object, attribute) pairs together",
    "precision": "share of the attributes said that are right",
    "recall": "share of the real attributes that were said",
    "macro_f1": "mean of the attributes' own F1",
    "map": "mean of the attributes' average precision, from their scores",
    "exact": "share of objects with all attributes right and none besides, of the categories that carry any",
    "true_positive": "attributes said that are right",
    "false_positive": "attributes said that are wrong",
    "false_negative": "real attributes that were not said",
    "matched": "objects on which attributes were compared",
    "ground_truth": "all objects",
}
_TRUTH = "truth "  # before the key of a number on the boxes of the truth


def add_chapter(page, scores, names):
    """F1 and AP of the attributes on found objects and, where it was measured, on the boxes of the truth.

    names: {attribute id as text: name}, for scores that do not name their attributes
    """
    if "attributes" not in scores:
        return
    found, truth = scores["attributes"], scores.get("attributes_on_truth", {})
    overall, beside = ({**part, **part.get("counts", {})} for part in (found, truth))
    page.chapter("Attributes")
    page.text(
        "Attributes are compared on the objects that were found: a detection of the same category with mask IoU 0.50 or more, one to "
        "one. So these numbers speak of the attributes alone, not of what was missed."
        + (
            " “On true boxes”: predicted for the boxes of the truth instead, where nothing is missed or misplaced."
            if truth
            else ""
        )
    )
    page.table(
        [
            ["", "found objects", *(["on true boxes"] if truth else []), "what it measures"],
            *(
                [
                    _words(key),
                    number(overall[key]),
                    *([number(beside.get(key, ""))] if truth else []),
                    meaning,
                ]
                for key, meaning in _OVERALL.items()
                if key in overall
            ),
        ]
    )
    _add_table(page, "Super-categories", "super-category", "per_supercategory", found, truth, {})
    _add_curves(page, scores)
    _add_table(page, "Attribute by attribute", "attribute", "per_attribute", found, truth, names)
    page.note(
        "Left out are attributes that occur on no compared object and were never predicted for one."
    )
    _add_table(page, "By category of the object", "category", "per_category", found, truth, {})


def _add_table(page, title, heading, key, found, truth, names):
    """One table, the most frequent first; the numbers on true boxes beside those on found objects."""
    found, truth = found.get(key, {}), truth.get(key, {})
    if not found and not truth:
        return
    rows = []
    for name in {**found, **truth}:
        beside = truth.get(name, {})
        labels = {"name": names.get(name, name)} | {
            field: beside[field] for field in ("name", "supercategory") if field in beside
        }
        rows.append(
            labels
            | found.get(name, {})
            | {_TRUTH + field: value for field, value in beside.items()}
        )
    above = {"super-category": "supercategory"} if key == "per_attribute" else {}
    columns = (
        {heading: "name"}
        | above
        | {
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
            "F1, true boxes": _TRUTH + "f1",
            "micro F1, true boxes": _TRUTH + "micro_f1",
            "macro F1, true boxes": _TRUTH + "macro_f1",
            "AP, true boxes": _TRUTH + "ap",
            "mAP, true boxes": _TRUTH + "map",
        }
    )
    page.section(title)
    page.table(
        table_of(
            sorted(rows, key=lambda row: -row.get("instances", row.get("matched", 0))), columns
        )
    )


def _add_curves(page, scores):
    if curves := scores.get(
        "attribute_curves"
    ):  # empty where the predictions have no scores of attributes
        page.section("Over the threshold on attribute scores")
        page.figure(
            line_figure(
                {
                    _words(key): (curves["thresholds"], curves[key])
                    for key in ("f1", "precision", "recall")
                },
                "attribute threshold",
                "micro average",
            ),
            "Precision, recall and F1 of all (object, attribute) pairs where attributes with at least this score count.",
        )


def _words(key):
    return {"map": "mAP"}.get(key, key.replace("_", " ").replace("f1", "F1"))
