"""The exploration page: one file without dependencies, and its numbers as JSON and CSV."""

import csv
import html
import json
import re
import shlex

import numpy as np
import pytest

from fashion.config import RECIPES
from fashion.exploration.analysis import analyse
from fashion.exploration.chapters.anchors import settings_line
from fashion.exploration.objects import measure_objects
from fashion.exploration.page import write_exploration


@pytest.fixture
def write(make_dataset, tmp_path):
    """write(train rows, val rows) -> (text of the page, analysis, folder)"""

    def run(rows, val_rows=None, **options):
        parts = [
            (part, measure_objects(part))
            for part in [make_dataset(rows)]
            + ([make_dataset(val_rows, "val.csv")] if val_rows else [])
        ]
        analysis = analyse(
            *parts[0],
            RECIPES["smoke"](),
            val=parts[1] if val_rows else None,
            **{"tiny": 10, "drop_strays": False} | options,
        )
        page = write_exploration(
            tmp_path / "out", analysis, "Title <1>", {"sock": np.zeros((20, 30, 3), np.uint8)}
        )
        return page.read_text(encoding="utf-8"), analysis, tmp_path / "out"

    return run


def chapters(text):
    return re.findall(r"<h2[^>]*>([^<]*)</h2>", text)


@pytest.mark.slow
def test_everything_stands_on_the_page_and_beside_it(write, wardrobe, box):
    text, analysis, folder = write(
        [*wardrobe, ("c", "1 2 3", 0, []), ("c", box(0, 0, 3, 3), 2, [5])], wardrobe[:3]
    )
    assert chapters(text) == [
        "Samples",
        "Images",
        "Classes",
        "Attributes",
        "Co-occurrence",
        "Masks",
        "Anchors",
        "Data issues",
        "Train and val",
    ]
    assert "<h1>Title &lt;1&gt;</h1>" in text and not re.search(r'(src|href)="(?!data:|#)', text)
    assert json.loads((folder / "exploration.json").read_text()) == json.loads(json.dumps(analysis))
    assert (
        html.escape(settings_line(analysis["anchors"]["suggested"])) in text
        and analysis["anchors"]["changed"]
    )
    assert {
        (row["csv"], row["kind"]) for row in csv.DictReader((folder / "suspicious.csv").open())
    } == {
        ("train", "wrong row"),
        ("train", "tiny mask"),
        ("train", "stray attributes"),
        ("train", "in both files"),
    }
    assert [row["objects"] for row in csv.DictReader((folder / "classes.csv").open())] == [
        "2",
        "3",
        "2",
    ]
    assert (
        (folder / "attributes.csv")
        .read_text()
        .startswith("name,group,objects,photos,share_of_photos\nred,colour,3,2,")
    )


@pytest.mark.slow
def test_a_page_of_one_object(write, box, undrawn):
    text, analysis, _ = write([("a", box(5, 5, 20, 10), 0, [])])
    assert (
        "No attribute occurs." in text
        and "No issues were found." in text
        and "Train and val" not in chapters(text)
    )
    assert analysis["objects"] == 1 and analysis["with_attributes"] == 0


@pytest.mark.parametrize(("drop", "labels"), [(True, 1), (False, 3)])
def test_attributes_that_training_leaves_out_are_told_but_not_counted(
    make_dataset, box, drop, labels
):
    dataset = make_dataset([("a", box(0, 0, 9, 9), 2, [5, 6]), ("a", box(20, 0, 9, 9), 0, [5])])
    analysis = analyse(
        dataset, measure_objects(dataset), RECIPES["smoke"](), tiny=1, drop_strays=drop
    )
    assert analysis["labels"] == labels and [row["kind"] for row in analysis["suspicious"]] == [
        "stray attributes"
    ]
    assert analysis["attributes"][0]["objects"] == (1 if drop else 2)


def test_settings_are_written_as_the_command_line_reads_them():
    from mrcnn.config import Config, parse_setting

    line = settings_line({"scales": [12, 40, 80, 120, 200], "ratios": [0.5, 1.25]})
    words = [word for word in shlex.split(line) if word != "--set"]
    assert dict(parse_setting(word, Config) for word in words) == {
        "RPN_ANCHOR_SCALES": [12, 40, 80, 120, 200],
        "RPN_ANCHOR_RATIOS": [0.5, 1.25],
    }


def test_anchors_by_side_and_class_count_every_box(make_dataset, wardrobe):
    dataset = make_dataset(wardrobe)
    analysis = analyse(
        dataset, measure_objects(dataset), RECIPES["smoke"](), tiny=1, drop_strays=False
    )
    for which in ("given", "suggested"):
        fit = analysis["anchors"][which]
        assert (
            sum(row["objects"] for row in fit["sides"])
            == sum(row["objects"] for row in fit["classes"])
            == sum(fit["histogram"])
            == 6
        )
        assert fit["all"]["good"] <= fit["all"]["fair"]
