"""Heat-maps show shares, with numbers where there is room."""

import numpy as np
import pytest

from fashion.exploration.heat_maps import anchor_figure, share_map
from fashion.pages.plots import MAX_WIDTH


def drawn(figure):
    figure.draw_without_rendering()
    assert figure.get_figwidth() <= MAX_WIDTH
    return figure


def test_a_number_in_each_cell_that_has_a_share():
    axes = drawn(
        share_map([[np.nan, 0.25], [0.0, 1.0]], ["a", "b"], ["c, d", "e"], "x", "y", ["g", "h"])
    ).axes[0]
    assert [text.get_text() for text in axes.texts] == ["25", "100"]
    assert [label.get_text() for label in axes.get_xticklabels() if label.get_text()] == ["c", "e"]
    assert len(axes.lines) == 1  # where a group ends


@pytest.mark.parametrize("number", [1, 30])
def test_maps_of_any_size(number):
    axes = drawn(share_map(np.eye(number), ["n"] * number, ["n"] * number, "x", "y")).axes[0]
    assert len(axes.texts) == (number if number < 20 else 0)


@pytest.mark.parametrize("changed", [True, False])
def test_the_share_of_boxes_above_an_iou(changed):
    fit = {
        "histogram": [1, 0, 3],
        "sides": [
            {"name": "0 to 16", "objects": 4, "good": 0.75},
            {"name": "16", "objects": 0, "good": None},
        ],
    }
    left, right = drawn(
        anchor_figure(
            {"given": fit, "suggested": fit, "changed": changed, "iou_edges": [0, 0.25, 0.5, 1]}
        )
    ).axes
    assert left.lines[0].get_ydata().tolist() == [100, 75, 75, 0] and [
        bar.get_height() for bar in right.patches
    ] == [75] * (1 + changed)
