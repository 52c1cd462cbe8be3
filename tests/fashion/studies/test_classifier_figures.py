"""Figures: every curve and every count is drawn, and the sheet has room for all."""

import numpy as np

from fashion.studies.classifier_figures import confusion_figure, curves_figure, mistakes_sheet

ROWS = [
    {
        "epoch": n,
        "loss": 1 / n,
        "accuracy": 1 - 0.5 / n,
        "val_loss": 1.5 / n,
        "val_accuracy": 0.9 - 0.5 / n,
    }
    for n in range(1, 6)
]


def test_training_and_validation_are_drawn_for_every_seed():
    accuracy, loss = curves_figure([ROWS, ROWS]).axes
    assert [axes.get_ylabel() for axes in (accuracy, loss)] == ["accuracy", "loss"]
    assert len(accuracy.lines) == 4 and accuracy.lines[1].get_ydata().tolist() == [
        row["val_accuracy"] for row in ROWS
    ]
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["training", "validation"]


def test_without_validation_there_is_one_curve():
    rows = [{key: row[key] for key in ("epoch", "loss", "accuracy")} for row in ROWS]
    assert all(len(axes.lines) == 1 for axes in curves_figure([rows]).axes)


def test_counts_stand_where_they_belong_and_zeros_are_left_out():
    matrix = np.diag([5, 6, 7])
    matrix[0, 2] = 4
    axes = confusion_figure(matrix).axes[0]
    assert {(text.get_position(), text.get_text()) for text in axes.texts} == {
        ((0, 0), "5"),
        ((2, 0), "4"),
        ((1, 1), "6"),
        ((2, 2), "7"),
    }


def test_a_sheet_of_seven_has_two_rows():
    """Six cells in a row; the pixels are five times as large, and a white one is white on the
    sheet.
    """
    pixels = np.zeros((7, 28, 28), np.uint8)
    pixels[:, 0, 0] = 255
    sheet = mistakes_sheet(pixels, np.arange(7), np.eye(10)[np.arange(1, 8)])
    alone = mistakes_sheet(pixels[:6], np.arange(6), np.eye(10)[np.arange(1, 7)])
    assert (
        sheet.shape[1] == alone.shape[1] > 6 * 140 and 1.9 < sheet.shape[0] / alone.shape[0] < 2.1
    )
    assert (sheet == 0).all(axis=2).sum() >= 7 * (140 * 140 - 25)
