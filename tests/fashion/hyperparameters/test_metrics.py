"""The metric of a search, read from history.csv or from metrics.json."""

import json

import pytest

from fashion.evaluation.monitor import LOGS
from fashion.hyperparameters.metrics import COLUMNS, metric_of

HISTORY = [
    {"epoch": 1, "val_mask_ap": 0.1, "val_loss": 3.0},
    {"epoch": 2, "val_loss": 2.0},
    {"epoch": 3, "val_mask_ap": 0.3, "ema_val_mask_ap": 0.4, "val_loss": 2.5},
    {"epoch": 4, "val_mask_ap": float("nan"), "val_loss": 2.6},
]


def test_the_columns_are_those_of_a_training():
    assert set(COLUMNS) == {*LOGS, "val_loss"}


def test_epochs_that_were_scored_have_a_value_and_averages_compete(tmp_path):
    metric = metric_of("val_mask_ap")
    assert metric.of_epochs(HISTORY) == {1: 0.1, 3: 0.4}
    assert metric.of_run(tmp_path, HISTORY) == 0.4


def test_a_loss_is_minimized(tmp_path):
    metric = metric_of("val_loss")
    assert not metric.maximize and metric.of_run(tmp_path, HISTORY) == 2.0


def test_a_number_of_the_evaluation_is_read_from_its_file(tmp_path):
    scores = {
        "f1_ap": {"segm": {"f1AP": 0.21}},
        "fashionpedia_fixed": {"segm": {"iou_f1/AP": 0.31}},
        "kaggle_2019": {"mean_over_images_and_classes": 0.41, "pooled": 0.42},
        "coco": {"segm": {"AP75": 0.51}},
    }
    (tmp_path / "metrics.json").write_text(json.dumps(scores))
    values = {
        "f1_ap": 0.21,
        "fashionpedia": 0.31,  # of other labels than the official ones
        "kaggle_2019": 0.41,
        "kaggle_2019_pooled": 0.42,
        "coco.segm.AP75": 0.51,
    }
    for name, value in values.items():
        metric = metric_of(name)
        assert metric.of_run(tmp_path, HISTORY) == value
        assert metric.of_epochs(HISTORY) == {1: 0.1, 3: 0.4}  # what pruners see
    with pytest.raises(ValueError, match="has no number kaggle_2020 .kaggle_2020.score"):
        metric_of("kaggle_2020").of_run(tmp_path, HISTORY)


def test_what_was_not_measured_is_said(tmp_path):
    with pytest.raises(ValueError, match="metrics.json is missing, so f1_ap is not known"):
        metric_of("f1_ap").of_run(tmp_path, HISTORY)
    with pytest.raises(ValueError, match="history.csv has no val_box_ap"):
        metric_of("val_box_ap").of_run(tmp_path, HISTORY)


def test_an_unknown_metric_is_refused_with_a_suggestion():
    with pytest.raises(ValueError, match="Got val_mask_pa. Did you mean val_mask_ap?"):
        metric_of("val_mask_pa")
