"""Plots of trends, and their page."""

import json
import re

import pytest

from fashion.pages.html import svg_of
from fashion.retrieval.trend_page import csv_text, panel, write_trends
from fashion.retrieval.trends import trends_of


@pytest.fixture(scope="module")
def found(make_catalogue):
    return trends_of(make_catalogue(0, 400, 12, course={"hat": 0.6}))


def test_a_plot_shows_shares_intervals_and_the_line_of_a_trend(found):
    rise, other = found["series"][0], found["series"][1]
    for row, lines in ((rise, 2), (other, 1)):
        axes = panel(row, "month").axes[0]
        assert len(axes.lines) == lines
        assert axes.lines[0].get_ydata().tolist() == [point["share"] for point in row["points"]]
        (bars,) = axes.collections
        assert len(bars.get_segments()) == len(row["points"])
    line = panel(rise, "month").axes[0].lines[1]
    assert list(line.get_ydata()) == [rise["from"], rise["to"]]


def test_gaps_between_periods_stay_gaps(make_garment):
    garments = [make_garment(i, f"{i}", "hat", f"2024-0{1 + i % 2 * 4}-01") for i in range(4)]
    row = trends_of(garments, min_count=1)["series"][0]
    first, second = panel(row, "month").axes[0].lines[0].get_xdata()
    assert second - first == 4


def test_a_plot_is_drawn_with_its_text_as_text(found):
    svg = svg_of(panel(found["series"][0], "month"))
    assert ">hat</text>" in svg and ">2022-01</text>" in svg


def test_a_page_has_every_series_and_what_is_left_out(found, tmp_path, undrawn):
    rare = {"kind": "category", "name": "cape <b>", "images": 3}
    result = json.loads(json.dumps(found)) | {"left_out": {"periods": [], "series": [rare]}}
    text = write_trends(tmp_path, result, {"catalogue": "index"}).read_text()
    assert len(re.findall("<figure>", text)) == len(list((tmp_path / "plots").glob("*.svg")))
    assert "Categories without a trend" in text and "cape &lt;b&gt;" in text
    for row in result["series"]:
        assert f">{row['name']}</td>" in text


def test_the_csv_has_a_line_for_each_period_of_each_series(found):
    lines = csv_text(found["series"]).splitlines()
    assert lines[0].startswith("kind,name,period,images,with,share,low,high,trend,from,to,slope")
    assert len(lines) == 1 + len(found["series"]) * len(found["periods"])
