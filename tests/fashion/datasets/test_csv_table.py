import pytest

from fashion.datasets.csv_table import CsvTable

HEADER = b"ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"


def test_a_line_is_cut_and_says_where_its_run_lengths_start():
    fields, start = CsvTable("a.csv", HEADER).split(b'x,1 2,4,3,10,"5,6"\n')
    assert fields == ["x", b"1 2", "4", "3", "10", "5,6"] and start == 2


def test_fields_come_in_one_order_whatever_that_of_the_columns():
    table = CsvTable("a.csv", b"ClassId,Width,note,ImageId,Height,EncodedPixels\r\n")
    assert table.year == 2019 and table.split(b"0_3,7,?,x.jpg,9,11 2\r\n") == (["x.jpg", b"11 2", "9", "7", "0_3"], 16)


def test_a_line_with_too_few_fields_has_a_reason():
    assert CsvTable("a.csv", HEADER).split(b"x,1 2,4\n") == (None, "it has 3 fields where the header has 6")


def test_missing_columns_are_named_with_the_file():
    with pytest.raises(ValueError, match="a.csv has no column Width, ClassId"):
        CsvTable("a.csv", b"ImageId,EncodedPixels,Height\n")


def test_a_quoted_mask_may_be_long():
    """R and pandas' QUOTE_ALL quote everything."""
    table, runs = CsvTable("train.csv", b"ImageId,EncodedPixels,Height,Width,ClassId\n"), b"1 2 " * 60_000
    fields, start = table.split(b'"a.jpg","' + runs + b'","9","9","10_3"\n')
    assert fields == ["a.jpg", runs, "9", "9", "10_3"] and start == 9


def test_what_is_no_csv_is_said():
    with pytest.raises(ValueError, match="The first line of train.csv cannot be read as CSV .* end with a line feed"):
        CsvTable("train.csv", b"ImageId,EncodedPixels,Height,Width,ClassId\ra,1 2,9,9,1\r")
    table = CsvTable("train.csv", b"ImageId,EncodedPixels,Height,Width,ClassId\n")
    fields, reason = table.split(b'"a",1 2\r3,9,9,1\n')
    assert fields is None and "cannot be read as CSV" in reason
