"""Recall: how many ground-truth objects of each category are matched by a prediction.

The slide deck and the reports call it sensitivity. Predictions match objects of their own category,
in contrast to the confusion matrix of the error analysis, where they match objects of any category.
"""

from dataclasses import dataclass

import numpy as np

from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.registry import CONFIDENT, Inputs, metric

UNDEFINED = -1.0  # recall without ground truth, as in COCO


@dataclass(frozen=True)
class CategoryRecall:
    """Counts of one category.

    Attributes:
        name: Of the category.
        instances: Ground-truth objects, crowds excluded.
        matched: Objects matched by a prediction (true positives).
        predictions: Predictions of the category.
    """

    name: str
    instances: int
    matched: int
    predictions: int

    @property
    def missed(self) -> int:
        """Ground-truth objects without a match (false negatives)."""
        return self.instances - self.matched

    @property
    def recall(self) -> float:
        """Matched objects over all objects, in [0, 1]; `UNDEFINED` without objects."""
        return self.matched / self.instances if self.instances else UNDEFINED


def recall_per_category(
    table: MatchTable, *, iou_threshold: float = 0.5
) -> dict[int, CategoryRecall]:
    """Counts the matched objects of each category.

    Predictions choose in order of confidence. Each takes the unmatched object of its category that
    it overlaps most, provided that the IoU reaches `iou_threshold`.

    Args:
        table: Ground truth, and the predictions that count.
        iou_threshold: Least IoU of a match, in (0, 1].

    Returns:
        Counts by category id, in the order of the ground truth's categories, including categories
        without objects.

    Raises:
        ValueError: If `iou_threshold` is not in (0, 1].
    """
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold must be in (0, 1]. Got {iou_threshold}.")
    number = len(table.category_ids)
    matched = table.gt_category[table.matches(iou_threshold)[1]]
    instances, found, predictions = (
        np.bincount(column, minlength=number).tolist()
        for column in (table.gt_category[~table.gt_crowd], matched, table.pred_category)
    )
    place = {category_id: k for k, category_id in enumerate(table.category_ids)}
    counts = {}
    for category in table.ground_truth["categories"]:
        k = place[category["id"]]
        counts[category["id"]] = CategoryRecall(
            category["name"], instances[k], found[k], predictions[k]
        )
    return counts


def _rows(scores: dict) -> list[str]:
    found = scores["found"]
    return [
        f"matched at IoU 0.5: {found['found']} of {found['instances']} objects, mean recall over "
        f"categories {found['mean_sensitivity']:.3f}"
    ]


@metric(
    "found",
    "Recall",
    section=CONFIDENT,
    order=50,
    rows=_rows,
    formula="matched objects / objects",
    source="the slide deck and the reports call it sensitivity",
    numbers={
        "found": "objects that are matched by a prediction of their category",
        "missed": "objects that are not",
        "instances": "all objects, crowds excluded",
        "sensitivity": "recall: matched objects of all",
        "mean_sensitivity": "mean over the categories that have objects",
        "per_category": "the same of each, with its `name` and the number of its `detections`",
    },
    documentation=(
        "An object is matched by a prediction of its own category with mask IoU 0.5 or more, one "
        "to one. The most confident prediction chooses first, the unmatched object that it "
        "overlaps most (class-aware). The confusion matrix of the error analysis (`errors.html`) "
        "is class-agnostic, so its counts differ."
    ),
)
def recall(inputs: Inputs) -> dict:
    """Recall of the confident predictions at mask IoU 0.5.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        Numbers under the keys of metrics.json.
    """
    counts = recall_per_category(inputs.confident_masks)
    instances = sum(row.instances for row in counts.values())
    matched = sum(row.matched for row in counts.values())
    recalls = [row.recall for row in counts.values() if row.instances]
    return {
        "found": matched,
        "missed": instances - matched,
        "instances": instances,
        "sensitivity": matched / instances if instances else UNDEFINED,
        "mean_sensitivity": float(np.mean(recalls)) if recalls else UNDEFINED,
        "per_category": {
            category_id: {
                "name": row.name,
                "instances": row.instances,
                "found": row.matched,
                "missed": row.missed,
                "sensitivity": row.recall,
                "detections": row.predictions,
            }
            for category_id, row in counts.items()
        },
    }
