"""The command: a catalogue in, a page, JSON, CSV and plots out; sources of dates; errors."""

import csv
import json

import pytest

from fashion.retrieval.index import GarmentIndex
from fashion.retrieval.schema import DATABASE
from fashion.trends import main, parse


class Catalogue:
    """As much of an index as the command reads."""

    def __init__(self, garments):
        self.listed = garments

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def category_named(self, name):
        return name

    def garments(self):
        return iter(self.listed)


@pytest.fixture
def opened(monkeypatch, tmp_path, make_catalogue):
    """Makes garments the catalogue of the folder `index`."""
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / DATABASE).touch()
    monkeypatch.chdir(tmp_path)

    def of(garments):
        monkeypatch.setattr(GarmentIndex, "open", staticmethod(lambda _: Catalogue(garments)))

    return of


def test_a_catalogue_becomes_a_page_numbers_and_plots(
    opened, make_catalogue, capsys, tmp_path, undrawn
):
    opened(make_catalogue(0, 400, 12, course={"hat": 0.6}))
    page = main(["index", "--out", "found", "--min-count", "12"])
    assert page.resolve() == tmp_path / "found" / "index.html"
    printed = capsys.readouterr().out
    assert "“hat” rose from" in printed and "page: found/index.html" in printed
    text = page.read_text()
    assert "“hat” rose from" in text and "What is assumed" in text and "<svg" in text
    result = json.loads((tmp_path / "found" / "trends.json").read_text())
    assert result["series"][0]["name"] == "hat" and result["min_count"] == 12
    with open(tmp_path / "found" / "trends.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(result["series"]) * len(result["periods"])
    assert rows[0]["name"] == "hat" and rows[0]["trend"] == "rise"
    assert float(rows[0]["share"]) == pytest.approx(
        int(rows[0]["with"]) / int(rows[0]["images"]), abs=1e-6
    )
    assert (tmp_path / "found" / "plots" / "category-hat.svg").exists()
    main(["index", "--out", "found", "--by", "quarter", "--category", "coat"])
    assert not (tmp_path / "found" / "plots" / "category-hat.svg").exists()
    assert "Trends of “coat”" in page.read_text()


def test_dates_come_from_a_csv_or_from_folders(opened, make_garment, tmp_path, caplog, undrawn):
    garments = [make_garment(i, f"2024-0{i % 3 + 1}/{i}.jpg", "dress", None) for i in range(9)]
    opened(garments)
    main(["index", "--dates", "folders", "--min-count", "1"])
    result = json.loads((tmp_path / "trends" / "trends.json").read_text())
    assert [row["images"] for row in result["periods"]] == [3, 3, 3]
    lines = [f"{i}.jpg,2023-0{i % 2 + 1}-07" for i in range(8)]
    (tmp_path / "dates.csv").write_text("\n".join(["image,date", *lines, "other.jpg,2023-01-01"]))
    main(["index", "--dates", "dates.csv", "--min-count", "1"])
    result = json.loads((tmp_path / "trends" / "trends.json").read_text())
    assert result["periods"] == [
        {"period": "2023-01", "images": 4},
        {"period": "2023-02", "images": 4},
    ]
    assert result["undated"] == 1
    assert "dates.csv: 8 of 9 names are images of the catalogue." in caplog.text
    assert "or show no garment, for instance other.jpg" in caplog.text
    (tmp_path / "dates.csv").write_text("\n".join(["image,date", *lines]))
    with caplog.at_level("INFO", "fashion"):
        main(["index", "--dates", "dates.csv", "--min-count", "1"])
    assert "dates.csv: all 8 names are images of the catalogue." in caplog.text


def test_without_anything_to_plot_a_page_says_why(opened, make_garment, undrawn):
    opened([make_garment(0, "a.jpg", "dress", "2024-01-01")])
    text = main(["index"]).read_text()
    assert (
        "There is nothing to show: 1 image of months with fewer than 10 images each, which" in text
    )


def test_missing_dates_are_one_clear_error(opened, make_garment, tmp_path):
    opened([make_garment(0, "street/a.jpg", "dress", None)])
    with pytest.raises(ValueError, match="None of the 1 image has a date .* --dates FILE.csv"):
        main(["index"])
    with pytest.raises(ValueError, match="The first image is street/a.jpg; expected for instance"):
        main(["index", "--dates", "folders"])
    (tmp_path / "dates.csv").write_text("image,date\nb.jpg,2024-01-01\n")
    with pytest.raises(
        ValueError, match="has 1 name, and none .* instance b.jpg; the catalogue has street/a"
    ):
        main(["index", "--dates", "dates.csv"])
    opened([])
    with pytest.raises(ValueError, match="The catalogue has no garments"):
        main(["index"])


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        ("nowhere", "There is no index in nowhere."),
        ("index --dates no.csv", "no.csv does not exist. --dates names exif, folders, or a CSV"),
        ("index --dates exfi", r"or a CSV file with image and date. Did you mean exif\?"),
        ("index --dates index", "index is a folder. --dates names exif, folders"),
    ],
)
def test_paths_are_checked_first(argv, reason, opened):
    opened([])
    with pytest.raises(OSError, match=reason):
        parse(argv.split())


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        ("index --alpha 1", "--alpha must be above 0 and below 1. Got 1."),
        ("index --by day", "--by"),
        ("index --min-count 0", "--min-count must be a whole number of at least 1. Got 0."),
        ("", "INDEX is missing"),
        ("index --index other", "Name one index"),
    ],
)
def test_wrong_options_are_named(argv, reason, opened, capsys):
    opened([])
    with pytest.raises(SystemExit):
        parse(argv.split())
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--photo-sessions", "--shoots"])
def test_photo_sessions_are_kept_together(option, opened, make_garment, tmp_path, undrawn, capsys):
    days = ("01-30", "02-01", "02-02")
    opened([make_garment(i, f"one/{i}.jpg", "dress", f"2024-{d}") for i, d in enumerate(days)])
    with pytest.raises(ValueError, match="All images lie in one folder.* leave out --photo-sess"):
        main(["index", option, "--min-count", "1"])
    with pytest.raises(SystemExit):
        parse(["--help"])
    told = capsys.readouterr().out
    assert "--photo-sessions" in told and "--shoots" not in told


def test_the_address_of_a_server_is_no_folder(opened):
    assert parse(["http://host:6333/collection"]).index == "http://host:6333/collection"
    assert parse(["--index", "http://host:6333/collection"]).index == "http://host:6333/collection"
