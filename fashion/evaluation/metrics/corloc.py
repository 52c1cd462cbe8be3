"""CorLoc and weighted mAP: does one of the few best boxes lie where the category is?

The metrics of Jia et al. (2018), "A Deep-Learning-Based Fashion Attributes Detection Model",
arXiv 1810.10148: boxes, IoU 0.5, the top 5 predictions. The definitions that go with the words are
those of the field: CorLoc as in Deselaers et al. (IJCV 2012), AP as in COCO. Chosen here: "top 5"
means the five best of each image and category, and the weight of a category is how often it occurs.
"""

from collections.abc import Sequence

import numpy as np

from fashion.evaluation.average_precision import precision_tables
from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.coco import WITHOUT_F1, coco_scores
from fashion.evaluation.metrics.registry import LAST, Inputs, metric
from mrcnn.typing import Array


def corloc_scores(table: MatchTable, *, top: int = 5, iou_threshold: float = 0.5) -> dict:
    """Computes correct localization and box AP of each category, from the best few predictions.

    Args:
        table: All predictions and objects, boxes compared.
        top: How many predictions of an image and category count, those of the highest confidence
            (equal ones: the earlier in the list).
        iou_threshold: Least IoU of a correct box, for CorLoc. AP is at 0.5.

    Returns:
        {"mean_corloc", "weighted_corloc": mean over categories, the latter by "images"; "mean_ap",
        "weighted_ap": the same, by "instances"; "per_category": {category id: {"name", "images":
        how many show it, "located": in how many of them a prediction is correct, "corloc": their
        ratio, "instances", "ap": box AP at IoU 0.5}}}, every category, in the order of the ground
        truth. Scores are in [0, 1]; -1 for what does not occur, and for the means if nothing does.
        Crowds are left out of CorLoc and are as COCO has them in AP.

    Raises:
        ValueError: If `top` is below 1.
    """
    if top < 1:
        raise ValueError(
            f"top is how many predictions of an image and category count, at least 1. Got {top}."
        )
    # AP is that of the best few as well; its limit of 100 is never reached.
    best = table.top(top)
    ap = coco_scores(best, precision_tables(best, WITHOUT_F1))["per_category"]
    images, located = _located(best, iou_threshold)
    place = {category_id: k for k, category_id in enumerate(best.category_ids)}
    per_category = {}
    for category in table.ground_truth["categories"]:
        i, k = category["id"], place[category["id"]]
        per_category[i] = {
            "name": category["name"],
            "images": int(images[k]),
            "located": int(located[k]),
            "corloc": int(located[k]) / int(images[k]) if images[k] else -1.0,
            "instances": ap[i]["instances"],
            "ap": ap[i]["AP50"],
        }
    rows = [row for row in per_category.values() if row["instances"]]
    return {
        "mean_corloc": _mean(rows, "corloc"),
        "weighted_corloc": _mean(rows, "corloc", "images"),
        "mean_ap": _mean(rows, "ap"),
        "weighted_ap": _mean(rows, "ap", "instances"),
        "per_category": per_category,
    }


def _located(table: MatchTable, iou_threshold: float) -> tuple[Array, Array]:
    """Of each category, how many images show it, and where a prediction is correct, `(K,)` int."""
    regular = ~table.gt_crowd
    # An image counts once for a category, however many of its objects it shows.
    shown = np.unique(np.stack([table.gt_category, table.gt_image])[:, regular], axis=1)
    images = np.bincount(shown[0], minlength=len(table.category_ids))
    located = np.zeros(len(table.category_ids), int)
    for block in table.blocks:
        iou = block.iou[:, regular[block.objects]]
        # A block is one image and category, and all its predictions are of that category.
        # += True counts an image once, however many of its boxes are right.
        located[table.pred_category[block.predictions.start]] += (iou >= iou_threshold).any()
    return images, located


def _mean(rows: Sequence[dict], value: str, weight: str | None = None) -> float:
    if not rows:
        return -1.0
    weights = [row[weight] for row in rows] if weight else None
    return float(np.average([row[value] for row in rows], weights=weights))


def _rows(scores: dict) -> list[str]:
    places = scores["corloc"]
    return [
        "of the five best boxes of each image and category:",
        f"  CorLoc, images with a right box: {places['mean_corloc']:.3f}, weighted by images "
        f"{places['weighted_corloc']:.3f}",
        f"  box AP at IoU 0.5: {places['mean_ap']:.3f}, weighted by objects "
        f"{places['weighted_ap']:.3f}",
    ]


@metric(
    "corloc",
    "Correct localization",
    section=LAST,
    order=60,
    rows=_rows,
    formula="share of the images that show a category where one of its five best boxes is right",
    source=(
        'Jia et al., "A Deep-Learning-Based Fashion Attributes Detection Model", '
        "[arXiv:1810.10148](https://arxiv.org/abs/1810.10148); CorLoc as in Deselaers et al. "
        "(IJCV 2012)"
    ),
    numbers={
        "mean_corloc": "mean over the categories",
        "weighted_corloc": "mean over the categories, by `images`",
        "mean_ap": "mean AP over the categories",
        "weighted_ap": "mean AP over the categories, by `instances`",
        "per_category": (
            "`name`; `images` that show it; `located`, in how many of them one of the five boxes "
            "is right; `corloc`, their ratio; `instances`; `ap`, box AP at IoU 0.5 of the five best"
        ),
    },
    documentation=(
        'Boxes, IoU 0.5. Chosen: the "top 5" are the five best predictions of each image and '
        "category, and a category weighs as often as it occurs."
    ),
)
def corloc(inputs: Inputs) -> dict:
    """CorLoc and AP of the five best boxes.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        See `corloc_scores`.
    """
    return corloc_scores(inputs.boxes)
