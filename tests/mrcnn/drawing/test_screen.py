"""Without a screen nothing is shown and nobody is warned."""

import matplotlib
import pytest
from matplotlib import pyplot as plt

from mrcnn.drawing.screen import new_axes, on_screen, show, text_size_on, wrapped


@pytest.mark.filterwarnings("error")
def test_a_backend_that_writes_files_shows_nothing(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("nobody can see it"))
    assert not on_screen()
    show()


def test_a_backend_with_a_window_shows(monkeypatch):
    shown = []
    monkeypatch.setattr(
        matplotlib, "get_backend", lambda: "module://matplotlib_inline.backend_inline"
    )
    monkeypatch.setattr(plt, "show", lambda: shown.append(1))
    show()
    assert shown == [1]


def test_new_axes_are_pyplots_current_ones():
    assert new_axes((3, 2)) is plt.gca()


def test_a_title_is_broken_where_it_is_too_long_and_where_it_says_so():
    assert (
        wrapped("a title of six short words", inches=1, points=9) == "a title of six\nshort words"
    )
    assert wrapped("two\nlines", inches=9, points=9) == "two\nlines"


def test_writing_grows_where_the_axes_are_small():
    large, small, tiny = (
        text_size_on(plt.figure(figsize=(inches, inches)).add_axes([0, 0, 1, 1]), (1000, 720))
        for inches in (16, 4, 0.5)
    )
    assert large == 19  # 0.0225 of the square root of the area
    assert small == round(7 / 72 * 250)  # 7 points at 250 pixels an inch
    assert tiny == 2 * large
