"""Figures of frequencies and co-occurrence show the numbers that they are given."""

import numpy as np
import pytest

from fashion.exploration import frequency_figures as figures
from fashion.exploration.frequency_figures import share_map
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


def test_two_shares_leave_out_what_never_occurs():
    data = [
        {"name": name, "train": a, "val": b}
        for name, a, b in (("x", 0.5, 0.25), ("y", 0, 0), ("z", 0, 0.75))
    ]
    axes = drawn(figures.two_shares(data)).axes[0]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[50, 0], [25, 75]]


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
