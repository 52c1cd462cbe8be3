"""Frontal or from the side: is recall lower where the person may be turned away?

Labels do not say where a person faces. A proxy does: the width of all upper-body garments together
over the height of all garments together. Shoulders seen from the side are narrower. The proxy
follows other things as well: sleeves, coats, arms held apart, sitting, several people in the image.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.average_precision import FALSE
from fashion.evaluation.errors.breakdowns import ap50_of, mean_or_undefined, recall_columns
from fashion.evaluation.errors.error_types import Outcomes
from fashion.evaluation.errors.overlaps import Overlaps, mask_of, rows_by_image
from fashion.evaluation.errors.size_and_intricacy import MIN_IMAGES, recall_difference, resamples
from fashion.pages.text import signed
from mrcnn.evaluation.proportions import wilson_interval
from mrcnn.typing import Array

THIRDS = ("narrow, as from the side", "medium", "wide, as from the front")
# Groups of categories that cover the shoulders, as label files name them.
UPPER_BODY = ("upperbody", "wholebody")
_CLEAR = 2  # standard errors; a smaller difference may be chance


def compare_viewpoints(
    overlaps: Overlaps, outcomes: Outcomes, score_threshold: float, *, seed: int = 0
) -> dict[str, Any] | None:
    """Breaks errors down by the proxy, in thirds of the images.

    Args:
        overlaps: Objects, detections and pairs.
        outcomes: From `classify_errors`.
        score_threshold: Confident detections reach this score.
        seed: Of the bootstrap.

    Returns:
        "proxy": "upper body", or "all garments" if the labels name no groups; "images" that have
        it; "limits" of the thirds; "thirds": a dict each with "label", "images", "objects",
        "recall" by any detection, "sure_recall" and "precision" of confident ones, each with
        "…_interval" (Wilson, 95 %), "f1" of confident detections, and "ap50"; -1 where undefined.
        "difference": recall of narrow minus wide images at equal categories, "error": its standard
        error; both may be None. The whole is None for fewer than nine images with the proxy.
    """
    ratio, kind = width_over_height(overlaps)
    known = ratio >= 0
    if known.sum() < 9:
        return None
    limits = np.quantile(ratio[known], [1 / 3, 2 / 3])
    third = np.where(known, np.searchsorted(limits, ratio, side="right"), -1)
    matched, confident, _ = recall_columns(overlaps, outcomes, score_threshold)
    rows = []
    for i, label in enumerate(THIRDS):
        here = third == i
        rows.append(
            {"label": label, "images": int(here.sum())}
            | _scores(overlaps, outcomes, here, matched, confident, score_threshold)
        )
    difference, error = _difference(overlaps, matched, third, seed)
    return {
        "proxy": kind,
        "images": int(known.sum()),
        "limits": limits.tolist(),
        "thirds": rows,
        "difference": difference,
        "error": error,
    }


def width_over_height(overlaps: Overlaps) -> tuple[Array, str]:
    """Measures the proxy.

    Args:
        overlaps: Objects of all images; crowds are left out.

    Returns:
        ratio: `(I,)` float64, -1 for images without upper-body garments.
        kind: "upper body"; "all garments" if no category is of an upper-body group.
    """
    groups = [
        "".join(str(category.get("supercategory", "")).lower().split())
        for category in overlaps.categories
    ]
    is_upper = np.isin(groups, UPPER_BODY)
    kind = "upper body" if is_upper.any() else "all garments"
    if not is_upper.any():
        is_upper[:] = True
    upper = is_upper[overlaps.object_category] & ~overlaps.crowd
    ratio = np.full(len(overlaps.images), -1.0)
    by_image = rows_by_image(overlaps.object_image, len(overlaps.images))
    for i, (image, here) in enumerate(zip(overlaps.images, by_image)):
        here = here[~overlaps.crowd[here]]
        boxes = coco_mask.toBbox([mask_of(overlaps.objects[row], image) for row in here])
        boxes = boxes.reshape(-1, 4)
        solid = (boxes[:, 2] > 0) & (boxes[:, 3] > 0)  # not an empty mask
        wide = boxes[solid & upper[here]]
        if len(wide):
            tall = boxes[solid]
            width = (wide[:, 0] + wide[:, 2]).max() - wide[:, 0].min()
            ratio[i] = width / ((tall[:, 1] + tall[:, 3]).max() - tall[:, 1].min())
    return ratio, kind


def _scores(
    overlaps: Overlaps,
    outcomes: Outcomes,
    images: Array,
    matched: Array,
    confident: Array,
    score_threshold: float,
) -> dict[str, Any]:
    """Scores of some images."""
    inside = images[overlaps.object_image] & ~overlaps.crowd
    here = images[overlaps.row_image]
    confident_rows = here & (overlaps.score >= score_threshold)
    hits, objects = int(confident[inside].sum()), int(inside.sum())
    # Detections of crowds are neither right nor wrong.
    predicted = hits + int((confident_rows & (outcomes.outcome == FALSE)).sum())
    any_hits = int(matched[inside].sum())
    return {
        "objects": objects,
        **_share("recall", any_hits, objects),
        **_share("sure_recall", hits, objects),
        **_share("precision", hits, predicted),
        "f1": 2 * hits / (objects + predicted) if objects + predicted else -1.0,
        "ap50": ap50_of(overlaps, inside, here),
    }


def _share(name: str, hits: int, total: int) -> dict[str, Any]:
    low, high = wilson_interval(hits, total)
    share = mean_or_undefined(np.repeat([1.0, 0.0], [hits, total - hits]))
    return {name: share, f"{name}_interval": [float(low), float(high)]}


def _difference(
    overlaps: Overlaps, matched: Array, third: Array, seed: int
) -> tuple[float | None, float | None]:
    """Recall of narrow minus wide at equal category, and its standard error."""
    of_object = third[overlaps.object_image]
    compared = np.isin(of_object, (0, 2)) & ~overlaps.crowd
    narrow, found = of_object[compared] == 0, matched[compared]
    category, images = overlaps.object_category[compared], overlaps.object_image[compared]
    difference = recall_difference(narrow, found, category)
    if difference is None or len(np.unique(images)) < MIN_IMAGES:
        return difference, None
    draws = resamples(len(overlaps.images), seed)
    drawn = [recall_difference(narrow, found, category, weight) for weight in draws[:, images]]
    known = [value for value in drawn if value is not None]
    return difference, float(np.std(known))


def verdict(compared: Mapping[str, Any]) -> str:
    """Returns whether the proxy explains errors, and that it is one.

    Args:
        compared: From `compare_viewpoints`.

    Returns:
        Two or three sentences.
    """
    narrow, _, wide = compared["thirds"]
    of = "upper-body garments" if compared["proxy"] == "upper body" else "all garments"
    proxy = (
        f"The labels do not say where a person faces; the width of {of} over the height of all "
        "garments is a proxy, which sleeves, coats, arms and several people change as well."
    )
    recalls = (
        f"Recall is {_percent(narrow)} in the narrowest third of the images and {_percent(wide)} "
        "in the widest."
    )
    difference, error = compared["difference"], compared["error"]
    if difference is None or not error or abs(difference) < _CLEAR * error:
        conclusion = "Whether viewpoint explains errors cannot be decided from these labels"
    elif difference < 0:
        conclusion = "This agrees with more errors from the side, though a proxy cannot prove it"
    else:
        conclusion = "The side view does not explain errors here: recall is higher in narrow images"
    return f"{proxy} {recalls} {conclusion}{_points(difference, error)}."


def _percent(row: Mapping[str, Any], name: str = "recall") -> str:
    if row[name] < 0:
        return "–"
    low, high = row[f"{name}_interval"]
    return f"{100 * row[name]:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def _points(difference: float | None, error: float | None) -> str:
    if difference is None:
        return ""
    margin = "" if not error else f" (±{100 * error:.0f})"
    return f": at equal categories the difference is {signed(100 * difference, 0)}{margin} points"


def table_rows(compared: Mapping[str, Any]) -> Sequence[Sequence[str | int]]:
    """Writes the thirds as rows of a table.

    Args:
        compared: From `compare_viewpoints`.

    Returns:
        A heading, and a row for each third.
    """
    heading: list[str | int] = ["upper body", "images", "objects", "AP50", "F1"]
    rows = [[*heading, "recall (95 %)", "recall, confident", "precision, confident"]]
    for row in compared["thirds"]:
        shares = [_percent(row, name) for name in ("recall", "sure_recall", "precision")]
        scores = [_number(row[name]) for name in ("ap50", "f1")]
        rows.append([row["label"], row["images"], row["objects"], *scores, *shares])
    return rows


def _number(value: float) -> str:
    return "–" if value < 0 else f"{value:.3f}"
