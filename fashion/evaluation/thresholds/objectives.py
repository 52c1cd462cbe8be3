"""What thresholds can be tuned for: each metric as an exact value, and as a utility of attributes.

The exact value decides and is reported. The utility of attributes proposes: detections keep the
objects that they match, and only whether their attributes suffice changes, so thousands of
thresholds are evaluated at once.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fashion.evaluation.metrics.attributes import attribute_f1
from fashion.evaluation.metrics.f1_ap import evaluate_f1_ap
from fashion.evaluation.metrics.fashionpedia import evaluate_fashionpedia, macro_f1
from fashion.evaluation.metrics.kaggle import THRESHOLDS, counts_2019, precision_2020
from fashion.evaluation.thresholds.tuning_data import TuningImage
from mrcnn.typing import Array

_THRESHOLDS = np.array(THRESHOLDS)
_MIN_F1 = 0.5  # of a match in `f1_ap`


def mean_over_images(totals: Array, num_images: int) -> float:
    """Aggregates a mean over images.

    Args:
        totals: `(1,)` sum over images.
        num_images: I.

    Returns:
        The mean.
    """
    return float(totals[0] / num_images)


@dataclasses.dataclass(frozen=True)
class Objective:
    """A metric in [0, 1] to maximise.

    A metric that sums over images has `prepare` and `image_value`; all thresholds are searched.
    Any other has `score`; attribute thresholds alone are searched.

    Attributes:
        title: For people.
        utility: `(shared, predicted, gt, num_attributes, ratio)` -> utility of the attributes of
            matched detections, from counts that broadcast. `ratio` only for a ratio of sums.
        is_ratio: The metric is a ratio of sums. Its utility depends on the ratio itself, which is
            found by iteration (Dinkelbach).
        mean_over_detections: The detections of an image share its utility.
        ranked: The metric reads all detections by score, so a score threshold cannot improve it.
        prepare: `(image, (D, T) bool predicted attributes)` -> what `image_value` reads.
        image_value: `(image, kept (d,), iou (D, G), prepared)` -> `(n,)` float64 summands.
        aggregate: `(sum of image values, number of images)` -> value.
        score: `(ground_truth, detections)` -> value.
    """

    title: str
    utility: Callable[..., Array]
    is_ratio: bool = False
    mean_over_detections: bool = False
    ranked: bool = False
    prepare: Callable[[TuningImage, Array], Any] | None = None
    image_value: Callable[[TuningImage, Array, Array, Any], Array] | None = None
    aggregate: Callable[[Array, int], float] = mean_over_images
    score: Callable[[dict, Sequence[dict]], float] | None = None


# Utilities of attributes.


def _utility_2020(shared, predicted, gt, num_attributes, ratio):
    share = np.searchsorted(_THRESHOLDS, _set_f1(shared, predicted, gt)) / len(_THRESHOLDS)
    return np.where(gt > 0, share, 1.0)


def _utility_2019(shared, predicted, gt, num_attributes, ratio):
    return ((shared == predicted) & (shared == gt)).astype(float)


def _utility_fashionpedia(shared, predicted, gt, num_attributes, ratio):
    f1 = macro_f1(shared, predicted, gt, num_attributes)
    return np.searchsorted(_THRESHOLDS, f1, side="right") / len(_THRESHOLDS)


def _utility_f1_ap(shared, predicted, gt, num_attributes, ratio):
    return np.where(gt > 0, _set_f1(shared, predicted, gt) >= _MIN_F1, True).astype(float)


def _utility_micro_f1(shared, predicted, gt, num_attributes, ratio):
    return 2 * shared - ratio * (predicted + gt)


def _set_f1(shared, predicted, gt):
    return 2 * shared / np.maximum(predicted + gt, 1)


# Exact values of an image.


def _prepare_2020(image: TuningImage, predicted: Array) -> tuple[Array, Array]:
    """(D, G) F1 of the attributes and (D, G) bool same category, as `precision_2020` reads."""
    gt = image.gt_attributes.astype(np.float32)
    shared = predicted.astype(np.float32) @ gt.T
    f1 = _set_f1(shared, predicted.sum(axis=1)[:, None], gt.sum(axis=1))
    same_category = image.category[:, None] == image.object_category
    # Objects without attributes: any predicted attributes pass, as in the contest's metric.
    return np.where(gt.any(axis=1), f1, np.inf), same_category


def _value_2020(image: TuningImage, kept: Array, iou: Array, prepared: Any) -> Array:
    f1, same_category = prepared
    return np.array([precision_2020(iou[kept], same_category[kept], f1[kept]).mean()])


def _prepare_2019(image: TuningImage, predicted: Array) -> list[Array]:
    """(D,) and (G,): equal numbers are equal ClassIds, of category and all attributes."""
    rows = np.concatenate(
        [
            np.column_stack([image.category, predicted]),
            np.column_stack([image.object_category, image.gt_attributes]),
        ]
    ).astype(np.int64)
    numbers = np.unique(rows, axis=0, return_inverse=True)[1].ravel()
    return np.split(numbers, [len(predicted)])


def _counts_2019(image: TuningImage, kept: Array, iou: Array, prepared: Any) -> Array:
    predicted, gt = prepared[0][kept], prepared[1]
    class_ids, numbers = np.unique(np.concatenate([predicted, gt]), return_inverse=True)
    return counts_2019(
        iou[kept], numbers[: len(predicted)], numbers[len(predicted) :], len(class_ids)
    )


def _value_2019(image: TuningImage, kept: Array, iou: Array, prepared: Any) -> Array:
    counts = _counts_2019(image, kept, iou, prepared)
    return np.array([np.mean(counts[0] / counts.sum(axis=0)) if counts.shape[2] else 1.0])


def _pooled_2019(image: TuningImage, kept: Array, iou: Array, prepared: Any) -> Array:
    return _counts_2019(image, kept, iou, prepared).sum(axis=2).ravel()


def _ratio_2019(totals: Array, num_images: int) -> float:
    counts = totals.reshape(3, -1)
    total = counts.sum(axis=0)
    return float(np.where(total > 0, counts[0] / np.maximum(total, 1), 1.0).mean())


OBJECTIVES = {
    "kaggle_2020": Objective(
        "Kaggle 2020",
        _utility_2020,
        mean_over_detections=True,
        prepare=_prepare_2020,
        image_value=_value_2020,
    ),
    "kaggle_2019": Objective(
        "Kaggle 2019, mean over images and classes",
        _utility_2019,
        prepare=_prepare_2019,
        image_value=_value_2019,
    ),
    "kaggle_2019_pooled": Objective(
        "Kaggle 2019, pooled",
        _utility_2019,
        prepare=_prepare_2019,
        image_value=_pooled_2019,
        aggregate=_ratio_2019,
    ),
    "fashionpedia": Objective(
        "Fashionpedia AP, order-independent, masks",
        _utility_fashionpedia,
        ranked=True,
        score=lambda gt, found: evaluate_fashionpedia(gt, found, fixed=True)["iou_f1/AP"],
    ),
    "f1_ap": Objective(
        "AP with F1 of the attributes, masks",
        _utility_f1_ap,
        ranked=True,
        score=lambda gt, found: evaluate_f1_ap(gt, found)["f1AP"],
    ),
    "attributes": Objective(
        "attributes, micro F1",
        _utility_micro_f1,
        is_ratio=True,
        score=lambda gt, found: attribute_f1(gt, found)["micro_f1"],
    ),
}
