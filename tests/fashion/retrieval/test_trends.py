"""Trends of catalogues with known courses: found where planted, and nowhere else."""

import json

import numpy as np
import pytest

from fashion.formats.dates import place_of
from fashion.retrieval.trend_counts import (
    by_shoot,
    dependence,
    enough,
    read_garments,
    tabulate,
)
from fashion.retrieval.trends import series_rows, trends_of


def series(result, name):
    return next(row for row in result["series"] if row["name"] == name)


def test_counts_and_shares_by_hand(make_garment):
    garments = [
        make_garment(0, "a", "dress", "2024-01-03T10:00:00", ["floral"], "#c8102e"),
        make_garment(1, "a", "dress", "2024-01-03T10:00:00"),  # the image counts once
        make_garment(2, "b", "coat", "2024-01-20"),
        make_garment(3, "c", "dress", "2024-02-20"),
        make_garment(4, "d", "hat", None),
    ]
    result = trends_of(garments, min_count=1)
    assert [row["period"] for row in result["periods"]] == ["2024-01", "2024-02"]
    assert [row["images"] for row in result["periods"]] == [2, 1]
    assert result["images"], result["undated"] == (3, 1)
    dress = series(result, "dress")
    assert dress["images"] == 2
    first, second = dress["points"]
    assert (first["with"], first["images"], first["share"]) == (1, 2, 0.5)
    assert (first["low"], first["high"]) == pytest.approx((0.0945, 0.9055), abs=1e-4)
    assert second["share"] == 1
    assert {(row["kind"], row["name"]) for row in result["series"]} == {
        ("category", "dress"),
        ("category", "coat"),
        ("attribute", "floral"),
        ("color", "red"),
        ("color", "black"),
    }
    assert json.loads(json.dumps(result)) == result


def test_a_planted_rise_is_found_and_described(make_catalogue):
    garments = make_catalogue(0, course={"hat": 0.35})
    result = trends_of(garments)
    (found,) = [row for row in result["series"] if row["trend"] != "none"]
    assert (found["name"], found["trend"]) == ("hat", "rise")
    assert result["series"][0] is found
    assert 0.04 < found["from"] < 0.15 and 0.28 < found["to"] < 0.42
    others = result["tested"] - 1
    assert "“hat” rose from" in result["summary"] and "of the images (q" in result["summary"]
    assert f"The other {others} series show no trend." in result["summary"]
    assert found["slope_low"] < found["slope"] < found["slope_high"]


def test_a_planted_fall_is_found(make_catalogue):
    result = trends_of(make_catalogue(1, course={"bag": 0.05}))
    assert series(result, "bag")["trend"] == "fall"
    assert "“bag” fell from" in result["summary"]


@pytest.mark.slow
@pytest.mark.parametrize(("images", "months"), [(600, 24), (240, 8)])
def test_shuffled_dates_seldom_give_any_trend(make_catalogue, images, months):
    """The whole family: a run counts as a false alarm if one of its 20 series or more is found."""
    properties, date_of = read_garments(make_catalogue(2, images, months))
    names = list(date_of)
    places = np.array([place_of(date_of[name], "month") for name in names])
    generator = np.random.default_rng(0)
    alarms = 0
    for _ in range(100):
        shuffled = dict(zip(names, generator.permutation(places).tolist()))
        table, _ = enough(tabulate(properties, shuffled), 10)
        rows = series_rows(table, "month", 0.05, seasonal=False)
        assert len(rows) >= 20
        alarms += any(row["trend"] != "none" for row in rows)
    # At a rate of exactly 5 %, more than 10 of 100 have a probability of 1 %.
    assert alarms <= 10


def test_what_is_rare_and_what_has_too_few_images_is_left_out_and_said(
    make_catalogue, make_garment
):
    garments = make_catalogue(3, 300, 12)
    garments += [make_garment(9000 + i, f"late{i}.jpg", "scarf", "2024-06-01") for i in range(3)]
    garments.append(make_garment(9999, "none.jpg", "coat", None))
    result = trends_of(garments, min_count=15)
    assert result["left_out"]["periods"][-1] == {"period": "2024-06", "images": 3}
    left = {row["name"]: row["images"] for row in result["left_out"]["series"]}
    assert left.get("scarf") == 0
    assert all(images < 15 for images in left.values())
    assert all(row["images"] >= 15 for row in result["series"])
    text = " ".join(result["notes"])
    assert "2024-06 (3)" in text
    assert "1 image without a date left out." in text
    assert "series of fewer than 15 images left out" in text


def test_too_few_periods_are_said_and_nothing_is_claimed(make_catalogue):
    garments = make_catalogue(4, course={"hat": 0.9})
    result = trends_of(garments, period="year")
    assert len(result["periods"]) == 2
    assert not [row for row in result["series"] if row["trend"] != "none"]
    assert "cannot be decided: 2 years are too few" in result["summary"]
    quarters = trends_of(make_catalogue(5, 300, 14), period="quarter")
    assert "p is at least 0.025, and a single trend among" in quarters["summary"]
    monthly = trends_of(make_catalogue(5, 300, 14), period="month")
    assert "p is at least" not in monthly["summary"]


def test_dates_may_be_handed_over_and_be_imprecise(make_garment):
    garments = [make_garment(i, f"{i}.jpg", "dress", "2020-01-01") for i in range(4)]
    dates = {"0.jpg": "2024-05", "1.jpg": "17.05.2024", "2.jpg": "2024"}
    result = trends_of(garments, dates, min_count=1)
    assert result["periods"] == [{"period": "2024-05", "images": 2}]
    assert (result["undated"], result["imprecise_dates"]) == (1, 1)
    assert "1 image left out: the date is less precise than a month." in result["notes"]
    assert trends_of(garments, dates, "year", min_count=1)["images"] == 3
    nothing = trends_of(garments, {}, min_count=1)
    assert nothing["summary"] == "There is nothing to show: 4 images without a date."
    assert nothing["series"] == []


def test_one_category_has_shares_of_the_images_with_it(make_garment):
    garments = [
        make_garment(0, "a", "dress", "2024-01-01", ["floral"]),
        make_garment(1, "a", "coat", "2024-01-01", ["lined"]),
        make_garment(2, "b", "coat", "2024-01-01", ["floral"]),
        make_garment(3, "c", "dress", "2024-01-01"),
    ]
    result = trends_of(garments, min_count=1, category="dress")
    assert result["images"] == 2
    assert series(result, "floral")["points"][0]["share"] == 0.5
    assert {row["name"] for row in result["series"]} == {"floral", "black"}
    with pytest.raises(
        ValueError, match="The catalogue has no garment of the category 'hat'.*coat; dress"
    ):
        trends_of(garments, category="hat")


def test_attributes_below_the_score_do_not_count(make_garment):
    garments = [make_garment(0, "a", "dress", "2024-01-01", ["floral"])]
    assert series(trends_of(garments, min_count=1), "floral")
    kept = trends_of(garments, min_count=1, attribute_score=0.95)["series"]
    assert "floral" not in [row["name"] for row in kept]
    assert not trends_of(garments, min_count=1, score=0.95)["series"]


def test_the_season_is_no_trend_when_seasons_are_compared(make_garment):
    """Two winters around one summer, and a second summer half: the coat returns, and rises."""
    generator = np.random.default_rng(0)
    garments = []
    for month in range(36):
        winter = 0.5 + 0.4 * np.cos(month * np.pi / 6)
        date = f"{2021 + month // 12}-{month % 12 + 1:02d}-10"
        for i in range(40):
            image = f"{month}-{i}"
            garments.append(make_garment(0, image, "shoe", date))
            if generator.random() < winter:
                garments.append(make_garment(0, image, "coat", date))
            if generator.random() < 0.05 + 0.01 * month:
                garments.append(make_garment(0, image, "hat", date))
    half = [row for row in garments if row.date < "2021-07-20"]
    assert series(trends_of(half), "coat")["trend"] == "fall"  # only the season
    assert "a trend may be the season" in " ".join(trends_of(half)["notes"])
    result = trends_of(garments, seasonal=True)
    assert series(result, "coat")["trend"] == "none"
    assert series(result, "hat")["trend"] == "rise"
    assert "--seasonal" in " ".join(trends_of(garments)["notes"])
    assert "too few" in trends_of(half, seasonal=True)["summary"]


def test_images_of_one_folder_or_day_are_counted():
    dates = {
        "a/1.jpg": "2024-01-01",
        "a/2.jpg": "2024-01-01",
        "a/3.jpg": "2024-02-01",
        "b/1.jpg": "2024-02-02",
        "b/2.jpg": "2024-02",
    }
    places = {image: place_of(date, "month") for image, date in dates.items()}
    assert dependence(dates, places) == {
        "days": {"number": 3, "shared": 2},
        "folders": {"number": 2, "shared": 5, "over_periods": 1},
    }
    flat = {image.replace("/", "-"): date for image, date in dates.items()}
    places = {image: place_of(date, "month") for image, date in flat.items()}
    assert dependence(flat, places)["folders"]["number"] == 0


def test_a_shoot_counts_in_the_period_of_its_median_date(make_garment):
    garments = []
    for i, day in enumerate(["01-30", "02-01", "02-02"]):
        garments.append(make_garment(i, f"shoot/{i}.jpg", "dress", f"2024-{day}"))
    garments.append(make_garment(3, "other/3.jpg", "dress", "2024-01-05"))
    apart = trends_of(garments, min_count=1)
    assert [row["images"] for row in apart["periods"]] == [2, 2]
    assert "1 folder has images of several months" in " ".join(apart["notes"])
    together = trends_of(garments, min_count=1, shoots=True)
    assert [row["images"] for row in together["periods"]] == [1, 3]
    assert "All images of a folder count in the month of its median date" in " ".join(
        together["notes"]
    )
    flat = [make_garment(i, f"{i}.jpg", "dress", "2024-01-05") for i in range(3)]
    with pytest.raises(ValueError, match="All images lie in one folder"):
        trends_of(flat, shoots=True)


@pytest.mark.slow
def test_shoots_over_several_months_give_false_alarms_unless_they_are_kept_together(make_catalogue):
    """Ten images of the same clothes over three months: the reason for `shoots`."""
    source = list(read_garments(make_catalogue(2, 240, 12))[0].values())
    generator = np.random.default_rng(0)
    alarms = {False: 0, True: 0}
    for _ in range(40):
        properties, dates = {}, {}
        for shoot in range(60):
            seen = source[generator.integers(len(source))]
            start = generator.integers(24)
            for i in range(10):
                image = f"{shoot}/{i}"
                properties[image], dates[image] = seen, int(start + generator.integers(3))
        for together in alarms:
            places = by_shoot(dates) if together else dates
            table, _ = enough(tabulate(properties, places), 10)
            rows = series_rows(table, "month", 0.05, seasonal=False)
            alarms[together] += any(row["trend"] != "none" for row in rows)
    assert alarms[False] > 12  # 65 % in 400 runs
    assert alarms[True] <= 5  # more has a probability of 1 % at a rate of 5 %


def test_unknown_periods_are_refused(make_garment):
    with pytest.raises(ValueError, match="week, month, quarter, year. Got day"):
        trends_of([], period="day")


def test_an_empty_catalogue_has_no_trends():
    expected = (
        "There is nothing to show: no image has a garment with a sufficient confidence score."
    )
    assert trends_of([])["summary"] == expected


def test_one_period_and_one_name_are_in_the_singular(make_garment):
    garments = [make_garment(i, f"{i}.jpg", "hat", "2024-01-02") for i in range(10)]
    assert trends_of(garments)["summary"].startswith("10 images of 1 month (2024-01); ")
