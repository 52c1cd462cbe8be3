"""Tables as text and as HTML, and the table of weights."""

import sys
import types

import numpy as np
import pytest

from mrcnn.drawing.tables import html_table, in_notebook, text_table, weight_rows

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
    assert text_table([["a long heading"], [cell], ["–"]]).endswith(" –")


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


def row(name, values):
    return weight_rows({"conv1": [(name, np.asarray(values, np.float32))]})[1]


def test_a_row_says_layer_weight_shape_and_range():
    assert row("kernel", [[-1, 3], [1, 1]]) == [
        "conv1",
        "kernel",
        "(2, 2)",
        "-1.0000",
        "+3.0000",
        "+1.4142",
        "",
    ]


@pytest.mark.parametrize(
    ("name", "values", "alarm"),
    [
        ("kernel", [0.1, -0.2], ""),
        ("kernel", [0, 0, 0], "*** dead?"),
        ("gamma", [1, 1, 1], "*** dead?"),
        ("bias", [0, 0, 0], ""),
        ("kernel", [0.5], ""),
        ("kernel", [0, 1001], "*** Overflow?"),
        ("kernel", [0, -1001], "*** Overflow?"),
        ("kernel", [0, np.nan], "*** NaN or infinite"),
        ("kernel", [0, np.inf], "*** NaN or infinite"),
        ("kernel", [], ""),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_alarms(name, values, alarm):
    assert row(name, values)[-1] == alarm


def test_a_network_without_weights_has_a_heading():
    assert len(weight_rows({})) == 1
