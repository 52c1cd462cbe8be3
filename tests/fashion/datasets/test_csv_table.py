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
