import csv
import io

import pytest

from fashion.formats.csv_table import (
    BadLine,
    CsvTable,
    long_cells,
    read_header,
    whole_number,
    year_of_header,
)

HEADER = b"ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"


def test_a_line_is_cut_and_says_where_its_run_lengths_start():
    fields, start = CsvTable("a.csv", HEADER).split(b'x,1 2,4,3,10,"5,6"\n')
    assert fields == ["x", b"1 2", "4", "3", "10", "5,6"] and start == 2


def test_fields_come_in_one_order_whatever_that_of_the_columns():
    table = CsvTable("a.csv", b"ClassId,Width,note,ImageId,Height,EncodedPixels\r\n")
    assert table.year == 2019 and table.split(b"0_3,7,?,x.jpg,9,11 2\r\n") == (
        ["x.jpg", b"11 2", "9", "7", "0_3"],
        16,
    )


def test_a_line_with_too_few_fields_has_a_reason():
    with pytest.raises(BadLine, match="^it has 3 fields where the header has 6$"):
        CsvTable("a.csv", HEADER).split(b"x,1 2,4\n")


def test_missing_columns_are_named_with_the_file():
    with pytest.raises(ValueError, match="a.csv has no columns Width, ClassId"):
        CsvTable("a.csv", b"ImageId,EncodedPixels,Height\n")


def test_a_quoted_mask_may_be_long():
    """R and pandas' QUOTE_ALL quote everything."""
    table, runs = (
        CsvTable("train.csv", b"ImageId,EncodedPixels,Height,Width,ClassId\n"),
        b"1 2 " * 60_000,
    )
    fields, start = table.split(b'"a.jpg","' + runs + b'","9","9","10_3"\n')
    assert fields == ["a.jpg", runs, "9", "9", "10_3"] and start == 9


def test_what_is_no_csv_is_refused():
    with pytest.raises(
        ValueError, match="The first line of train.csv cannot be read as CSV .* end with a line "
    ):
        CsvTable("train.csv", b"ImageId,EncodedPixels,Height,Width,ClassId\ra,1 2,9,9,1\r")
    table = CsvTable("train.csv", b"ImageId,EncodedPixels,Height,Width,ClassId\n")
    with pytest.raises(BadLine, match="cannot be read as CSV"):
        table.split(b'"a",1 2\r3,9,9,1\n')


def test_a_column_that_is_there_twice_is_refused():
    with pytest.raises(ValueError, match="a.csv has the column ClassId more than once"):
        CsvTable("a.csv", b"ImageId,EncodedPixels,Height,Width,ClassId,ClassId\n")


def test_blanks_around_the_names_of_columns_do_not_matter():
    header = b'\xef\xbb\xbf ImageId, EncodedPixels , Height,Width,"ClassId"\n'
    fields, _ = CsvTable("a.csv", header).split(b"a,1 2,9,8,10\n")
    assert fields == ["a", b"1 2", "9", "8", "10"]


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\0" * 100,
        b"\xff\xfeI\0m\0a\0",
        b'"ImageId',
        b'""ImageId,EncodedPixels\n',
        b"x" * (1 << 16),
    ],
)
def test_a_first_line_that_is_no_header_is_refused(header):
    with pytest.raises(ValueError, match="a.csv"):
        CsvTable("a.csv", header)
    assert year_of_header(header) == 2019


def test_of_a_file_without_line_ends_a_header_is_read_and_no_more():
    assert len(read_header(io.BytesIO(bytes(1 << 20)))) == 1 << 16


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("20", 20),
        ("20.0", 20),
        (" 007. ", 7),
        ("0", 0),
        ("9" * 18, 10**18 - 1),
        ("9" * 5000, 10**18),
        ("-1", None),
        ("1.5", None),
        ("1e3", None),
        ("", None),
        ("nan", None),
        ("\u0661", None),
    ],
)
def test_a_cell_is_a_whole_number_or_none(text, number):
    assert whole_number(text) == number


def test_lines_end_in_either_way_from_line_to_line():
    table = CsvTable("a.csv", HEADER)
    for end in (b"\n", b"\r\n", b""):
        assert table.split(b"x,1 2,4,3,10," + end) == (["x", b"1 2", "4", "3", "10", ""], 2)
    with pytest.raises(BadLine):
        table.split(b"x,1 2,4,3,10,\r\r\n")


def test_long_cells_are_read_and_the_limit_comes_back():
    before = csv.field_size_limit()
    with long_cells():
        assert len(next(csv.reader(["9" * 400_000]))[0]) == 400_000
    assert csv.field_size_limit() == before
