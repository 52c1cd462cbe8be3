"""CSV files of dates, as people and spreadsheets write them."""

import pytest

from fashion.formats.dates_csv import match_dates, read_dates


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "dates.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "image,date\na.jpg,2024-05-17\nb.jpg,2024-06\n",
        "\ufeffimage;date\r\na.jpg;17.05.2024\r\nb.jpg;2024-06\r\n\r\n",
        "Date\tFile\tx\n2024:05:17 10:00:00\ta.jpg\t1\nJune 2024\tb.jpg\t2\n",
        '"Image","Date"\n"a.jpg","May 17, 2024"\nb.jpg,2024/06\nc.jpg,\n',
    ],
)
def test_separators_quotes_and_headings_of_the_usual_kinds_are_read(text, tmp_path):
    assert read_dates(written(tmp_path, text)) == {"a.jpg": "2024-05-17", "b.jpg": "2024-06"}


def test_one_date_of_the_file_decides_for_all(tmp_path):
    text = "image,date\na,05/04/2024\nb,17/04/2024\n"
    assert read_dates(written(tmp_path, text)) == {"a": "2024-04-05", "b": "2024-04-17"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "dates.csv is empty. Expected a first line with the columns image and date"),
        (" \n\n", "dates.csv is empty"),
        ("image,when\na,2024\n", "no column date. Its first line has 'image', 'when'. Expected"),
        ("photo id,when\na,2024\n", "no column image and no column date. Its first line has 'ph"),
        ("id,a,b,c,d,e\n", "Its first line has 'id', 'a', 'b', 'c', 'd', …. Expected a"),
        ("a.jpg,2024\n", "no column image and .*:\n  image,date\n  2024/photo.jpg,2024-05-17"),
        ("image,date\n", "has a first line with columns, and no images below. Expected"),
        ("image,date\na,\nb,\n", "None of the 2 rows of .*dates.csv has a date. Expected"),
        (
            'image,date\na,"2024\n' + "x" * 200_000,
            "line 3 cannot be read as CSV: .* quotation mark",
        ),
        (
            "image,date\na,2024-05-17\nb,soon\n",
            "line 3: 'soon' is not a date. Expected one such",
        ),
        ("image,date\na,01/02/2024\n", "line 2: '01/02/2024' may be 1/2 or 2/1"),
        ("image,date\na,17/05/2024\nb,05/17/2024\n", "dates.csv: In '17/05/2024' the day comes"),
        ("image,date\n,2024-05-17\n", "line 2: the image is empty"),
        (
            "image,date\na,2024-05-17\n\na,2024-05-18\n",
            "line 4: 'a' has the date 2024-05-18 here .* Keep",
        ),
        ("image,date\na\n", "line 2 has 1 of 2 columns. Write an image and its"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(text, reason, tmp_path):
    with pytest.raises(ValueError, match=reason):
        read_dates(written(tmp_path, text))


def test_many_bad_lines_are_counted(tmp_path):
    text = "image,date\n" + "".join(f"{i},never\n" for i in range(9))
    with pytest.raises(ValueError, match="line 6: .*\n  and 4 more lines"):
        read_dates(written(tmp_path, text))


def test_another_encoding_is_named(tmp_path):
    with pytest.raises(ValueError, match="not UTF-8 text: byte"):
        read_dates(written(tmp_path, "image,date\nü.jpg,2024\n", "latin-1"))


def test_images_are_found_by_path_by_its_end_and_by_name():
    images = ["s/one/a.jpg", "s/two/a.jpg", "s/two/b.png", "b.d/c.jpg"]
    dates = {"./s/one/a.jpg": "2023", "two/a": "2024", "b": "2025", "c.jpg": "2026", "x": "2027"}
    found, unknown = match_dates(dates, images)
    assert found == {
        "s/one/a.jpg": "2023",
        "s/two/a.jpg": "2024",
        "s/two/b.png": "2025",
        "b.d/c.jpg": "2026",
    }
    assert unknown == ["x"]


def test_a_whole_path_is_meant_where_another_ends_with_it():
    found, _ = match_dates({"a.jpg": "2024"}, ["a.jpg", "copy/a.jpg"])
    assert found == {"a.jpg": "2024"}


def test_what_is_ambiguous_is_refused():
    with pytest.raises(ValueError, match="The name a.jpg means 2 images: x/a.jpg, y/a.jpg. Write"):
        match_dates({"a.jpg": "2024"}, ["x/a.jpg", "y/a.jpg"])
    with pytest.raises(ValueError, match="two dates, 2024 and 2025, under two names"):
        match_dates({"a.jpg": "2024", "x/a.jpg": "2025"}, ["x/a.jpg"])
