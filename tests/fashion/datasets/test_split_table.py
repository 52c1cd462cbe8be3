"""Split table: shares by hand, the worst first."""

import csv

import pytest

from fashion.datasets.files import find_data
from fashion.datasets.split_table import split_table, summary, worst, write_split_table
from fashion.datasets.splits import load_files


@pytest.fixture
def rows(make_folder):
    """Photos a, b train, c is held out. Category 0 is in all three, twice in c; category 1 in a and
    b; attribute 4 in c alone."""
    square = make_folder.square
    files = find_data(
        make_folder(
            2020,
            [
                ["a", square(0, 0, 5), 0, []],
                ["a", square(6, 6, 5), 1, []],
                ["b", square(0, 0, 5), 0, []],
                ["b", square(6, 6, 5), 1, []],
                ["c", square(0, 0, 5), 0, [4]],
                ["c", square(6, 6, 5), 0, []],
            ],
        )
    )
    whole = load_files(files, files.train_csv, files.ontology())
    names = whole.ontology.category_names[:2] + whole.ontology.attribute_names[4:5]
    return split_table(whole.subset(["a", "b"]), whole.subset(["c"])), names


def test_shares_by_hand(rows):
    rows, (zero, one, attribute) = rows
    assert rows == [
        ["photos", "", 3, 1, 1 / 3, 6, 2, 1 / 3],
        ["category", one, 2, 0, 0, 2, 0, 0],
        ["category", zero, 3, 1, 1 / 3, 4, 2, 1 / 2],
        ["attribute", attribute, 1, 1, 1, 1, 1, 1],
    ]


def test_a_line_names_the_worst(rows):
    rows, (zero, one, _) = rows
    assert summary(rows) == (
        f"1 of 3 images held out (33.3%); categories 0.0% ({one}, 2 images) to 33.3% ({zero}, 3); "
        "labels without any: 1"
    )


def test_a_screen_shows_both_ends(rows):
    rows, (zero, one, attribute) = rows
    assert worst(rows).count("\n") == 5 and "0.333" in worst(rows)
    shown = worst(rows, count=1)
    assert one in shown and attribute in shown and zero not in shown and "…" in shown


def test_a_file_has_all(rows, tmp_path):
    write_split_table(tmp_path / "split.csv", rows[0])
    read = list(csv.DictReader((tmp_path / "split.csv").open()))
    assert len(read) == 4 and read[2] == {
        "kind": "category",
        "name": rows[1][0],
        "photos": "3",
        "photos_held_out": "1",
        "photos_share": "0.3333",
        "objects": "4",
        "objects_held_out": "2",
        "objects_share": "0.5000",
    }
