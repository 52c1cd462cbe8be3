"""Figures show the numbers that they are given, be it one or hundreds."""

import pytest

from fashion.exploration import figures
from fashion.pages.plots import MAX_WIDTH


def drawn(figure):
    """The figure, after it has been laid out and drawn."""
    figure.draw_without_rendering()
    assert figure.get_figwidth() <= MAX_WIDTH
    return figure


def rows(*counts):
    return [
        {
            "name": f"name {i}, other",
            "group": "g",
            "objects": n,
            "photos": max(1, n // 2) if n else 0,
            "share_of_photos": n / 1000,
        }
        for i, n in enumerate(counts)
    ]


@pytest.mark.parametrize("counts", [(1,), (5, 0, 100_000), tuple(range(1, 25))])
def test_a_line_for_each_name_that_occurs(counts):
    axes = drawn(figures.frequency_figure(rows(*counts))).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert (
        len(labels) == sum(n > 0 for n in counts)
        and labels[-1] == f"name {counts.index(max(counts))}"
    )
    assert axes.lines[0].get_xdata().tolist() == sorted(n for n in counts if n)


def test_panels_show_the_first_of_a_group_and_say_so():
    axes = drawn(figures.group_panels({"short": rows(3, 2), "long": rows(*range(1, 15))})).axes
    assert [a.get_title(loc="left") for a in axes] == ["long, the first 10 of 14", "short"]
    assert [text.get_text() for text in axes[1].texts] == ["2 (0.2 %)", "3 (0.3 %)"]
    drawn(figures.group_panels({"only": rows(1)}))


@pytest.mark.parametrize("counts", [(7,), (1000, 500, 3, 1), (10,) * 300])
def test_frequencies_by_rank(counts):
    line = drawn(figures.rank_figure(rows(*counts))).axes[0].lines[0]
    assert line.get_ydata().tolist() == list(counts) and line.get_xdata()[-1] == len(counts)


def test_sizes_of_photos():
    sizes = {"grid": [[100.0, 200.0, 3]], "step": 1}
    assert drawn(figures.size_figure(sizes)).axes[0].collections[0].get_offsets().tolist() == [
        [100, 200]
    ]
    drawn(figures.size_figure({"grid": [[100.0, 200.0, 3], [400.0, 50.0, 1]], "step": 1}))


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


def test_two_shares_leave_out_what_never_occurs():
    data = [
        {"name": name, "train": a, "val": b}
        for name, a, b in (("x", 0.5, 0.25), ("y", 0, 0), ("z", 0, 0.75))
    ]
    axes = drawn(figures.two_shares(data)).axes[0]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[50, 0], [25, 75]]


def test_shares_in_words():
    assert [figures.share_text(x) for x in (0, 1, 0.5, 0.099, 0.0123, 0.00123)] == [
        "0 %",
        "100 %",
        "50 %",
        "9.9 %",
        "1.2 %",
        "0.12 %",
    ]
    assert figures.shortened("shirt, blouse") == "shirt" and len(figures.shortened("x" * 99)) == 30
