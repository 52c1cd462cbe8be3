"""Comparison of predictions and ground truth: as one figure, and as a grid of their IoUs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from mrcnn.drawing.figures import display_instances, new_axes
from mrcnn.drawing.labels import caption
from mrcnn.typing import Array

GT_COLOR, PREDICTION_COLOR = (0, 190, 70), (235, 45, 45)
CELL_INCHES = 0.8
MAX_INCHES = 24
MANY = 20  # columns; a larger grid has room for the IoUs that matter only
MATCH_COLOR, WRONG_COLOR = "#1a9641", "#d7191c"


def display_differences(
    image: Any,
    gt_box: Array,
    gt_class_id: Array,
    gt_mask: Array,
    pred_box: Array,
    pred_class_id: Array,
    pred_score: Array,
    pred_mask: Array,
    class_names: Sequence[str],
    title: str = "",
    ax: Axes | None = None,
    show_mask: bool = True,
    show_box: bool = True,
    score_threshold: float = 0.5,
    *,
    overlaps: Array,
    pred_match: Array,
) -> None:
    """Shows ground truth in green and predictions in red, with confidence and IoU.

    A prediction without a match shows the IoU with the nearest object, and "no match". An object
    without a match is "missed".

    Args:
        image: `(H, W, 3)` uint8 RGB.
        gt_box: `(M, 4)` yxyx, pixels of the image; rows of zeros are padding.
        gt_class_id: `(M,)`.
        gt_mask: `(H, W, M)` bool, 0/1 or 0..1.
        pred_box: `(N, 4)`, as `gt_box`.
        pred_class_id: `(N,)`.
        pred_score: `(N,)`.
        pred_mask: `(H, W, N)`, as `gt_mask`.
        class_names: By class id.
        title: Default: explains the colours.
        ax: See `display_instances`.
        show_mask: See `display_instances`.
        show_box: Draw boxes.
        score_threshold: Predictions with a lower score are left out.
        overlaps: `(P, O)` IoU of the P predictions and O objects that are not padding; predictions
            by falling score. See `mrcnn.evaluation.instance_ap.Comparison`.
        pred_match: `(P,)` int, the object that each prediction matches; -1 for none.
    """
    gt_box, pred_box = (np.asarray(given).reshape(-1, 4) for given in (gt_box, pred_box))
    gt_class_id, pred_class_id, pred_score = (
        np.asarray(given).reshape(-1) for given in (gt_class_id, pred_class_id, pred_score)
    )
    gt_mask, pred_mask = np.asarray(gt_mask), np.asarray(pred_mask)
    objects = np.flatnonzero(gt_box.any(axis=1))
    by_score = np.argsort(-pred_score, kind="stable")
    by_score = by_score[pred_box[by_score].any(axis=1)]
    predictions = by_score[pred_score[by_score] >= score_threshold]
    # Matching is greedy, so predictions of lower score do not change the matches of these.
    matched = set(pred_match[: len(predictions)].tolist())
    captions = []
    for k, i in enumerate(objects):
        name = caption(gt_class_id[i], class_names)
        captions.append("" if k in matched else f"missed: {name}")
    for i, match, ious in zip(predictions, pred_match, overlaps):
        text = caption(pred_class_id[i], class_names, pred_score[i])
        captions.append(_with_iou(text, match, ious))
    title = title or _title(len(by_score) - len(predictions), score_threshold)
    display_instances(
        image,
        np.concatenate([gt_box[objects], pred_box[predictions]]),
        np.concatenate([gt_mask[..., objects], pred_mask[..., predictions]], axis=-1),
        np.concatenate([gt_class_id[objects], pred_class_id[predictions]]),
        class_names,
        title=title,
        ax=ax,
        show_mask=show_mask,
        show_bbox=show_box,
        colors=[GT_COLOR] * len(objects) + [PREDICTION_COLOR] * len(predictions),
        captions=captions,
    )


def _title(left_out: int, score_threshold: float) -> str:
    title = "Ground truth green, predictions red. Captions: score / IoU"
    if left_out:
        title += f"\n{left_out} predictions with a score below {score_threshold:g} are left out"
    return title


def _with_iou(text: str, match: int, ious: Array) -> str:
    if match > -1:
        return f"{text} / {ious[match]:.2f}"
    return f"{text} / {ious.max(initial=0):.2f}\nno match"


def plot_overlaps(
    gt_class_ids: Array | Sequence[int],
    pred_class_ids: Array | Sequence[int],
    pred_scores: Array | Sequence[float],
    overlaps: Array,
    class_names: Sequence[str],
    threshold: float = 0.5,
) -> None:
    """Draws the IoU of every prediction with every object; Matterport's signature.

    Makes a new pyplot figure.

    Args:
        gt_class_ids: `(M,)`; class id 0 is padding.
        pred_class_ids: `(N,)`; class id 0 is padding.
        pred_scores: `(N,)`.
        overlaps: `(N, M)` IoU 0..1, predictions by objects.
        class_names: By class id.
        threshold: An IoU above it is called "match" if the classes agree, "wrong" if they do not.

    Raises:
        ValueError: For shapes that do not match.
    """
    gt_class_ids, pred_class_ids, pred_scores = (
        np.asarray(given).reshape(-1) for given in (gt_class_ids, pred_class_ids, pred_scores)
    )
    gt_valid, pred_valid = gt_class_ids != 0, pred_class_ids != 0
    overlaps = _without_padding(np.asarray(overlaps, np.float64), pred_valid, gt_valid, pred_scores)
    gt_class_ids = gt_class_ids[gt_valid]
    pred_class_ids, pred_scores = pred_class_ids[pred_valid], pred_scores[pred_valid]
    rows, columns = len(pred_class_ids), len(gt_class_ids)

    cell = min(CELL_INCHES, MAX_INCHES / max(rows, columns, 1))
    # Captions need about three inches on the left and two above and below.
    axes = new_axes((max(5, cell * columns + 3), max(3.5, cell * 0.75 * rows + 2)))
    axes.set_title("IoU of predictions and ground truth")
    axes.set_xlabel("ground truth")
    axes.set_ylabel("predictions")
    if overlaps.size == 0:
        _draw_empty(axes, f"{rows} predictions, {columns} objects")
        return
    axes.imshow(overlaps, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    captions = [caption(i, class_names, score) for i, score in zip(pred_class_ids, pred_scores)]
    axes.set_yticks(range(rows), captions)
    names = [caption(i, class_names) for i in gt_class_ids]
    axes.set_xticks(range(columns), names, rotation=40, ha="right", rotation_mode="anchor")
    # 72 points an inch. Two lines, an IoU and a verdict, fit into a cell at 0.16 of its side.
    points = max(5, min(9, cell * 72 * 0.16))
    # Of a large grid, cells that would say 0.00 stay empty.
    least = 0.005 if max(rows, columns) > MANY else -1
    for i, j in np.argwhere(overlaps > least):
        same_class = gt_class_ids[j] == pred_class_ids[i]
        _draw_cell(axes, i, j, overlaps[i, j], same_class, overlaps[i, j] > threshold, points)


def _without_padding(
    overlaps: Array, pred_valid: Array, gt_valid: Array, pred_scores: Array
) -> Array:
    """The overlaps of real predictions with real objects; they may come without the padding."""
    rows, columns = int(pred_valid.sum()), int(gt_valid.sum())
    if overlaps.shape == (len(pred_valid), len(gt_valid)):
        overlaps = overlaps[pred_valid][:, gt_valid]
    if len(pred_scores) != len(pred_valid) or (overlaps.size and overlaps.shape != (rows, columns)):
        raise ValueError(
            "Overlaps are (predictions, objects), with a score for every prediction. Got overlaps "
            f"{overlaps.shape} for {rows} predictions, {len(pred_scores)} scores and {columns} "
            "objects; utils.compute_overlaps_masks(predicted masks, true masks) returns them in "
            "this order."
        )
    return overlaps


def _draw_empty(axes: Axes, text: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)


def _draw_cell(
    axes: Axes, i: int, j: int, iou: float, same_class: bool, above: bool, points: float
) -> None:
    verdict = ("match" if same_class else "wrong") if above else ""
    color = "#333333" if iou >= 0.005 else "#aaaaaa"
    if iou > 0.55:  # the cell is dark
        color = "white"
    axes.text(
        j,
        i,
        f"{iou:.2f}" + (f"\n{verdict}" if verdict else ""),
        ha="center",
        va="center",
        fontsize=points,
        color=color,
        fontweight="bold" if above else "normal",
    )
    if verdict:
        edge = MATCH_COLOR if same_class else WRONG_COLOR
        axes.add_patch(
            Rectangle((j - 0.47, i - 0.45), 0.94, 0.9, fill=False, linewidth=2, edgecolor=edge)
        )
