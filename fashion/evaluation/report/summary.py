"""Summary: how much was scored, and the numbers to read first, each with what it means."""

from fashion.pages.text import number

# (path of keys, name, meaning)
_HEADLINES = (
    (
        ("coco", "segm", "AP"),
        "mask AP",
        "COCO's average precision of masks: mean over IoU 0.50 to 0.95 and over the categories.",
    ),
    (
        ("coco", "segm", "AP50"),
        "mask AP50",
        "The same where a mask counts as right from IoU 0.50 on.",
    ),
    (("coco", "bbox", "AP"), "box AP", "The same as mask AP, of boxes."),
    (
        ("f1_ap", "segm", "f1AP"),
        "mask AP with F1",
        "Mask AP where a match also needs an F1 of the attributes of 0.5 or more.",
    ),
    (
        ("fashionpedia", "segm", "iou_f1/AP"),
        "Fashionpedia AP",
        "The official AP of masks where IoU and attribute F1 must both be right.",
    ),
    (
        ("kaggle_2019", "mean_over_images_and_classes"),
        "Kaggle 2019",
        "TP / (TP + FP + FN) where category and all attributes must be right: mean over IoU, ClassIds and photos.",
    ),
    (
        ("kaggle_2020", "score"),
        "Kaggle 2020",
        "Share of right detections, mean over 100 pairs of IoU and F1 thresholds, then over photos.",
    ),
    (
        ("attributes", "micro_f1"),
        "attribute micro F1",
        "How well attributes are named on objects that were found: all pairs together.",
    ),
    (
        ("attributes", "macro_f1"),
        "attribute macro F1",
        "The mean of the attributes' own F1: rare ones count as much as frequent ones.",
    ),
    (
        ("found", "sensitivity"),
        "found",
        "Share of the objects that a detection of their category overlaps with IoU 0.50 or more.",
    ),
    (
        ("corloc", "mean_corloc"),
        "CorLoc",
        "Of the photos that show a category, the share where one of its five best boxes lies right.",
    ),
    (
        ("pixels", "mean_iou"),
        "pixel mean IoU",
        "Masks painted into one label map: IoU of each category over all pixels, then the mean.",
    ),
)


def add_chapter(page, scores, ground_truth, detections):
    """The sizes of the data and the headline numbers, on a `Page`."""
    objects = ground_truth["annotations"]
    crowds = sum(bool(row.get("iscrowd", 0)) for row in objects)
    described = sum(bool(row.get("attribute_ids")) for row in objects)
    occurring = len({row["category_id"] for row in objects})
    page.chapter("Summary")
    page.text(
        f"{len(ground_truth['images']):,} photos with {len(objects):,} labelled objects"
        + (f" ({crowds:,} of them crowds)" if crowds else "")
        + f" of {occurring} categories out of {len(ground_truth['categories'])}; {described:,} objects have attributes. "
        f"Scored against them: {len(detections):,} detections."
    )
    if scores.get("score_threshold"):
        page.text(
            "Average precision and CorLoc go by the order of the scores and read all detections. Where a decision is measured (both "
            f"contests, attributes, what was found, pixels), those with a score of {scores['score_threshold']:g} or more count."
        )
    page.cards(
        [
            (number(value), name, meaning)
            for path, name, meaning in _HEADLINES
            if (value := _at(scores, path)) is not None
        ]
    )
    page.note(
        "All scores run from 0 to 1, the higher the better. A dash: the truth holds nothing to measure. A click on the heading of a "
        "column sorts its table."
    )


def _at(scores, path):
    """The number at a path of keys, None if it is not there."""
    for key in path:
        scores = scores.get(key)
        if scores is None:
            return None
    return scores
