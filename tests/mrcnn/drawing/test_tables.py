"""A table is neat as text, safe as HTML."""

import sys
import types

import pytest

from mrcnn.drawing.tables import html_table, in_notebook, text_table

ROWS = [["name", "count"], ["circle", 3], ["a triangle", 120]]


def test_text_columns_line_up_and_numbers_stand_to_the_right():
    assert text_table(ROWS).split("\n") == [
        "name        count",
        "----------  -----",
        "circle          3",
        "a triangle    120",
    ]


def test_short_rows_are_filled_up():
    assert text_table([["a", "b"], ["x"]]).split("\n")[-1] == "x"


@pytest.mark.parametrize("cell", ["-3", "+0.1250", "1e-5", "12 %", "1,024", "nan"])
def test_these_are_numbers(cell):
    assert text_table([["a long heading"], [cell]]).endswith(" " + cell)


def test_html_shows_what_the_cells_say():
    page = html_table([["<name>", "n"], ["a & b", 3]])
    assert "&lt;name&gt;" in page and "a &amp; b" in page and page.count("<tr>") == 2
    assert page.count("<th ") == page.count("<td ") == 2


def test_an_alarm_is_red_in_html():
    assert "color" in html_table([["", "note"], ["x", "*** dead?"]]).split("\n")[2]
    assert "color" not in html_table([["", "note"], ["x", "fine"]]).split("\n")[2]


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="at least its heading"):
        text_table([])


@pytest.mark.parametrize(
    ("shell", "expected"),
    [
        (None, False),
        (types.SimpleNamespace(), False),
        (types.SimpleNamespace(kernel=object()), True),
    ],
)
def test_a_notebook_is_a_shell_with_a_kernel(monkeypatch, shell, expected):
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert in_notebook() is expected
