import os
import time
from dataclasses import fields, replace

import numpy as np
import pytest

from fashion.formats import annotation_csv
from fashion.formats.annotation_csv import BadRow, BadRows, read_annotations
from fashion.formats.index_cache import open_index, write_index
from fashion.labels.ontology import official

HEADER_2019 = "ImageId,EncodedPixels,Height,Width,ClassId"


def read(path, year=2020, **options):
    return read_annotations(path, official(year), **options)


def write(path, *lines, header="ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds"):
    path.write_bytes("\n".join([header, *lines, ""]).encode())
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "train.csv"


def only_reason(path, year=2020):
    annotations, bad = read(path, year)
    assert len(annotations.line) == 0 and len(bad) == 1
    return bad[0].reason


def test_the_years_are_told_apart_by_the_columns(path):
    a, bad = read(write(path, "x,1 2,4,3,10,"))
    assert (a.year, bad) == (2020, [])
    a, bad = read(write(path, "x.jpg,1 2,4,3,10_3_20", header=HEADER_2019), 2019)
    assert (
        (a.year, bad) == (2019, [])
        and a.attributes.tolist() == [3, 20]
        and a.class_ids.tolist() == [11]
    )


def test_attribute_ids_become_dense(path):
    a, _ = read(write(path, 'x,1 2,4,3,0,"115,281,340"', "x,1 2,4,3,1,285", "x,1 2,4,3,1,"))
    assert a.attributes.tolist() == [115, 235, 293, 238] and a.first_attribute.tolist() == [
        0,
        3,
        4,
        4,
    ]


def test_rows_of_an_image_come_together_and_know_their_lines(path):
    a, _ = read(write(path, "x,1 1,4,3,0,1", "y,2 1,4,3,1,", "x,3 1,4,3,2,3"))
    assert a.image_ids == ["x", "y"] and list(a.rows_of(0)) == [0, 1] and list(a.rows_of(1)) == [2]
    assert a.line.tolist() == [2, 4, 3] and a.class_ids.tolist() == [1, 3, 2]
    assert a.attributes.tolist() == [1, 3]
    assert a.runs_of([0, 1, 2]) == ["1 1", "3 1", "2 1"]


@pytest.mark.parametrize(
    "line",
    [b'x,"1 2 5 1",4,3,0,"1,2"', b'"x",1 2 5 1,4,3,0,"1,2"', b'"x","1 2 5 1","4","3","0","1,2"'],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_quotes_and_line_ends_do_not_matter(path, line, end):
    path.write_bytes(
        b"\xef\xbb\xbfImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\r\n" + line + end
    )
    a, bad = read(path)
    assert not bad and a.image_ids == ["x"] and a.runs_of([0]) == ["1 2 5 1"]
    assert a.attributes.tolist() == [1, 2]


def test_columns_may_come_in_any_order_among_others(path):
    header = "n,ClassId,Height,Width,AttributesIds,ImageId,EncodedPixels"
    a, bad = read(write(path, '0,3,4,3,"1,2",x,1 2', "1,3,4,3,,x,5 2", header=header))
    assert not bad and a.runs_of([0, 1]) == ["1 2", "5 2"] and a.image_hw.tolist() == [[4, 3]]


def test_missing_columns_are_named(path):
    with pytest.raises(
        ValueError, match="no columns Height, Width.*found: ImageId,EncodedPixels,ClassId"
    ):
        read(write(path, header="ImageId,EncodedPixels,ClassId"))


@pytest.mark.parametrize(
    "line,reason",
    [
        ("x,1 2 3,4,3,0,", "odd number"),
        ("x,1 b,4,3,0,", "'b' is not a whole number"),
        ("x,,4,3,99,", "unknown category 99"),
        ("x,12 2,4,3,0,", "ends at pixel 13"),
        ("x,1 2 2 2,4,3,0,", "starts before the run"),
        ("x,5 1 1 1,4,3,0,", "run 2"),
        ("x,1 0,4,3,0,", "no length"),
        ("x,0 1,4,3,0,", "before pixel 1"),
        ("x,1 1,4,3,46,", "unknown category 46"),
        ("x,1 1,4,3,a,", "category 'a' is not"),
        ("x,1 1,4,3,0_3,", "category '0_3' is not"),
        ("x,1 1,4,3,,", "category ''"),
        ('x,1 1,4,3,0,"1,284"', "unknown attribute 284"),
        ("x,1 1,4,3,0,1.5", "attribute '1.5' is not"),
        ("x,1 1,0,3,0,", "not whole numbers above 0"),
        ("x,1 1,4,,0,", "not whole numbers"),
        ("x,1 1,4,3", "4 fields"),
        ("x,1 1,4,3,0,1,2", "7 fields"),
        ("x", "1 fields"),
        # sizes that are not sizes of images
        ("x,1 1,2147483648,3,0,", "at most 268 million pixels"),
        ("x,1 1,18446744073709551617,3,0,", "at most 268 million pixels"),
        ("x,1 1,16385,16384,0,", "at most 268 million pixels"),
        ("x,1 1," + "9" * 5000 + ",3,0,", "(5,000 characters)"),
        ("x,1 1,-4,3,0,", "'-4'"),
        ("x,1 1,inf,3,0,", "'inf'"),
        ("x,1 1,nan,3,0,", "'nan'"),
        ("x,1 1,1e1,3,0,", "'1e1'"),
        ("x,1 1,4.5,3,0,", "'4.5'"),
        ("x,1 1,\u0664,3,0,", "not whole numbers"),
        ("x,1 1,1_0,3,0,", "'1_0'"),
        ("x,1 1,+4,3,0,", "'+4'"),
        # ids that are not ids
        ("x,1 1,4,3," + "9" * 5000 + ",", "unknown category '9"),
        ("x,1 1,4,3,0," + "9" * 5000, "(5,000 characters)"),
        ("x,1 1,4,3,-1,", "category '-1' is not"),
        ("x,1 1,4,3,\u0661,", "is not a whole number"),
        ("x,1 1,4,3,0,inf", "attribute 'inf'"),
        (",1 1,4,3,0,", "ImageId is empty"),
        ("a\x07b,1 1,4,3,0,", "control character"),
        # lines that are not CSV
        ('x,""1 1,4,3,0,', "quotes do not enclose"),
        ('x,"1 1" ,4,3,0,', "quotes do not enclose"),
        ('x,"1 1,4,3,0,', "quotes do not enclose"),
        ('""x,1 1,4,3,0,', "quotes do not enclose"),
        ('x,1 1,4,3,0,"1', "quotes do not enclose"),
        ('x,"1 ""1",4,3,0,', "EncodedPixels"),
        ("x,1 1,4,3,0,\rx,1 1,4,3,0,", "carriage return"),
        ("x,1 1,4,3,0,\0", "zero byte"),
        ("x\0,1 1,4,3,0,", "zero byte"),
        # run lengths that are none
        ("x,1 nan,4,3,0,", "'nan' is not"),
        ("x,-1 1,4,3,0,", "'-1' is not"),
        ("x,1.0 1,4,3,0,", "'1.0' is not"),
        ("x,1 \u0661,4,3,0,", "is not a whole number"),
        ("x,1 " + "9" * 5000 + ",4,3,0,", "ends at pixel"),
    ],
)
def test_a_bad_row_has_its_reason(path, line, reason):
    assert reason in only_reason(write(path, line))


def test_a_name_that_is_not_utf_8_is_a_bad_row(path):
    write(path)
    path.write_bytes(path.read_bytes() + "caf\u00e9,1 1,4,3,0,\n".encode("latin-1"))
    assert only_reason(path) == "ImageId is not UTF-8 text; save the file as UTF-8"


@pytest.mark.parametrize("cell", ["", "nan", "NaN", "NA", "<NA>", "None", " null "])
def test_an_image_without_run_lengths_has_no_objects(path, cell, caplog):
    a, bad = read(write(path, "x,1 1,4,3,0,", f"y,{cell},5,6,{cell},{cell}", "z,2 1,4,3,1,"))
    assert (
        not bad
        and a.image_ids == ["x", "y", "z"]
        and a.image_hw.tolist() == [[4, 3], [5, 6], [4, 3]]
    )
    assert (
        [list(a.rows_of(i)) for i in range(3)] == [[0], [], [1]]
        and a.image_line.tolist() == [2, 3, 4]
        and not caplog.records
    )


def test_an_image_without_objects_is_one_in_2019_too(path):
    a, bad = read(write(path, "y.jpg,,5,6,", header=HEADER_2019), 2019)
    assert not bad and a.image_ids == ["y.jpg"] and len(a.line) == 0


def test_a_mask_that_may_have_been_lost_is_warned_of_at_every_start(path, caplog):
    write(path, "x,1 1,4,3,0,", "y,,4,3,0,", "x,,4,3,,", "z,,4,3,,")
    for number in (1, 2):
        a, bad = read(path)
        assert not bad and a.image_ids == ["x", "y", "z"] and len(a.line) == 1
        assert len(caplog.records) == number and "2, the first in line 3" in caplog.text


def test_an_image_whose_objects_are_bad_rows_is_not_taken_for_one_without_objects(path):
    a, bad = read(write(path, "x,,4,3,,", "x,1 0,4,3,0,", "y,,4,3,,"))
    assert a.image_ids == ["y"] and [row.image_id for row in bad] == ["x"]


def test_whole_numbers_may_have_a_point_as_pandas_writes_them(path):
    a, bad = read(write(path, "x,1 1,20.0,30.,10.0,115.0", "y,1 1,020,30,10,nan"))
    assert (
        not bad
        and a.image_hw.tolist() == [[20, 30]] * 2
        and a.class_ids.tolist() == [11, 11]
        and a.attributes.tolist() == [115]
    )


def test_bad_rows_are_told_in_one_line_each(path):
    _, bad = read(
        write(
            path,
            "a" * 5000 + "\x07b,1 1,4,3,0,",
            "b,1 1," + "9" * 5000 + ",3," + "8" * 5000 + "," + "7" * 5000,
        )
    )
    lines = str(BadRows(path, bad)).splitlines()
    assert (
        len(lines) == 4
        and all(len(line) < 500 for line in lines)
        and "line 3 (image b)" in lines[2]
    )


def test_an_index_with_nonsense_in_it_counts_as_none(path):
    first, _ = read(write(path, "x,1 1,4,3,0,1", "y,,4,3,,"))
    place, facts = first.index[0], open_index(first.index[0]).facts
    whole = {name: np.array(array) for name, array in open_index(place).arrays.items()}
    for name, array in {
        "first_row": np.array([0, 5, 1]),
        "first_attribute": np.array([1, 0]),
        "rle_bytes": np.array([1 << 40]),
        "rle_offset": np.array([-1]),
        "class_ids": np.array([0], np.int32),
        "line": np.array([2.0]),
        "image_hw": np.zeros((2, 2), np.int32),
        "attributes": np.array(1, np.int32),
        "other": np.zeros(3),
    }.items():
        write_index(place, facts, whole | {name: array})
        assert read(path)[0].runs_of([0]) == ["1 1"], name
    for change in (
        {"image_ids": ["x"]},
        {"image_ids": [1, 2]},
        {"year": 2021},
        {"bad": [["a", 1, 2]]},
        {"file_stamp": None},
    ):
        write_index(place, facts | change, whole)
        assert read(path)[0].image_ids == ["x", "y"], change


def test_2019_attributes_are_checked_too(path):
    assert "unknown attribute 92" in only_reason(
        write(path, "x.jpg,1 1,4,3,0_92", header=HEADER_2019), 2019
    )


def test_all_that_is_wrong_with_a_row_is_said(path):
    assert only_reason(write(path, "x,1 1 1,4,3,99,999")) == (
        "unknown category 99; unknown attribute 999; an odd number of values (3): the last start "
        "has no "
        "length"
    )


def test_rows_of_an_image_must_agree_on_its_size(path):
    a, bad = read(write(path, "x,1 1,4,3,0,", "x,1 1,3,4,0,"))
    assert len(a.line) == 1 and bad[0].line == 3 and "first row 4 and 3" in bad[0].reason


def test_a_bad_row_spares_its_neighbours(path):
    lines = [f"i{k % 7},{1 + k % 11} 1,4,3,{k % 46},{k % 235}" for k in range(200)]
    for k in (0, 50, 51, 199):
        lines[k] = lines[k].replace(" 1,", " 0,")
    a, bad = read(write(path, *lines))
    assert [row.line for row in bad] == [2, 52, 53, 201] and len(a.line) == 196
    assert set(a.line.tolist()) == set(range(2, 202)) - {2, 52, 53, 201}
    for row in range(196):
        k = a.line[row] - 2
        assert a.class_ids[row] == 1 + k % 46 and a.attributes[row] == k % 235
        assert (
            a.runs_of([row]) == [f"{1 + k % 11} 1"]
            and a.image_ids[a.image_of_rows()[row]] == f"i{k % 7}"
        )


def test_an_image_of_bad_rows_only_is_left_out(path):
    a, bad = read(write(path, "x,1 0,4,3,0,", "y,1 1,9,8,0,", "z,1 1,4,3,99,"))
    assert a.image_ids == ["y"] and a.image_hw.tolist() == [[9, 8]] and len(bad) == 2


def test_only_the_images_asked_for_are_checked(path):
    write(path, "x,1 1,4,3,0,", "y,1 0,4,3,0,")
    a, bad = read(path, image_ids=["x"])
    assert a.image_ids == ["x"] and not bad
    with pytest.raises(ValueError, match="1 of the 2 images asked for, among them w"):
        read(path, image_ids=["x", "w"])


def test_attributes_can_be_kept_to_some_categories(path):
    write(path, "x.jpg,1 1,4,3,0_3", "x.jpg,1 1,4,3,31_3", header=HEADER_2019)
    assert read(path, 2019)[0].attributes.tolist() == [3, 3]
    kept = official(2019).attribute_category_ids
    assert read(path, 2019, attribute_categories=kept)[0].first_attribute.tolist() == [0, 1, 1]


def test_the_message_shows_a_thousand_rows_and_the_total():
    error = BadRows("t.csv", [BadRow(k, f"i{k}", "why") for k in range(1202, 2, -1)])
    lines = str(error).splitlines()
    assert (
        lines[0] == "t.csv has 1,200 rows that cannot be used:"
        and lines[1] == "  line 3 (image i3): why"
    )
    assert len(lines) == 1003 and lines[-2] == "  … and 200 more" and "skip_bad=True" in lines[-1]
    assert len(error.rows) == 1200 and isinstance(error, ValueError)


def test_a_label_list_that_does_not_fit_is_one_line():
    rows = [BadRow(k, "a", f"unknown attribute {300 + k}") for k in range(2, 77)] + [
        BadRow(80, "b", "there are no runs")
    ]
    lines = str(BadRows("t.csv", rows)).splitlines()
    assert (
        lines[:3]
        == [
            "t.csv has 76 rows that cannot be used:",
            "  75 rows, line 2 (image a) is the first: unknown attribute 302. The label list does "
            "not belong to this file: put its own "
            "label_descriptions.json next to it.",
            "  line 80 (image b): there are no runs",
        ]
        and len(lines) == 4
    )
    assert len(str(BadRows("t.csv", rows[:5])).splitlines()) == 7


def test_a_changed_file_is_noticed(path):
    a, _ = read(write(path, "x,1 1,4,3,0,"))
    write(path, "xx,1 1,4,3,0,")
    with pytest.raises(RuntimeError, match="has changed since"):
        a.runs_of([0])


def test_forty_thousand_rows_load_in_a_moment(path):
    line = "1000 12 2000 13 3000 14 4000 15 5000 16 6000 17 7000 18 8000 19,1024,768,23,"
    path.write_text(
        "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"
        + "".join(f"{k // 8:08x},{line}\n" for k in range(40_000))
    )
    start = time.process_time()
    a, bad = read(path)
    assert time.process_time() - start < 5  # measured: about 0.3 s
    assert len(a.line) == 40_000 and len(a.image_ids) == 5_000 and not bad
    assert np.diff(a.first_row).tolist() == [8] * 5_000


def test_in_quotes_the_run_lengths_are_found_where_they_are(path):
    a, bad = read(write(path, '"1 1 x","1 1",4,3,0,', '"y,1 2",1 2,4,3,0,'))
    assert not bad and a.image_ids == ["1 1 x", "y,1 2"] and a.runs_of([0, 1]) == ["1 1", "1 2"]
    assert a.rle_offset.tolist()[0] == path.read_bytes().index(b'"1 1",') + 1


def test_run_lengths_can_be_read_on_the_way(path, monkeypatch):
    monkeypatch.setattr("fashion.formats.annotation_rows._BATCH_BYTES", 4)
    seen = []

    def read_runs(texts, sizes_hw):
        seen.extend(zip(texts, sizes_hw))
        return {i: "it is a 7" for i, text in enumerate(texts) if text.startswith(b"7")}

    write(path, "x,1 1,4,3,0,", "y,7 1,5,3,1,", "x,3 1,4,3,2,", "y,2 1,5,3,999,")
    a, bad = read(path, read_runs=read_runs)
    assert seen == [
        (b"1 1", (4, 3)),
        (b"7 1", (5, 3)),
        (b"3 1", (4, 3)),
    ]  # in the order of the file, without the unknown category
    assert a.image_ids == ["x"] and sorted(bad, key=lambda row: row.line) == [
        BadRow(3, "y", "it is a 7"),
        BadRow(5, "y", "unknown category 999"),
    ]


BAD = ["x,1 1,4,3,0,1", "y,1 0,4,3,0,", "x,2 1,4,3,1,", "z,1 1,4,3,99,", "y,3 1", "w,5 1,5,3,2,3"]


@pytest.fixture
def readings(monkeypatch):
    """A list that grows by one whenever a CSV is read through."""
    seen, read = [], annotation_csv._read
    monkeypatch.setattr(
        annotation_csv, "_read", lambda *arguments: seen.append(arguments) or read(*arguments)
    )
    return seen


def test_the_second_start_finds_the_same_without_reading(path, readings):
    (a, bad), (again, bad_again) = (read(path if i else write(path, *BAD)) for i in range(2))
    assert len(readings) == 1 and bad == bad_again and [row.line for row in bad] == [5, 6, 3]
    for field in fields(a):
        assert np.array_equal(getattr(a, field.name), getattr(again, field.name)), field.name
    assert again.runs_of([0, 1, 2]) == ["1 1", "2 1", "5 1"]


def test_images_are_chosen_after_the_index(path, readings):
    write(path, *BAD)
    assert [row.line for row in read(path, image_ids=["x"])[1]] == [
        6
    ]  # a row cut short belongs to nobody
    a, bad = read(path, image_ids=["w", "y"])
    assert (
        a.image_ids == ["w"]
        and a.line.tolist() == [7]
        and [row.line for row in bad] == [6, 3]
        and len(readings) == 1
    )


def test_other_labels_and_other_contents_are_read_anew(path, readings):
    write(path, "x,1 1,4,3,0,3", "x,1 1,4,3,31,3")
    fewer = replace(official(2020), category_ids=(99, *range(1, 46)), attribute_category_ids=())
    assert [
        len(read_annotations(path, ontology)[1]) for ontology in (official(2020), fewer) * 2
    ] == [0, 1] * 2 and len(readings) == 2
    assert [
        len(read(path, attribute_categories=only)[0].attributes)
        for only in ([31], None, [0], (31,))
    ] == [1, 2, 1, 1]
    assert len(readings) == 4
    write(path, "x,1 1,4,3,0,3")
    assert len(read(path)[0].line) == 1 and len(readings) == 5


def test_reading_run_lengths_on_the_way_leaves_no_index(path, monkeypatch):
    monkeypatch.delenv("FASHION_CACHE_DIR", raising=False)
    read(write(path, "x,1 1,4,3,0,"), read_runs=lambda texts, sizes_hw: {})
    assert os.listdir(path.parent) == [path.name]


def test_a_file_that_changes_while_it_is_read_is_not_taken_for_the_new_one(path, monkeypatch):
    write(path, "x,1 1,4,3,0,")
    columns = annotation_csv.RowCollector.columns
    monkeypatch.setattr(
        annotation_csv.RowCollector,
        "columns",
        lambda found: write(path, "xyz,1 1,4,3,1,") and columns(found),
    )
    with pytest.raises(RuntimeError, match="has changed since"):
        read(path)[0].runs_of([0])
    monkeypatch.undo()
    assert read(path)[0].image_ids == ["xyz"] and read(path)[0].runs_of([0]) == ["1 1"]


def test_a_long_reading_shows_how_far_it_is_and_a_short_one_nothing(path, capsys, monkeypatch):
    read(write(path, "x,1 1,4,3,0,"))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(annotation_csv, "_BAR_DELAY", 0)
    read(path)
    assert capsys.readouterr().err == ""  # nothing is read
    read(write(path, "x,1 1,4,3,0,", "y,1 1,4,3,0,"))
    assert "train.csv: 100%" in capsys.readouterr().err
