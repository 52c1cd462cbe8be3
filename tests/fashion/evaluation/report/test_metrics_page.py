"""docs/metrics.md explains every key that metrics.json can have."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from fashion import evaluate
from fashion.evaluation.metrics.attributes import attribute_curves, attribute_f1_on_truth
from fashion.evaluation.scoring import score_predictions
from fashion.evaluation.thresholds.files import write_thresholds
from fashion.evaluation.thresholds.table import Thresholds

TEXT = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text(encoding="utf-8")
NAMED = {
    "per_category",
    "per_attribute",
    "per_supercategory",
    "held_out",
    "on_same",
    "tuned",
}  # keys below are ids or names


def keys_of(scores):
    """Every key at any depth, without ids, numbers and names. "table/number" are two keys."""
    found = set()
    for key, value in scores.items():
        found.update(key.split("/") if isinstance(key, str) else ())
        for part in value.values() if key in NAMED else [value]:
            found |= keys_of(part) if isinstance(part, dict) else set()
    return found


def explained(text):
    return set(re.findall(r"`([^`\s]+)`", text))


def sections(text):
    """{top-level key: the keys that the part of the page explains whose heading names it}"""
    return {
        key: explained(part)
        for part in text.split("\n## ")
        for key in explained(part.splitlines()[0])
    }


def unexplained(scores, text):
    """{top-level key: its keys that its section does not explain}.

    A single number has no section.
    """
    common, parts = {"segm", "bbox"} & explained(text), sections(text)
    lacking = {
        key: keys_of({key: value})
        - common
        - (parts.get(key, set()) if isinstance(value, dict) else explained(text))
        for key, value in scores.items()
    }
    return {key: keys for key, keys in lacking.items() if keys}


def test_ids_and_names_are_no_keys():
    scores = {
        "AP": 1,
        "a/b": 2,
        "per_category": {3: {"name": "x"}},
        "per_supercategory": {"textile": {"f1": 1}},
        "list": [{"not": 1}],
    }
    assert keys_of(scores) == {
        "AP",
        "a",
        "b",
        "per_category",
        "name",
        "per_supercategory",
        "f1",
        "list",
    }
    assert keys_of(json.loads(json.dumps(scores))) == keys_of(scores)


def test_a_key_must_be_explained_in_its_own_part():
    text = (
        "# Metrics\n\n`e` is one number.\n\n## `a` and `b`: two\n\n`x` is known.\n\n"
        "## `c`: one\n\n`y` is, too."
    )
    scores = {"a": {"x": 1}, "b": {"x": 1, 3: {"y": 2}}, "c": {"y": 1}, "d": 1, "e": 1}
    assert unexplained(scores, text) == {"b": {"y"}, "d": {"d"}}


@pytest.fixture
def case(random_case):
    truth, detections = random_case(4, images=5, objects=5, predictions=6, boxes=True)
    rng = np.random.default_rng(4)
    for row in truth["attributes"]:
        row["supercategory"] = "textile pattern"
    for row in detections:
        row["attribute_scores"] = rng.random(len(truth["attributes"]), dtype=np.float32)
    return truth, detections


def test_every_key_of_stored_predictions_is_explained(case):
    scores = score_predictions(*case, fixed=True)
    assert {
        "kaggle_2020",
        "f1AP50",
        "AP_IOU50_F150",
        "mean_iou",
        "sensitivity",
        "corloc",
    } <= keys_of(scores)
    assert unexplained(scores, TEXT) == {}


def test_the_attributes_on_true_boxes_are_explained(case):
    truth, _ = case
    described = [
        {"annotation_id": row["id"], "attribute_ids": row["attribute_ids"]}
        for row in truth["annotations"]
        if not row["iscrowd"]
    ]
    assert (
        unexplained(
            {
                "attributes_on_truth": attribute_f1_on_truth(truth, described),
                "attribute_curves": attribute_curves(*case),
            },
            TEXT,
        )
        == {}
    )


@pytest.mark.slow
def test_every_key_that_the_verb_writes_is_explained(
    undrawn, tiny_run, loaded_quickly, sample_folder, tmp_path
):
    """Of a model, with all options, then of the predictions that it stored."""
    write_thresholds(tmp_path / "t.json", Thresholds(score=0.03))
    common = [
        "--fixed",
        "--thresholds",
        str(tmp_path / "t.json"),
        "--tune",
        "kaggle_2020",
        "--folds",
        "2",
        "--out",
        str(tmp_path),
    ]
    for words, expected in (
        (
            ["--weights", str(tiny_run), "--data", str(sample_folder), "--true-boxes"],
            {"weights", "min_score", "set", "data", "rescored", "attributes_on_truth"},
        ),
        (
            [
                "--gt",
                str(sample_folder / "val.csv"),
                "--predictions",
                str(tmp_path / "predictions.json"),
            ],
            {"gt", "predictions", "rescored"},
        ),
    ):
        evaluate.main([*words, *common])
        scores = json.loads((tmp_path / "metrics.json").read_text())
        assert (
            expected | {"photos", "thresholds", "score_threshold", "tuning", "grid"}
            <= scores.keys()
        )
        assert unexplained(scores, TEXT) == {}
