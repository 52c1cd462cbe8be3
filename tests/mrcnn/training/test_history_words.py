"""Columns of the history in words."""

import pytest

from mrcnn.training.history_words import in_words, losses_in_words, scores_in_words

LOGS = {
    "loss": 1.5,
    "mrcnn_class_loss": 0.5,
    "mrcnn_class_loss_stage2": 0.25,
    "mrcnn_mask_loss": 0.25,
    "rpn_class_loss": 0.5,
    "val_loss": 3.0,
    "val_rpn_bbox_loss": 3.0,
    "val_mask_ap": 0.125,
    "ema_val_mask_ap": 0.25,
    "lr": 1e-3,
}


@pytest.mark.parametrize(
    "name, words",
    [
        ("loss", "loss"),
        ("val_loss", "loss"),
        ("rpn_class_loss", "objectness loss of the RPN"),
        ("val_rpn_bbox_loss", "box loss of the RPN"),
        ("mrcnn_class_loss", "class loss of the detector head"),
        ("mrcnn_bbox_loss_stage3", "box loss of the detector head, stage 3"),
        ("mrcnn_mask_loss", "mask loss"),
        ("mrcnn_body_part_loss", "body part loss"),
        ("layer_loss", "layer loss"),
        ("val_mask_ap50", "mask AP50"),
        ("val_speed_micro_f1", "speed micro F1"),
        ("lr", "learning rate at the end of the epoch"),
    ],
)
def test_a_column_has_words(name, words):
    assert in_words(name) == words


def test_a_loss_is_followed_by_its_parts():
    assert losses_in_words(LOGS) == (
        "loss 1.500 (class 0.500, class 2 0.250, mask 0.250, RPN objectness 0.500)"
    )
    assert losses_in_words(LOGS, validation=True) == "loss 3.000 (RPN box 3.000)"
    assert losses_in_words({"loss": 2, "accuracy": 1}) == "loss 2.000"
    assert losses_in_words({"accuracy": 1}) == ""


def test_scores_are_those_of_validation():
    assert scores_in_words(LOGS) == ["mask AP 0.125", "mask AP of averaged weights 0.250"]
    assert scores_in_words({"loss": 1}) == []
