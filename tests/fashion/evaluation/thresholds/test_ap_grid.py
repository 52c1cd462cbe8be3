"""The grid of AP and f1AP: every cell equals an evaluation of the predictions that are left."""

import csv

import numpy as np
import pytest

from fashion.evaluation.metrics.f1_ap import evaluate_f1_ap
from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.thresholds.ap_grid import SIZES, ap_grid, write_grid_csv
from fashion.evaluation.thresholds.table import Thresholds

BOX = (10, 10, 40, 40)


@pytest.mark.parametrize("seed", [0, 5])
def test_a_cell_is_the_evaluation_of_what_the_thresholds_leave(random_case, seed):
    ground_truth, detections = random_case(seed, images=5, boxes=True)
    rng = np.random.default_rng(seed)
    for row in detections:
        scores = rng.uniform(0, 1, len(ground_truth["attributes"]))
        row["attribute_scores"] = scores.astype(np.float32)
        row["area"] = row["bbox"][2] * row["bbox"][3]
    pairs = [(0.0, 0.5), (0.5, 0.98), (0.72, 0.99)]
    scores, attributes = zip(*pairs)
    grid = ap_grid(Inputs(ground_truth, detections), scores, attributes)
    for i, (score, attribute) in enumerate(pairs):
        kept = Thresholds(score, 0.5, attribute).apply_to_coco(detections, ground_truth)
        for iou_type in ("segm", "bbox"):
            expected = evaluate_f1_ap(ground_truth, kept, iou_type)
            numbers = grid["numbers"][iou_type]
            for name in SIZES:
                assert numbers[name][i] == pytest.approx(expected[name], abs=1e-12)
                assert numbers[f"f1{name}"][i][i] == pytest.approx(expected[f"f1{name}"], abs=1e-12)


def test_by_hand(truth, found, tmp_path):
    """Two shirts; the confident one has the right attribute from 0.6 on, the other one never."""
    ground_truth = truth((0, 0, BOX, [10]), (1, 0, BOX, [30]))
    detections = found((0, 0, BOX, 0.9, (0.6, 0)), (1, 0, BOX, 0.4, (0.3, 0)))
    steps = []
    grid = ap_grid(
        Inputs(ground_truth, detections),
        (0, 0.5),
        (0.2, 0.6, 0.61),
        on_step=lambda: steps.append(1),
    )
    assert len(steps) == 2 * (3 + 1)
    half = 51 / 101  # precision 1 up to a recall of one half
    masks = grid["numbers"]["segm"]
    assert masks["AP"] == pytest.approx([1, half])
    assert grid["values"] == masks["f1AP"] == [pytest.approx([half, half, 0])] * 2
    assert masks["APs"] == [-1, -1]
    write_grid_csv(tmp_path / "grid.csv", grid)
    rows = list(csv.DictReader((tmp_path / "grid.csv").open()))
    assert len(rows) == 2 * 2 * 3
    shared = {"AP": "1.000000", "AP50": "1.000000", "AP75": "1.000000", "APm": "1.000000"}
    assert rows[0] == {
        "compared": "masks",
        "score_threshold": "0",
        "attribute_threshold": "0.2",
        **shared,
        **{f"f1{name}": f"{half:.6f}" for name in shared},
        **{name: "" for name in ("APs", "APl", "f1APs", "f1APl")},
    }


def test_without_predictions_every_cell_is_0(truth):
    grid = ap_grid(Inputs(truth((0, 0, BOX, [10])), []), (0, 0.5), (0.5,))
    assert grid["values"] == [[0.0], [0.0]]


def test_a_grid_of_one_value_is_written_too(tmp_path):
    grid = {
        "metric": "kaggle_2020",
        "score_thresholds": [0.3, 0.5],
        "attribute_thresholds": [0.5],
        "values": [[0.25], [-1]],
    }
    write_grid_csv(tmp_path / "grid.csv", grid)
    assert (tmp_path / "grid.csv").read_text() == (
        "score_threshold,attribute_threshold,kaggle_2020\n0.3,0.5,0.250000\n0.5,0.5,\n"
    )
