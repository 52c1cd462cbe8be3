"""Cells: how numbers, names and rows are written."""

import pytest

from fashion.pages.text import (
    axis_label,
    count,
    difference,
    number,
    percent,
    short_name,
    short_names,
    signed,
    table_of,
    whole_percent,
)


@pytest.mark.parametrize(
    "value, text",
    [
        (0.12345, "0.123"),
        (0.0, "0.000"),
        (1.0, "1.000"),
        (0, "0"),
        (12345, "12,345"),
        (-1.0, "–"),
        (-1, "–"),
        ("", ""),
        ("shirt", "shirt"),
    ],
)
def test_a_number_as_it_is_read(value, text):
    assert number(value) == text


def test_a_name_ends_before_its_first_comma():
    assert short_name("top, t-shirt, sweatshirt") == "top"
    assert short_name("pants") == "pants"


def test_a_column_that_no_row_has_is_left_out():
    rows = [{"name": "shirt", "AP": 0.5}, {"name": "shoe", "AP": -1.0, "found": 3}]
    assert table_of(
        rows, {"category": "name", "AP": "AP", "found": "found", "CorLoc": "corloc"}
    ) == [["category", "AP", "found"], ["shirt", "0.500", ""], ["shoe", "–", "3"]]


def test_shares_in_words():
    assert [percent(x) for x in (0, 1, 0.5, 0.099, 0.0123, 0.00123)] == [
        "0 %",
        "100 %",
        "50 %",
        "9.9 %",
        "1.2 %",
        "0.12 %",
    ]
    assert axis_label("shirt, blouse") == "shirt" and len(axis_label("x" * 99)) == 30


def test_whole_percentages_and_nouns():
    assert (whole_percent(0.126), whole_percent(-1), whole_percent(0)) == ("13 %", "–", "0 %")
    assert count(1, "image") == "1 image" and count(1200, "box", "boxes") == "1,200 boxes"


def test_a_difference_that_rounds_to_nothing_has_no_sign():
    assert [signed(v) for v in (0.0124, -0.0124, 0.0004, -0.0004, 0)] == [
        "+0.012",
        "-0.012",
        "0.000",
        "0.000",
        "0.000",
    ]
    assert [signed(v, 0) for v in (0.4, -0.4, 1.6)] == ["0", "0", "+2"]
    assert difference(0.5, 0.5) == "0.000" and difference(-1, 0.5) == "–"


def test_names_are_shortened_unless_two_begin_alike():
    assert short_names(["shirt, blouse", "bag, left", "bag, right", "hat"]) == {
        "shirt, blouse": "shirt",
        "bag, left": "bag, left",
        "bag, right": "bag, right",
        "hat": "hat",
    }
    rows = [{"name": "shirt, blouse", "n": 1}, {"name": "hat", "n": 2}, {"n": 3}]
    assert table_of(rows, {"category": "name", "objects": "n"}) == [
        ["category", "objects"],
        ["shirt", "1"],
        ["hat", "2"],
        ["", "3"],
    ]
