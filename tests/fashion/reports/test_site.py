"""The site of an evaluation: four pages that link to each other, pictures first."""

import dataclasses
import json
import re

import pytest

from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.scoring import compute_metrics
from fashion.reports.site import SITE, THRESHOLDS, Evaluation, next_command, tuned_rows, write_site


@pytest.fixture
def evaluation(validation, tmp_path):
    """Two images whose objects are all predicted."""
    truth = json.loads(json.dumps(validation.to_coco([0, 3])))
    detections = [row | {"score": 0.9} for row in truth["annotations"]]
    inputs = Inputs(truth, detections)
    about = {"weights": "runs/ccp2026/best.h5", "data": "photos/ccp/val.csv", "photos": 2}
    id_of = {row["file_name"]: row["id"] for row in truth["images"]}
    scores = compute_metrics(inputs)
    return Evaluation(
        about,
        inputs,
        scores,
        lambda name: validation.load_image(id_of[name]),
        "fashion evaluate --weights runs/ccp2026",
        tmp_path,
    )


def test_the_pages_link_to_each_other_and_pictures_come_before_tables(
    evaluation, tmp_path, undrawn
):
    assert write_site(evaluation) == tmp_path / "index.html"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*SITE, "errors.json"])
    for name in SITE:
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "ccp2026 on ccp/val.csv</h1>" in text, name  # the run, not its best.h5
        assert [link for link in SITE if f'<a href="{link}"' in text] == list(SITE), name
        assert f'<a href="{name}" aria-current="page">' in text
        assert "thresholds.html" not in text  # nothing was searched
    overview = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert overview.count("<strong>") == 4  # cards
    assert overview.index('class="cards"') < overview.index("<img") < overview.index("<table")
    assert "fashion evaluate --weights runs/ccp2026" in overview
    for name in ("Data", "Date", "Command", "Versions"):
        assert re.search(f"<dt>{name}</dt><dd>.+?</dd>", overview), name


def test_tuned_scores_stand_beside_the_given_ones_with_the_command(evaluation, tmp_path, undrawn):
    tuned = {"mask AP": 0.75, "Kaggle 2020": 0.5, "recall": -1}
    tuning = {
        "metric": "kaggle_2020",
        "folds": 5,
        "level": "global",
        "held_out": {"global": 0.25},
        "on_same": {"global": 0.5},
    }
    evaluation.scores.update({"tuned": tuned, "tuning": tuning})
    rows = {row[0]: row[1:] for row in tuned_rows(evaluation.scores)}
    assert rows["mask AP"] == ["1.000", "0.750", "-0.250"] and rows["recall"][1:] == ["–", "–"]
    command = next_command(evaluation)[1]
    assert command.startswith("fashion submit --weights runs/ccp2026/best.h5 --thresholds")
    write_site(evaluation)
    for name in SITE | THRESHOLDS:
        assert '<a href="thresholds.html"' in (tmp_path / name).read_text(encoding="utf-8"), name
    assert command in (tmp_path / "thresholds.html").read_text(encoding="utf-8")
    assert command in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Tuned for" not in (tmp_path / "scores.html").read_text(encoding="utf-8")


def test_pages_and_commands_name_the_models_of_an_ensemble(evaluation):
    members = ["runs/a", "runs/b"]
    about = {"ensemble": members, "data": "photos/ccp/val.csv"}
    scores = {**evaluation.scores, "tuning": {}}
    several = dataclasses.replace(evaluation, about=about, scores=scores)
    assert several.title == "a + b on ccp/val.csv"
    assert next_command(several)[1].startswith("fashion submit --ensemble runs/a runs/b --thres")


def with_labels(evaluation, categories, attributes=()):
    """The evaluation of a data set with other labels."""
    kinds = {"categories": categories, "attributes": attributes}
    rows = {kind: [{"id": i, "name": name} for i, name in rows] for kind, rows in kinds.items()}
    inputs = Inputs(evaluation.inputs.ground_truth | rows, evaluation.inputs.detections)
    return dataclasses.replace(evaluation, inputs=inputs)


@pytest.mark.parametrize(
    ("categories", "attributes", "tuned", "expected"),
    [
        ([(0, "shirt, blouse")], [], False, "evaluate --weights runs/ccp2026 --tune kaggle_2020"),
        ([(0, "shirt, blouse")], [], True, "submit --weights runs/ccp2026/best.h5 --thresholds"),
        ([(0, "robe")], [(7, "red")], False, "evaluate --weights runs/ccp2026 --tune attributes"),
        ([(0, "robe")], [(7, "red")], True, "predict --weights runs/ccp2026/best.h5 --thresholds"),
        ([(0, "robe")], [], False, "predict --weights runs/ccp2026/best.h5 --conf 0.90 --images"),
    ],
)
def test_the_next_command_fits_the_labels(evaluation, categories, attributes, tuned, expected):
    """Kaggle's score and submissions are for official labels."""
    other = with_labels(evaluation, categories, attributes)
    other.scores.update({"tuning": {}} if tuned else {})
    assert next_command(other)[1].startswith(f"fashion {expected}")


def test_without_a_command_line_the_next_command_is_made_from_the_files(evaluation):
    other = with_labels(evaluation, [(0, "robe")], [(7, "red")])
    about = {"gt": "val.csv", "predictions": "stored.json"}
    other = dataclasses.replace(other, about=about, command="")
    expected = f"--gt val.csv --predictions stored.json --out {other.out} --tune attributes"
    assert next_command(other)[1] == f"fashion evaluate {expected}"
