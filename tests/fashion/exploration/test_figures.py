"""Figures show the numbers that they are given, be it one or hundreds."""

import pytest

from fashion.exploration import figures
from fashion.pages.plots import MAX_WIDTH


def drawn(figure):
    """The figure, after it has been laid out and drawn."""
    figure.draw_without_rendering()
    assert figure.get_figwidth() <= MAX_WIDTH
    return figure


def test_sizes_of_photos():
    sizes = {"grid": [[100.0, 200.0, 3]], "step": 1}
    assert drawn(figures.size_figure(sizes)).axes[0].collections[0].get_offsets().tolist() == [
        [100, 200]
    ]
    drawn(figures.size_figure({"grid": [[100.0, 200.0, 3], [400.0, 50.0, 1]], "step": 1}))


@pytest.mark.parametrize(
    ("grid", "label"),
    [
        ([[550.5, 820.5, 3], [550.5, 830.5, 1]], "height, pixels"),
        ([[640.5, 480.5, 3], [650.5, 480.5, 1]], "width, pixels"),
    ],
)
def test_images_of_one_width_or_one_height_are_bars_and_no_line_of_dots(grid, label):
    axes = drawn(figures.size_figure({"grid": grid, "step": 10})).axes[0]
    assert sorted(bar.get_height() for bar in axes.patches) == [1, 3] and not axes.collections
    assert axes.get_xlabel() == label


def test_histograms_and_bars():
    figure = drawn(figures.histograms([({"edges": [0, 1, 3], "counts": [4, 5]}, "x", "y")] * 2))
    assert [bar.get_height() for bar in figure.axes[0].patches] == [4, 5] and len(figure.axes) == 2
    assert [
        bar.get_height()
        for bar in drawn(figures.count_bars([([0, 2, 1], "x", "y")])).axes[0].patches
    ] == [0, 2, 1]


def test_quantiles_by_name_the_first_at_the_top():
    data = [{"name": "a", "share": [1, 2, 3, 4, 50]}, {"name": "b", "share": [1, 1, 1, 1, 1]}]
    axes = drawn(figures.quantile_figure(data, [("share", "x", True), ("share", "x", False)])).axes
    assert (
        len(axes) == 2
        and axes[0].lines[0].get_xdata().tolist() == [1, 3]
        and axes[0].get_xscale() == "log"
    )
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["b", "a"]


def test_parts_of_a_bar_make_up_hundred():
    axes = drawn(
        figures.share_bars([("a", [[1, 2, 1]]), ("none", [[0, 0, 0]])], ["title"], ["s", "m", "l"])
    ).axes[0]
    assert [bar.get_width() for bar in axes.patches][1::2] == [25, 50, 25]


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
        figures.anchor_figure(
            {"given": fit, "suggested": fit, "changed": changed, "iou_edges": [0, 0.25, 0.5, 1]}
        )
    ).axes
    assert left.lines[0].get_ydata().tolist() == [100, 75, 75, 0] and [
        bar.get_height() for bar in right.patches
    ] == [75] * (1 + changed)
