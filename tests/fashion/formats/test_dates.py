"""Dates of any format, of folders, and the periods that they fall into."""

import datetime

import pytest

from fashion.formats.dates import (
    PERIODS,
    date_of_folder,
    day_comes_first,
    name_of,
    parse_date,
    place_of,
    precision_of,
    season_of,
)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2024-05-17", "2024-05-17"),
        (" 2024-5-7 ", "2024-05-07"),
        ("2024/05/17", "2024-05-17"),
        ("2024.05.17", "2024-05-17"),
        ("20240517", "2024-05-17"),
        ("20240517_101500", "2024-05-17"),
        ("2024-05-17T10:20:30.5+02:00", "2024-05-17"),
        ("2024-05-17 10:20:30Z", "2024-05-17"),
        ("2024-05-17 10:20 PM", "2024-05-17"),
        ("2024:05:17 10:20:30", "2024-05-17"),  # EXIF
        ("17.05.2024", "2024-05-17"),
        ("17.5.2024 10:20", "2024-05-17"),
        ("17 May 2024", "2024-05-17"),
        ("17. May 2024", "2024-05-17"),
        ("17-Sep-2024", "2024-09-17"),
        ("May 17, 2024", "2024-05-17"),
        ("September 3rd 2024", "2024-09-03"),
        ("may 2024", "2024-05"),
        ("2024-05", "2024-05"),
        ("2024/5", "2024-05"),
        ("2024-Q2", "2024-Q2"),
        ("2024q2", "2024-Q2"),
        ("2024-W05", "2024-W05"),
        ("2024", "2024"),
        ("17/05/2024", "2024-05-17"),
        ("05/17/2024 0:00", "2024-05-17"),
        ("05/05/2024", "2024-05-05"),
    ],
)
def test_the_usual_formats_are_read(text, date):
    assert parse_date(text) == date


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a date. Expected one such as"),
        ("tomorrow", "is not a date"),
        ("2024-13-01", "month must be in 1..12"),
        ("2023-02-29", "day"),
        ("0000:00:00 00:00:00", "the year 0 is not in 1900 to 2100"),
        ("17 Mai 2024", "there is no month Mai"),
        ("2024-W54", "week"),
        ("17.05.24", "is not a date"),
        ("05/04/2024", "may be 5/4 or 4/5. Write 2024-MM-DD."),
        ("1715940000", "is not a date"),
    ],
)
def test_what_is_no_date_is_refused_with_the_reason(text, reason):
    with pytest.raises(ValueError, match=reason.replace(".", r"\.")):
        parse_date(text)


def test_one_date_decides_which_number_is_the_day():
    assert day_comes_first(["05/04/2024", "17/05/2024"]) is True
    assert day_comes_first(["05/04/2024", "05/17/2024"]) is False
    assert day_comes_first(["05/04/2024", "2024-05-17"]) is None
    assert parse_date("05/04/2024", True) == "2024-04-05"
    assert parse_date("05/04/2024", False) == "2024-05-04"
    with pytest.raises(ValueError, match="In '17/05/2024' the day comes first, in '05/17/2024'"):
        day_comes_first(["17/05/2024", "05/17/2024"])


@pytest.mark.parametrize(
    ("path", "date"),
    [
        ("2024-05-17/a.jpg", "2024-05-17"),
        ("shoots/2024-05-17 street/a.jpg", "2024-05-17"),
        ("20240517_berlin/a.jpg", "2024-05-17"),
        ("2024/05/17/a.jpg", "2024-05-17"),
        ("2024/05/a.jpg", "2024-05"),
        ("2024/05 May/a.jpg", "2024-05"),
        ("2024/May/a.jpg", "2024-05"),
        ("2024/street/a.jpg", "2024"),
        ("2024-05/17/a.jpg", "2024-05-17"),
        ("2023/2024-05-17/a.jpg", "2024-05-17"),
        ("2024-05-17/edited 2025/a.jpg", "2024-05-17"),  # the more precise one
        ("look 2024-Q2/a.jpg", "2024-Q2"),
        ("2024W20/a.jpg", "2024-W20"),
        ("C:\\photos\\2024-05\\a.jpg", "2024-05"),
        ("street/2024-05-17.jpg", None),  # the name of the image is none of a folder
        ("a.jpg", None),
        ("size 2048/a.jpg", None),
        ("120240517/a.jpg", None),
        ("2024-02-31/a.jpg", "2024-02"),
    ],
)
def test_dates_of_folders(path, date):
    assert date_of_folder(path) == date


def test_precision_decides_the_periods():
    dates = {
        "2024-05-17": {"week": "2024-W20", "month": "2024-05", "quarter": "2024-Q2"},
        "2024-W20": {"week": "2024-W20"},
        "2024-05": {"month": "2024-05", "quarter": "2024-Q2"},
        "2024-Q2": {"quarter": "2024-Q2"},
        "2024": {},
    }
    assert [precision_of(date) for date in dates] == ["day", "week", "month", "quarter", "year"]
    for date, names in dates.items():
        if date != "2024-W20":
            names["year"] = "2024"
        for period in PERIODS:
            place = place_of(date, period)
            assert (None if place is None else name_of(place, period)) == names.get(period)


@pytest.mark.parametrize("period", PERIODS)
def test_places_count_up_without_gaps_and_names_lead_back(period):
    day, before = datetime.date(2019, 12, 1), None
    for _ in range(800):
        place = place_of(day.isoformat(), period)
        assert before is None or place - before in (0, 1)
        assert place_of(name_of(place, period), period) == place
        day, before = day + datetime.timedelta(1), place


def test_the_same_month_of_two_years_is_one_season():
    assert season_of(place_of("2023-05-17", "month"), "month") == 4
    assert season_of(place_of("2024-05-02", "month"), "month") == 4
    assert season_of(place_of("2024-05-02", "quarter"), "quarter") == 1
    assert season_of(place_of("2024-05-15", "week"), "week") == 20
    assert season_of(place_of("2024-05-15", "year"), "year") == 0
