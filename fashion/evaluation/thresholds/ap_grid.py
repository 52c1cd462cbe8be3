"""AP and f1AP at pairs of a score and an attribute threshold, of masks and of boxes.

Masks are compared once. Predictions of a low score choose last, so leaving them out changes no
other match: each attribute threshold is matched once, whatever the number of score thresholds.
"""

import csv
import dataclasses
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fashion.evaluation.average_precision import Thresholds, coco_numbers, match, tables_of
from fashion.evaluation.coco_dicts import multi_hot
from fashion.evaluation.matching import IOU_TYPES, MatchTable
from fashion.evaluation.metrics.f1_ap import set_f1
from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.thresholds.table import attribute_scores_of, reaches
from mrcnn.files import write_text
from mrcnn.typing import Array

# 0 keeps all predictions; the others are the report's and those between.
SCORES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
ATTRIBUTES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SIZES = ("AP", "AP50", "AP75", "APs", "APm", "APl")
_IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_MIN_F1 = 0.5


def ap_grid(
    inputs: Inputs,
    scores: Sequence[float] = SCORES,
    attributes: Sequence[float] = ATTRIBUTES,
    on_step: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Computes AP and f1AP at every pair of thresholds, the same for all categories.

    Args:
        inputs: Ground truth and predictions; those without "attribute_scores" are certain of their
            "attribute_ids".
        scores: S thresholds of the detection score.
        attributes: A thresholds of the attribute score.
        on_step: Called 2 * (A + 1) times, for progress.

    Returns:
        "metric", "score_thresholds" and "attribute_thresholds"; "values", S lists of A f1AP of
        masks; "numbers", for "segm" and "bbox": S values by AP, AP50, AP75, APs, APm and APl, and S
        lists of A values by f1AP and so on. -1 where there are no objects.
    """
    attribute_ids = [row["id"] for row in inputs.ground_truth.get("attributes", ())]
    attribute_scores = np.zeros((len(inputs.detections), len(attribute_ids)), np.float32)
    for row, detection in zip(attribute_scores, inputs.detections, strict=True):
        row[:] = attribute_scores_of(detection, attribute_ids)
    place = {attribute_id: t for t, attribute_id in enumerate(attribute_ids)}
    gt_hot = multi_hot(inputs.ground_truth["annotations"], place)
    numbers = {}
    for iou_type in IOU_TYPES:
        table = inputs.once(MatchTable.sorted_by_id, inputs.top(iou_type))
        plain = _by_score(table, scores, -1.0)
        on_step()
        of_type: dict[str, Any] = {name: [row[name] for row in plain] for name in SIZES}
        columns = []
        for attribute in attributes:
            hot = reaches(attribute_scores, attribute)
            columns.append(_by_score(_with_attributes(table, hot, gt_hot), scores, _MIN_F1))
            on_step()
        for name in SIZES:
            of_type[f"f1{name}"] = [
                [column[s][name] for column in columns] for s in range(len(scores))
            ]
        numbers[iou_type] = of_type
    return {
        "metric": "f1_ap",
        "score_thresholds": [float(score) for score in scores],
        "attribute_thresholds": [float(attribute) for attribute in attributes],
        "values": numbers["segm"]["f1AP"],
        "numbers": numbers,
    }


def _by_score(table: MatchTable, scores: Sequence[float], min_f1: float) -> list[dict[str, float]]:
    """COCO's numbers at each score threshold, where a match must reach an F1."""
    thresholds = Thresholds(_IOU_THRESHOLDS, np.array([min_f1]), set_f1)
    outcomes = match(table, range(len(table.category_ids)), thresholds)
    return [coco_numbers(tables_of(table, outcomes, score).values(), 0) for score in scores]


def _with_attributes(table: MatchTable, pred_hot: Array, gt_hot: Array) -> MatchTable:
    """The table with other predicted attributes: (detections, T) and (annotations, T) bool."""
    pred = pred_hot[table.pred_index].astype(np.float32)
    gt = gt_hot[table.gt_index].astype(np.float32)
    blocks = []
    for block in table.blocks:
        shared = (pred[block.predictions] @ gt[block.objects].T).astype(np.float64)
        blocks.append(dataclasses.replace(block, shared=shared))
    counts = pred.sum(axis=1, dtype=np.float64)
    return dataclasses.replace(table, blocks=tuple(blocks), pred_attributes=counts)


def write_grid_csv(path: Path, grid: dict[str, Any]) -> None:
    """Writes a grid as CSV, a row for each pair of thresholds, of masks and then of boxes.

    Args:
        path: The file.
        grid: From `ap_grid`, or from `search.grid`, which has one value for a pair.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    axes = grid["score_thresholds"], grid["attribute_thresholds"]
    if "numbers" not in grid:
        writer.writerow(["score_threshold", "attribute_threshold", grid["metric"]])
        for score, values in zip(axes[0], grid["values"], strict=True):
            for attribute, value in zip(axes[1], values, strict=True):
                writer.writerow([f"{score:g}", f"{attribute:g}", _cell(value)])
        write_text(path, text.getvalue())
        return
    with_f1 = [f"f1{name}" for name in SIZES]
    writer.writerow(["compared", "score_threshold", "attribute_threshold", *SIZES, *with_f1])
    for iou_type, numbers in grid["numbers"].items():
        for s, score in enumerate(axes[0]):
            for a, attribute in enumerate(axes[1]):
                row = [_cell(numbers[name][s]) for name in SIZES]
                row += [_cell(numbers[name][s][a]) for name in with_f1]
                pair = [f"{score:g}", f"{attribute:g}"]
                writer.writerow([IOU_TYPES[iou_type], *pair, *row])
    write_text(path, text.getvalue())


def _cell(value: float) -> str:
    """Six digits; empty where there is nothing to measure."""
    return "" if value < 0 else f"{value:.6f}"
