"""Bootstrap: how far a score may be from that of other images, by resampling the images.

Efron and Tibshirani 1993, chapter 13 (percentile intervals). Two models are compared on the same
resampled images, so what is hard for both does not blur their difference.
"""

from collections.abc import Sequence

import numpy as np

from fashion.evaluation.average_precision import (
    FALSE,
    TRUE,
    Thresholds,
    counted_objects,
    match,
    precision_at_recalls,
)
from fashion.evaluation.matching import MatchTable
from fashion.pages.text import signed
from mrcnn.typing import Array

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)


def resampled_ap(table: MatchTable, samples: int = 1000, seed: int = 0) -> Array:
    """Computes COCO's AP and AP50 of images that are drawn with replacement.

    Args:
        table: All predictions and objects.
        samples: How many times as many images as there are are drawn.
        seed: Of the draws. Tables of the same ground truth get the same images.

    Returns:
        `(1 + samples, 2)` float64: AP and AP50 in [0, 1], first of the images as they are. A
        category that a draw has no object of does not count in it.
    """
    images = len(table.image_ids)
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, images, (samples, images))
    counts = [np.ones(images, int), *(np.bincount(draw, minlength=images) for draw in draws)]
    ap = ap_of_images(table, np.array(counts))
    known = ~np.isnan(ap).all(axis=(0, 2))
    return np.stack(
        [np.nanmean(ap[:, known], axis=(1, 2)), np.nanmean(ap[:, known, 0], axis=1)], axis=1
    )


def ap_of_images(table: MatchTable, times: Array) -> Array:
    """Computes COCO's AP of selections of the images.

    Args:
        table: All predictions and objects.
        times: `(S, I)` int, how often each of the I images counts in each selection.

    Returns:
        `(S, K, 10)` float64: of each selection and category at each IoU; NaN without objects.
    """
    table = table.top()
    shape = (len(times), len(table.category_ids), len(IOU_THRESHOLDS))
    ap = np.full(shape, np.nan)
    nothing_asked = Thresholds(IOU_THRESHOLDS, np.array([-1.0]), lambda shared, *_: 1.0)
    counted = counted_objects(table)[:, 0]
    for k, outcome in match(table, range(len(table.category_ids)), nothing_asked).items():
        rows, objects = table.predictions_of(k), table.objects_of(k)
        best_first = np.argsort(-table.pred_score[rows], kind="stable")
        image = table.pred_image[rows][best_first]
        of_objects = table.gt_image[objects][counted[objects]]
        here = outcome[best_first, 0, :, 0]  # (N, I)
        # Matching depends on single images, so it is done once; a draw only repeats its rows.
        for sample, number in enumerate(times):
            total = int(number[of_objects].sum())
            if total:
                drawn = np.repeat(here, number[image], axis=0)
                precision = precision_at_recalls(drawn == TRUE, drawn == FALSE, total)
                ap[sample, k] = precision.mean(axis=1)
    return ap


def interval(values: Array, confidence: float = 0.95) -> tuple[float, float, float]:
    """Summarises a resampled score, or the difference of two.

    Args:
        values: `(1 + samples,)`, a column of `resampled_ap`.
        confidence: Share of the samples inside the interval.

    Returns:
        (value of the images as they are, lower end, upper end).
    """
    # Percent on either side, half of what is left out.
    tail = 50 * (1 - confidence)
    low, high = np.percentile(values[1:], [tail, 100 - tail])
    return float(values[0]), float(low), float(high)


def lines(names: Sequence[str], columns: Sequence[Array]) -> list[str]:
    """Writes the intervals of models, and those of their differences from the first.

    Args:
        names: Of the models.
        columns: `resampled_ap` of each.

    Returns:
        Lines for the screen.
    """
    found = []
    for name, values in zip(names, columns, strict=True):
        for i, what in enumerate(("AP", "AP50")):
            value, low, high = interval(values[:, i])
            line = f"{name}: {what} {value:.3f} [{low:.3f}, {high:.3f}]"
            if values is not columns[0]:
                value, low, high = interval(values[:, i] - columns[0][:, i])
                line += f", {signed(value)} [{signed(low)}, {signed(high)}] against {names[0]}"
            found.append(line)
    return found
