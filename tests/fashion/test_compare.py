"""compare: scores of two to ten runs side by side, and the old spelling of a study."""

import csv
import json
import re

import pytest

from fashion import compare, study

METRICS = {
    "photos": 103,
    "data": "ccp/val.csv",
    "coco": {
        "segm": {
            "AP": 0.25,
            "AP50": 0.5,
            "per_category": {
                "1": {"name": "hat", "instances": 2, "AP": 0.5, "AP50": 0.5},
                "2": {"name": "tie", "instances": 9, "AP": 0.125, "AP50": 0.5},
                "3": {"name": "cape", "instances": 0, "AP": -1, "AP50": -1},
            },
        },
        "bbox": {"AP": 0.375},
    },
    "attributes": {"micro_f1": -1},
}


@pytest.fixture
def evaluations(tmp_path):
    """Two output folders of `evaluate`; the second has twice the AP of hats."""
    for name in ("first", "second"):
        metrics = json.loads(json.dumps(METRICS))
        if name == "second":
            metrics["coco"]["segm"]["AP"] = 0.375
            metrics["coco"]["segm"]["per_category"]["1"]["AP"] = 1.0
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps(metrics))
    return tmp_path / "first", tmp_path / "second"


def test_differences_are_from_the_first(evaluations, tmp_path, capsys):
    first, second = map(str, evaluations)
    page = compare.main([first, f"{second}/metrics.json", "--out", str(tmp_path / "out")])
    assert page == tmp_path / "out" / "index.html" and page.is_file()
    rows = list(csv.reader((tmp_path / "out" / "comparison.csv").open()))
    assert rows[0] == ["score", "first", "second", "difference"]
    scores = {row[0]: row[1:] for row in rows[1:] if row}
    assert scores["mask AP"] == ["0.250", "0.375", "+0.125"]
    assert scores["box AP"] == ["0.375", "0.375", "0.000"]
    assert scores["attribute micro F1"] == ["–", "–", "–"]  # nothing to measure is no 0
    by_category = rows[rows.index([]) + 1 :]
    assert by_category[1:] == [
        ["tie", "9", "0.125", "0.125", "0.000"],
        ["hat", "2", "0.500", "1.000", "+0.500"],
    ]
    assert re.search(r"mask AP +0.250 +0.375 +\+0.125", capsys.readouterr().out)


def test_runs_show_their_curves_and_the_settings_that_differ(make_run, tmp_path, caplog):
    one, two = make_run("one"), make_run("two", best=0.25)
    arguments = two.read_config()
    two.write_config(arguments | {"config": arguments["config"] | {"IMAGE_MAX_DIM": 192}})
    page = compare.main([str(one.path), str(two.path), "--out", str(tmp_path / "out")])
    text = page.read_text(encoding="utf-8")
    assert "validation loss" in text and "IMAGE_MAX_DIM" in text and "EVALUATE_IMAGES" not in text
    assert "There is no metrics.json in one, two" in caplog.text


def test_a_run_that_goes_on_or_was_stopped_is_named(make_run, held, tmp_path, caplog):
    one, two = make_run("one", epochs=2), make_run("two")
    compare.main([str(one.path), str(two.path), "--out", str(tmp_path / "out")])
    assert "one was stopped: its scores are those after 2 of 4 epochs." in caplog.text
    assert "two was" not in caplog.text
    with held(one.path, "fashion train"):
        compare.main([str(one.path), str(two.path), "--out", str(tmp_path / "out")])
    warned = "one is still training: its scores are those after 2 of 4 epochs."
    assert warned in caplog.text
    assert warned in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_scores_of_different_images_are_warned_of(evaluations, tmp_path, caplog):
    path = evaluations[1] / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"photos": 7, "data": "x/other.csv"}))
    compare.main([*map(str, evaluations), "--out", str(tmp_path / "out")])
    assert "different numbers of images: 103, 7" in caplog.text
    assert "different data: other.csv, val.csv" in caplog.text


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path):
    from fashion.reports.comparison import read_entries

    paths = [tmp_path / name / "run" for name in "ab"]
    for path in paths:
        path.mkdir(parents=True)
        (path / "metrics.json").write_text(json.dumps(METRICS))
    assert [entry.label for entry in read_entries(paths)] == ["a/run", "b/run"]


def test_the_name_of_a_study_still_does_the_study(monkeypatch, caplog):
    asked = []
    monkeypatch.setattr(study, "main", asked.append)
    compare.main(["attribute-heads", "--seeds", "1"])
    assert asked == [["attribute-heads", "--seeds", "1"]]
    assert "is now `fashion study attribute-heads`" in caplog.text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Name 2 to 10 runs. Got 0."),
        (["runs"], "Name 2 to 10 runs. Got 1."),
        (["atribute-heads"], "Did you mean attribute-heads"),
        (["x"] * 11, "Name 2 to 10 runs. Got 11."),
    ],
)
def test_the_number_of_runs_is_checked(words, message, capsys):
    with pytest.raises(SystemExit):
        compare.parse(words)
    assert message in capsys.readouterr().err


def test_what_is_no_run_is_refused_before_anything_is_read(evaluations, tmp_path):
    (tmp_path / "empty").mkdir()
    for name, message in (("empty", "holds neither"), ("nowhere", "does not exist")):
        with pytest.raises(FileNotFoundError, match=message):
            compare.parse([str(evaluations[0]), str(tmp_path / name)])
    (tmp_path / "other.json").write_text('{"a": 1}')
    with pytest.raises(ValueError, match="holds no scores"):
        compare.main([str(evaluations[0]), str(tmp_path / "other.json")])
