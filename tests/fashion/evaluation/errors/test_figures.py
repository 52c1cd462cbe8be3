"""Figures show the numbers that they are given."""

import io

import numpy as np
import pytest

from fashion.evaluation.errors.figures import (
    breakdown_figure,
    cells_figure,
    confusion_figure,
)

ROW = {"label": "small", "objects": 3, "ap50": 0.25, "recall": 0.5, "expected_recall": 0.75}


def texts(axes):
    return [text.get_text().strip() for text in axes.texts]


def drawn(figure):
    """The figure, after it has been laid out and drawn."""
    figure.savefig(io.BytesIO(), format="svg")
    return figure


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 3, 47])
def test_counts_of_confusions_stand_in_their_cells(number):
    matrix = np.eye(number, dtype=int) * 7
    axes = drawn(confusion_figure([f"category {i}" for i in range(number)], matrix)).axes[0]
    assert texts(axes) == ["7"] * number and [text.get_position() for text in axes.texts] == [
        (i, i) for i in range(number)
    ]
    assert axes.images[0].get_array().max() == 1  # shares of a row


def test_bars_of_ap50_and_recall_and_a_line_for_the_category():
    axes = drawn(breakdown_figure([ROW, ROW | {"objects": 0}])).axes[
        0
    ]  # a bin without objects is left out
    assert [bar.get_height() for bar in axes.patches] == [0.25, 0.5] and texts(axes) == [
        "0.25",
        "0.50",
    ]
    assert axes.collections[0].get_segments()[0][:, 1].tolist() == [0.75, 0.75]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["small\n3 objects"]


def test_without_ap50_there_is_recall_alone():
    assert [
        bar.get_height() for bar in drawn(breakdown_figure([ROW | {"ap50": -1}])).axes[0].patches
    ] == [0.5]


def test_empty_cells_have_a_dash():
    cells = [
        [{"objects": i, "recall": 0.5 if i else -1, "ap50": 0.25 if i else -1} for i in range(3)]
    ] * 3
    left, right = drawn(cells_figure(cells, ["a", "b", "c"], ["d", "e", "f"])).axes
    assert (
        texts(left)[:2] == ["–\n0 objects", "0.50\n1 object"]
        and texts(right)[1] == "0.25\n1 object"
    )
