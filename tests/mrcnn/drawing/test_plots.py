"""The tinted area below a precision-recall curve is the AP."""

import math

import numpy as np
import pytest
from matplotlib import pyplot as plt

from mrcnn.drawing.plots import plot_history, plot_precision_recall

PRECISIONS, RECALLS = [1.0, 1.0, 0.5, 0.0], [0.0, 0.5, 1.0, 1.0]


def test_the_tinted_area_is_the_ap():
    plot_precision_recall(0.75, np.array(PRECISIONS), np.array(RECALLS))
    x, y = plt.gca().collections[0].get_paths()[0].vertices.T
    assert abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2 == pytest.approx(
        0.75
    )  # the shoelace formula


def test_lists_are_welcome_and_the_title_says_the_ap():
    plot_precision_recall(np.float64(0.75), PRECISIONS, RECALLS)
    assert "0.750" in plt.gca().get_title()
    assert (plt.gca().get_xlabel(), plt.gca().get_ylabel()) == ("recall", "precision")


def test_without_predictions_and_without_objects_it_draws():
    plot_precision_recall(0.0, [0.0, 0.0], [0.0, 1.0])
    plot_precision_recall(float("nan"), [0.0, 0.0, 0.0], [0.0, float("nan"), 1.0])


def test_a_missing_recall_is_named():
    with pytest.raises(ValueError, match="one recall for every precision"):
        plot_precision_recall(0.5, [1.0, 0.5], [1.0])


def test_validation_joins_the_panel_of_its_loss():
    figure = plot_history(
        {
            "loss": [3, 2, 1],
            "val_loss": [4, 3, 2],
            "rpn_class_loss": [1, 1, 1],
            "learning_rate": [0.1, 0.1, 0.01],
        }
    )
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "loss",
        "rpn class loss",
        "learning rate",
    ]
    assert [len(axes.lines) for axes in figure.axes] == [2, 1, 1]
    assert figure.axes[0].lines[1].get_ydata().tolist() == [4, 3, 2]


def test_ticks_are_whole_epochs_also_of_one_and_small_rates_have_no_common_factor():
    figure = plot_history({"loss": [3.0], "lr": [1.2e-6]})
    figure.canvas.draw()
    for axes in figure.axes:
        low, high = axes.get_xlim()
        assert [t for t in axes.get_xticks() if low <= t <= high] == [1]
        assert axes.yaxis.get_offset_text().get_text() == ""
    labels = [
        text.get_text().replace("\N{MINUS SIGN}", "-") for text in figure.axes[1].get_yticklabels()
    ]
    assert any("e-06" in label for label in labels)


def test_epochs_without_a_value_are_left_out():
    figure = plot_history({"loss": [3, 2, 1], "val_loss": [None, 2.5, math.nan]})
    assert figure.axes[0].lines[1].get_xdata().tolist() == [2]


@pytest.mark.parametrize(
    "scores", [{2: 0.1, 4: 0.2}, [None, 0.1, None, 0.2], {"AP": {2: 0.1, 4: 0.2}}]
)
def test_the_score_has_its_own_panel(scores):
    axes = plot_history({"loss": [3, 2, 1, 1]}, scores).axes[-1]
    assert axes.get_title(loc="left") == "average precision"
    assert axes.lines[0].get_xdata().tolist() == [2, 4] and axes.lines[0].get_ydata().tolist() == [
        0.1,
        0.2,
    ]


def test_a_history_leaves_no_open_figure_and_saves(tmp_path):
    plot_history({"loss": [1.0]}).savefig(tmp_path / "history.png")
    assert plt.get_fignums() == [] and (tmp_path / "history.png").stat().st_size > 1000


def test_an_empty_history_is_refused():
    with pytest.raises(ValueError, match="at least one epoch"):
        plot_history({})
