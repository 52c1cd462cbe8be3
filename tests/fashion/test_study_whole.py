"""Whole studies with real trainings of tiny networks: two steps of the ladder, and a grid."""

import json

import pytest

from fashion import study
from fashion.studies.detectors import STUDIES

pytestmark = [pytest.mark.full]


def test_two_steps_of_the_ladder_and_nothing_twice(
    uncompiled, sample_folder, tmp_path, monkeypatch, capsys
):
    first, second = list(STUDIES["ladder"].variants)[:2]
    words = ["ladder", "--quick", "--data", str(sample_folder), "--out", str(tmp_path / "out")]
    words += ["--only", first, "--only", second]
    results = study.main(words)
    assert list(results) == [first, second]
    printed = capsys.readouterr().out
    assert "No difference can be tested" in printed and "0.044" in printed
    (config,) = (tmp_path / "out" / "all-layers").glob("seed1/*/config.json")
    assert "heads-only" in json.loads(config.read_text())["weights"]
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Recall by category" in page and "of --quick" in page

    def refuse(words):
        raise AssertionError("a finished run was trained again")

    monkeypatch.setattr("fashion.train.main", refuse)
    assert list(study.main(words)) == [first, second]


def test_a_study_of_thresholds_has_a_grid(uncompiled, sample_folder, tmp_path):
    words = ["cs231n-thresholds", "--quick", "--data", str(sample_folder), "--out", str(tmp_path)]
    results = study.main(words)
    (name,) = results
    metrics = json.loads((tmp_path / name / "seed1" / "metrics.json").read_text())
    assert len(metrics["grid"]["values"]) == 10
    assert "class score, attribute score" in (tmp_path / "index.html").read_text()
