"""The page of a detector study, from metrics files that are made up: every kind of study."""

import csv
import json

import numpy as np
import pytest

from fashion.studies.category_recall import least_recall, recall_rows, recalls_of
from fashion.studies.detector_page import conclusions, grid_rows, write_page
from fashion.studies.detector_tables import COLUMNS, folder_of, results_of
from fashion.studies.detectors import STUDIES

SIZES = ("AP", "AP50", "AP75", "APs", "APm", "APl")


@pytest.fixture
def made_up(tmp_path):
    """made_up(study, names, seeds=3, value=f): runs whose scores all are f(i, seed)."""

    def make(study, names, seeds=3, value=lambda i, seed: 0.2 + 0.05 * i + 0.001 * seed):
        for i, name in enumerate(names):
            for seed in range(1, 1 + seeds):
                path = folder_of(tmp_path, name, seed) / "metrics.json"
                path.parent.mkdir(parents=True)
                path.write_text(json.dumps(metrics(value(i, seed))))
        return results_of(tmp_path, study.variants, study.trainers)

    return make


def metrics(score):
    """metrics.json with one score everywhere, two categories, and a grid."""
    content = {}
    for keys in COLUMNS.values():
        place = content
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = score
    content["found"]["per_category"] = {
        "0": {"name": "shirt, blouse", "instances": 40, "sensitivity": score},
        "1": {"name": "hat", "instances": 4, "sensitivity": score / 2},
        "2": {"name": "cape", "instances": 0, "sensitivity": -1},
    }
    scores, attributes = [0.0, 0.5, 0.8], [0.3, 0.4, 0.5, 0.7]
    numbers = {name: [score, score / 2, score / 4] for name in SIZES}
    numbers |= {f"f1{name}": [[score / 8] * 4] * 3 for name in SIZES}
    content["grid"] = {
        "metric": "f1_ap",
        "score_thresholds": scores,
        "attribute_thresholds": attributes,
        "values": numbers["f1AP"],
        "numbers": {"segm": numbers, "bbox": numbers},
    }
    return content


def page_of(tmp_path, name, results):
    return write_page(tmp_path, STUDIES[name], results, [("Data", "made up")]).read_text()


@pytest.mark.slow
def test_the_ladder_has_its_deck_beside_it_and_recalls(made_up, tmp_path, undrawn):
    study = STUDIES["ladder"]
    page = page_of(tmp_path, "ladder", made_up(study, study.variants))
    assert "heads only (slide deck, Kaggle&#x27;s test photos)" in page and "0.044" in page
    assert "Differences from the row above" in page and "Significant at the 5% level" in page
    rows = list(csv.DictReader((tmp_path / "recall.csv").open()))
    assert [row["category"] for row in rows] == ["shirt, blouse"] * 5 + ["hat"] * 5
    assert float(rows[0]["recall"]) == pytest.approx(0.202)


@pytest.mark.slow
def test_figures_of_the_ladder_are_drawn(made_up, tmp_path):
    study = STUDIES["ladder"]
    page = page_of(tmp_path, "ladder", made_up(study, study.variants, seeds=2))
    assert page.count("<svg") + page.count("<img") >= 2
    assert (tmp_path / "recall.png").stat().st_size > 1000


@pytest.mark.slow
def test_a_factorial_study_has_effects(made_up, tmp_path, undrawn):
    study = STUDIES["cs444-factors-small"]
    page = page_of(tmp_path, "cs444-factors-small", made_up(study, study.variants))
    assert "attention: SE instead of no attention" in page


@pytest.mark.slow
def test_sizes_have_a_curve_and_a_forecast(made_up, tmp_path):
    study = STUDIES["sample-size"]

    def value(i, seed):
        return 0.5 - 2 * (100, 200, 400, 700)[i] ** -0.5 + 0.001 * seed

    page = page_of(tmp_path, "sample-size", made_up(study, study.variants, value=value))
    assert "1,400 photos would score" in page and (tmp_path / "curve.png").exists()


@pytest.mark.slow
def test_thresholds_stand_beside_those_of_the_report(made_up, tmp_path, undrawn):
    study = STUDIES["cs231n-thresholds"]
    page = page_of(tmp_path, "cs231n-thresholds", made_up(study, ["resnet50"], seeds=2))
    assert "class score, attribute score" in page and "0.169" in page


def test_a_grid_is_looked_up_by_its_thresholds():
    grids = [metrics(0.4)["grid"], metrics(0.8)["grid"]]
    header, row = grid_rows(grids, {(0.8, 0.5): {"mask AP": 0.1685}}, "report")
    assert header[1:3] == ["mask AP", "mask f1AP"] and row[0] == "0.8, 0.5"
    assert row[1] == "0.150 ± 0.071" and row[2] == "0.075 ± 0.035"
    assert row[5:] == ["0.169", "", "", ""]  # 0.1685 in three digits


def test_conclusions_of_one_seed_and_of_none(made_up):
    study = STUDIES["sample-size"]
    lines = conclusions(study, made_up(study, list(study.variants)[:2], seeds=1))
    assert lines[0].startswith("No difference can be tested")
    assert lines[1].startswith("mask AP: no forecast of more photos, because a power law has three")
    assert conclusions(study, {}) == [
        "There is nothing to compare yet: fewer than two variants have finished runs."
    ]


def test_nothing_is_written_without_runs(tmp_path):
    assert write_page(tmp_path, STUDIES["ladder"], {}, []) is None and not list(tmp_path.iterdir())


def test_recalls_by_hand(made_up, tmp_path):
    study = STUDIES["ladder"]
    names = list(study.variants)[:2]
    made_up(study, names, seeds=2)
    recalls = recalls_of(tmp_path, study.variants)
    assert recall_rows(recalls, names)[1:] == [
        ["shirt, blouse", 40, "0.20", "0.25"],
        ["hat", 4, "0.10", "0.13"],
    ]
    least = least_recall(recalls, names[0], 1)
    assert list(least) == ["hat"] and least["hat"] == pytest.approx(0.10075)
    assert np.isnan(recalls["hat"][1][names[0]]).sum() == 0
