"""The summary: how much was scored, and the headline numbers with their meaning."""

from collections.abc import Mapping, Sequence
from typing import Any

from fashion.evaluation.attribute_tables import has_attributes
from fashion.evaluation.metrics.recall import UNDEFINED
from fashion.pages.html import Page
from fashion.pages.text import count, number

# (path of keys, name, meaning)
_HEADLINES = (
    (
        ("coco", "segm", "AP"),
        "mask AP",
        "COCO's average precision of masks, the mean over IoU 0.50 to 0.95 and the categories.",
    ),
    (("coco", "segm", "AP50"), "mask AP50", "The same at IoU 0.50."),
    (("coco", "bbox", "AP"), "box AP", "The same as mask AP, of boxes."),
    (
        ("f1_ap", "segm", "f1AP"),
        "mask AP with F1",
        "Mask AP where a match also needs an F1 of the attributes of 0.5 or more.",
    ),
    (
        ("fashionpedia", "segm", "iou_f1/AP"),
        "Fashionpedia AP",
        "The official AP of masks, with thresholds on IoU and on the F1 of the attributes.",
    ),
    (
        ("kaggle_2019", "mean_over_images_and_classes"),
        "Kaggle 2019",
        "TP / (TP + FP + FN) of category and all attributes, the mean over IoU, ClassIds and "
        "images.",
    ),
    (
        ("kaggle_2020", "score"),
        "Kaggle 2020",
        "TP / (TP + FP), the mean over 100 pairs of IoU and F1 thresholds, then over images.",
    ),
    (
        ("attributes", "micro_f1"),
        "attribute micro F1",
        "F1 of the attributes of matched objects, all pairs counted together.",
    ),
    (
        ("attributes", "macro_f1"),
        "attribute macro F1",
        "The mean of the F1 of each attribute; rare ones count as much as frequent ones.",
    ),
    (
        ("found", "sensitivity"),
        "recall",
        "Share of the objects that a detection of their category matches with IoU 0.50 or more.",
    ),
    (
        ("corloc", "mean_corloc"),
        "CorLoc",
        "Share of the images of a category in which one of its five best boxes is correct.",
    ),
    (
        ("pixels", "mean_iou"),
        "pixel mean IoU",
        "IoU of each category over all pixels of one label map, then the mean.",
    ),
)


def headlines(scores: Mapping[str, Any]) -> dict[str, float]:
    """Looks up the headline numbers.

    Args:
        scores: As in `page.write_report`.

    Returns:
        {name: number} of those that were computed; below 0 where there was nothing to measure.
    """
    values = {name: _look_up(scores, path) for path, name, _ in _HEADLINES}
    return {name: value for name, value in values.items() if value is not None}


# The headlines that a page begins with.
MAIN_HEADLINES = ("mask AP", "mask AP50", "recall", "attribute micro F1")


def headline_cards(
    scores: Mapping[str, Any], names: Sequence[str] | None = None
) -> list[tuple[str, str, str]]:
    """Looks up the headline numbers for `Page.cards`.

    Args:
        scores: As in `page.write_report`.
        names: Which ones; default: all.

    Returns:
        `(number, name, meaning)` of those that were measured.
    """
    cards = []
    for path, name, meaning in _HEADLINES:
        value = _look_up(scores, path)
        if value is not None and (names is None or name in names):
            cards.append((number(value), name, meaning))
    return cards


def add_chapter(
    page: Page,
    scores: Mapping[str, Any],
    ground_truth: Mapping[str, Any],
    detections: Sequence[Mapping[str, Any]],
) -> None:
    """Adds the size of the data and the headline numbers.

    Args:
        page: The page so far.
        scores: As in `page.write_report`.
        ground_truth: COCO dict that was scored.
        detections: COCO results that were scored.
    """
    objects = ground_truth["annotations"]
    crowds = sum(bool(row.get("iscrowd", 0)) for row in objects)
    described = sum(bool(row.get("attribute_ids")) for row in objects)
    occurring = len({row["category_id"] for row in objects})
    page.chapter("Summary")
    page.text(
        f"{count(len(ground_truth['images']), 'image')} with {count(len(objects), 'object')}"
        + (f" ({crowds:,} of them crowds)" if crowds else "")
        + f" of {occurring} categories out of {len(ground_truth['categories'])}; objects with "
        f"attributes: {described:,}. {count(len(detections), 'detection')}."
    )
    if scores.get("score_threshold"):
        page.text(
            "AP and CorLoc rank all detections; all other metrics use score ≥ "
            f"{scores['score_threshold']:g}."
        )
    page.cards(headline_cards(scores, MAIN_HEADLINES))
    others = [card for card in headline_cards(scores) if card[1] not in MAIN_HEADLINES]
    if others:
        rows = [[name, value, meaning] for value, name, meaning in others]
        page.table([["other scores", "value", "definition"], *rows])
    page.note(
        "All scores run from 0 to 1; higher is better. A dash: undefined, because the ground truth "
        "has nothing to measure. A click on the heading of a column sorts its table."
    )


def _look_up(scores: Any, path: Sequence[str]) -> Any:
    """The number at a path of keys, None if it is not there."""
    if path[0] == "attributes" and not has_attributes(scores.get("attributes") or {}):
        return UNDEFINED
    for key in path:
        scores = scores.get(key)
        if scores is None:
            return None
    return scores
