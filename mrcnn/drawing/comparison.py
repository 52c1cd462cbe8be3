"""Comparison: predictions beside the truth, as one picture and as a grid of their overlaps."""

import numpy as np
from matplotlib.patches import Rectangle

from mrcnn.drawing.figures import display_instances, new_axes
from mrcnn.drawing.labels import caption

TRUTH_COLOR, FOUND_COLOR = (0, 190, 70), (235, 45, 45)
CELL_INCHES = 0.8
LARGEST_FIGURE = 24  # inches
MANY = 20  # columns; a larger grid has room for the overlaps that matter only
MATCH_COLOR, WRONG_COLOR = "#1a9641", "#d7191c"


def display_differences(
    image,
    gt_box,
    gt_class_id,
    gt_mask,
    pred_box,
    pred_class_id,
    pred_score,
    pred_mask,
    class_names,
    title="",
    ax=None,
    show_mask=True,
    show_box=True,
    iou_threshold=0.5,
    score_threshold=0.5,
    *,
    compare,
):
    """Shows the truth in green and the predictions in red, each with its score and the IoU of the object it found.

    image: (H, W, 3) uint8 RGB; *_box: (N, 4) yxyx, pixels of the image, rows of zeros are padding; *_class_id, pred_score: (N,)
    *_mask: (H, W, N) bool, 0/1 or 0..1; class_names: a name for every class id
    score_threshold: predictions with a lower score take no part; iou_threshold: an object is found from this IoU of masks on
    compare: `mrcnn.evaluation.instance_ap.compare`, handed in
    A prediction that found no object shows the IoU with the nearest one, and "no match"; an object that nobody found is "missed".
    """
    gt_box, pred_box = (np.asarray(given).reshape(-1, 4) for given in (gt_box, pred_box))
    gt_class_id, pred_class_id, pred_score = (
        np.asarray(given).reshape(-1) for given in (gt_class_id, pred_class_id, pred_score)
    )
    gt_mask, pred_mask = np.asarray(gt_mask), np.asarray(pred_mask)
    truth = np.flatnonzero(gt_box.any(axis=1))
    found = np.argsort(-pred_score, kind="stable")
    found = found[pred_box[found].any(axis=1)]
    sure = found[pred_score[found] >= score_threshold]
    left_out, found = len(found) - len(sure), sure
    gt = gt_box[truth], gt_class_id[truth], gt_mask[..., truth]
    # Numbers in place of the scores: matches come back in the order of scores, and so equal scores cannot change it.
    ranks = np.arange(len(found), 0, -1)
    compared = compare(*gt, pred_box[found], pred_class_id[found], ranks, pred_mask[..., found])
    gt_match, pred_match = compared.matches(iou_threshold)
    captions = [
        "" if j > -1 else f"missed: {caption(i, class_names)}" for i, j in zip(gt[1], gt_match)
    ]
    captions += [
        _found_caption(caption(pred_class_id[i], class_names, pred_score[i]), j, row)
        for i, j, row in zip(found, pred_match, compared.overlaps)
    ]
    if not title:
        title = "Ground truth green, predictions red. Captions: score / IoU"
        title += (
            f"\n{left_out} predictions with a score below {score_threshold:g} are left out"
            if left_out
            else ""
        )
    display_instances(
        image,
        np.concatenate([gt[0], pred_box[found]]),
        np.concatenate([gt[2], pred_mask[..., found]], axis=-1),
        np.concatenate([gt[1], pred_class_id[found]]),
        class_names,
        title=title,
        ax=ax,
        show_mask=show_mask,
        show_bbox=show_box,
        colors=[TRUTH_COLOR] * len(truth) + [FOUND_COLOR] * len(found),
        captions=captions,
    )


def _found_caption(text, matched, overlaps):
    if matched > -1:
        return f"{text} / {overlaps[matched]:.2f}"
    return f"{text} / {overlaps.max(initial=0):.2f}\nno match"


def plot_overlaps(gt_class_ids, pred_class_ids, pred_scores, overlaps, class_names, threshold=0.5):
    """Draws the overlap of every prediction with every object into a new figure of pyplot's; Matterport's signature.

    gt_class_ids: (M,), pred_class_ids, pred_scores: (N,); class id 0 is padding
    overlaps: (N, M) IoU 0..1, predictions by objects; class_names: a name for every class id
    threshold: an overlap above it is called "match" where the classes agree, and "wrong" where they do not
    """
    gt_class_ids, pred_class_ids, pred_scores = (
        np.asarray(given).reshape(-1) for given in (gt_class_ids, pred_class_ids, pred_scores)
    )
    truth, found = gt_class_ids != 0, pred_class_ids != 0
    rows, columns = int(found.sum()), int(truth.sum())
    overlaps = np.asarray(overlaps, np.float64)
    if overlaps.shape == (len(found), len(truth)):
        overlaps = overlaps[found][:, truth]
    if len(pred_scores) != len(found) or (overlaps.size and overlaps.shape != (rows, columns)):
        raise ValueError(
            f"Overlaps are (predictions, objects), with a score for every prediction. Got overlaps {overlaps.shape} for "
            f"{rows} predictions, {len(pred_scores)} scores and {columns} objects; "
            f"utils.compute_overlaps_masks(predicted masks, true masks) returns them in this order."
        )
    gt_class_ids, pred_class_ids, pred_scores = (
        gt_class_ids[truth],
        pred_class_ids[found],
        pred_scores[found],
    )

    cell = min(CELL_INCHES, LARGEST_FIGURE / max(rows, columns, 1))
    axes = new_axes((max(5, cell * columns + 3), max(3.5, cell * 0.75 * rows + 2)))
    axes.set_title("IoU of predictions and ground truth")
    axes.set_xlabel("ground truth")
    axes.set_ylabel("predictions")
    if overlaps.size == 0:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(
            0.5,
            0.5,
            f"{rows} predictions, {columns} objects",
            ha="center",
            va="center",
            transform=axes.transAxes,
        )
        return
    axes.imshow(overlaps, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_yticks(
        range(rows),
        [caption(i, class_names, score) for i, score in zip(pred_class_ids, pred_scores)],
    )
    axes.set_xticks(
        range(columns),
        [caption(i, class_names) for i in gt_class_ids],
        rotation=40,
        ha="right",
        rotation_mode="anchor",
    )
    points = max(5, min(9, cell * 72 * 0.16))
    for i, j in np.argwhere(overlaps > (0.005 if max(rows, columns) > MANY else -1)):
        _cell(
            axes,
            i,
            j,
            overlaps[i, j],
            gt_class_ids[j] == pred_class_ids[i],
            overlaps[i, j] > threshold,
            points,
        )


def _cell(axes, i, j, overlap, same_class, above, points):
    dark = overlap > 0.55
    verdict = ("match" if same_class else "wrong") if above else ""
    axes.text(
        j,
        i,
        f"{overlap:.2f}" + (f"\n{verdict}" if verdict else ""),
        ha="center",
        va="center",
        fontsize=points,
        color="white" if dark else "#333333" if overlap >= 0.005 else "#aaaaaa",
        fontweight="bold" if above else "normal",
    )
    if verdict:
        axes.add_patch(
            Rectangle(
                (j - 0.47, i - 0.45),
                0.94,
                0.9,
                fill=False,
                linewidth=2,
                edgecolor=MATCH_COLOR if same_class else WRONG_COLOR,
            )
        )
