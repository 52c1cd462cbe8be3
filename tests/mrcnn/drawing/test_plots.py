"""The tinted area below a precision-recall curve is the AP."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from mrcnn.drawing.plots import plot_precision_recall

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
